package storage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// treeTexts are of some templates, in any order, among them texts that differ from
// them in little: in a word, in what of it is to be cut out, in the end.
func treeTexts(r *rand.Rand, rows int) *Vector {
	words := []string{"ready", "v2", "", "x/ipv6/y", "a-longer-one", strings.Repeat("word", 20)}
	odd := []string{"v2", "", "abc", "12 34", "x7y8", strings.Repeat("9a", 40), "17.5", "ü1"}
	v := &Vector{Type: TypeString}
	for range rows {
		number := func() string {
			if r.IntN(40) == 0 {
				return odd[r.IntN(len(odd))]
			}
			return fmt.Sprint(r.IntN(1 << r.IntN(30)))
		}
		text := ""
		switch r.IntN(7) {
		case 0:
			text = fmt.Sprintf("job %s moved to %s", number(), words[r.IntN(len(words))])
		case 1:
			text = fmt.Sprintf("job %s moved to %s by %s, v2", number(), number(), number())
		case 2:
			text = fmt.Sprintf("%s is the number of user-%s", number(), number())
		case 3:
			text = fmt.Sprintf("%s is the number of %s in %s ms", number(), words[r.IntN(len(words))], number())
		case 4:
			text = fmt.Sprintf("%s%c%s", number(), "/ -"[r.IntN(3)], number())
		case 5: // pieces that differ in the middle alone
			text = fmt.Sprintf("backups %s of host %s", []string{"go on and will end", "no more can be had"}[r.IntN(2)], number())
		default:
			text = fmt.Sprintf("key:%x", r.Uint64N(1<<48))
		}
		v.Bytes = append(v.Bytes, text...)
		v.Ends = append(v.Ends, uint32(len(v.Bytes)))
	}
	return v
}

// TestTree holds that the texts which a tree finds a template for are of that
// template, and that its variables are those that cutting finds, but for words out of
// which nothing would be cut.
func TestTree(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	v := treeTexts(r, learnRows*learnShare)
	s := source{vec: v, n: len(v.Ends), rows: len(v.Ends)}
	var m miner
	if !m.mine(&s, nil) {
		t.Fatal("no templates")
	}
	matched := 0
	for row, id := range m.ofRow[:s.rows] {
		if id == 0 {
			continue
		}
		sk := &m.skeletons[id-1]
		at := m.ends[m.endsAt[row]:][:sk.vars]
		if sk.learned == nil {
			continue
		}
		matched++
		start, end := s.spanOfRow(nil, row)
		text := v.Bytes[start:end]
		cut := slices.Clone(cutBytewise(text))
		var again []byte
		for j, sp := range sk.spans {
			from, to := sp.from.in(at), sp.to.in(at)
			again = append(append(again, sk.learned.pieces[j]...), text[from:to]...)
			if sk.learned.words[j] {
				if strings.Contains(string(text[from:to]), " ") || len(cutBytewise(text[from:to])) > 0 {
					t.Fatalf("%q: %q is taken for a word", text, text[from:to])
				}
				continue
			}
			if len(cut) == 0 || int(cut[0].from) != from || int(cut[0].to) != to {
				t.Fatalf("%q: %q is taken for a variable, of %v", text, text[from:to], cut)
			}
			cut = cut[1:]
		}
		if again = append(again, sk.learned.pieces[sk.vars]...); string(again) != string(text) || len(cut) > 0 {
			t.Fatalf("%q is read as %q, and %v is left", text, again, cut)
		}
	}
	if matched < s.rows*3/4 {
		t.Errorf("only %d of %d rows are of a template that was learned", matched, s.rows)
	}
}

// TestTreeNulls holds a column of which many rows have no text, others a template that
// the texts it is learned from do not show.
func TestTreeNulls(t *testing.T) {
	const rows = learnRows * learnShare * 2
	b, want := NewBatch(), make([]string, rows)
	slot := b.Slot([]byte("m"))
	for i := range rows {
		switch {
		case i%5 == 0: // null
		case i%(learnRun*rows/learnRows) >= learnRun && i > rows/2: // it is not learned from these
			want[i] = fmt.Sprintf("late %d of %d", i, i*7)
		default:
			want[i] = fmt.Sprintf("request %d took %d ms", i*31, i%977)
		}
		if want[i] != "" {
			b.SetString(slot, []byte(want[i]))
		}
		b.EndRow(int64(i))
	}
	data, _ := sealed(t, b, BlockOptions{Richness: Rich})
	c := mustOpen(t, data).Find("m")[0]
	var buf TextBuf
	text, err := c.Text(&buf)
	if err != nil || c.Encoding() != EncTemplate {
		t.Fatalf("%v, %v", c.Encoding(), err)
	}
	for i := range rows {
		if got := string(text.At(i)); got != want[i] {
			t.Fatalf("row %d is %q, not %q", i, got, want[i])
		}
	}
	if r := c.open().text.(*templateReader); r.looseRows > 0 || len(r.templates) > 3 {
		t.Errorf("%d templates, %d rows loose", len(r.templates), r.looseRows)
	}
}
