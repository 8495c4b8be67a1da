package storage

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// checkParts puts texts together again from their constants and the windows of their
// variables, one by one and all at once, and holds each value against what is said of it.
func checkParts(t *testing.T, r *templateReader, want []string) {
	t.Helper()
	templates := r.apart()
	most := 0
	for _, o := range templates {
		most = max(most, len(o.Variables))
	}
	got, whole := make([]string, r.rows), make([]string, r.rows)
	for nth := range most + 1 { // the last time all at once
		windows := make([]TextWindow, len(templates))
		values := make([]*regexp.Regexp, len(templates))
		for i, o := range templates {
			switch n := len(o.Variables); {
			case nth == most:
				windows[i] = TextWindow{Past: n}
			case nth < n:
				windows[i] = TextWindow{First: nth, Past: nth + 1}
				values[i] = regexpOf(o.Variables[nth])
			}
		}
		var buf TextBuf
		text, err := r.unpack(nil, windows, &buf)
		if err != nil {
			t.Fatal(err)
		}
		for row, id := range buf.templates.ids[:r.rows] {
			if int(id) == len(templates) || r.valid != nil && !bitSet(r.valid, row) {
				continue
			}
			o, value := &templates[id], string(text.At(row))
			if values[id] != nil && !values[id].MatchString(value) {
				t.Fatalf("%q is not %v", value, values[id])
			}
			if last := len(o.Variables); nth == most {
				whole[row] = string(o.Constants[0]) + value
				if last > 0 {
					whole[row] += string(o.Constants[last])
				}
			} else if nth < last {
				got[row] += string(o.Constants[nth]) + value
			}
		}
	}
	for row, id := range r.idsOf() {
		if int(id) == len(templates) || r.valid != nil && !bitSet(r.valid, row) {
			continue
		}
		o := &templates[id]
		if got[row] += string(o.Constants[len(o.Variables)]); got[row] != want[row] || whole[row] != want[row] {
			t.Fatalf("row %d is %q by its variables and %q by all of them, want %q", row, got[row], whole[row], want[row])
		}
	}
	checkMark(t, r, len(templates))
}

// idsOf are the templates of all rows.
func (r *templateReader) idsOf() []uint8 {
	return Codes{Width: r.width, Packed: r.ids, Rows: r.rows}.Unpack8(nil)
}

// checkMark selects the rows of every third template, and the loose ones or not.
func checkMark(t *testing.T, r *templateReader, templates int) {
	t.Helper()
	for off := range 3 {
		want := make([]bool, templates+1)
		for i := range want {
			want[i] = i%3 == off
		}
		dst := make([]uint64, bitmapWords(r.rows))
		fillWords(dst)
		r.mark(dst, want)
		for row, id := range r.idsOf() {
			if bitSet(dst, row) != want[id] {
				t.Fatalf("row %d of template %d is marked: %v", row, id, bitSet(dst, row))
			}
		}
	}
}

// regexpOf matches the values that the parts of a variable allow; nil: any.
func regexpOf(parts []TextPart) *regexp.Regexp {
	if parts == nil {
		return nil
	}
	var b strings.Builder
	b.WriteString("(?s)^")
	for _, p := range parts {
		if p.Words == nil {
			fmt.Fprintf(&b, "[%s]{%d,%d}", p.Set, p.Min, p.Max)
			continue
		}
		words := make([]string, len(p.Words))
		for i, w := range p.Words {
			words[i] = regexp.QuoteMeta(string(w))
			if strings.ToValidUTF8(string(w), "") != string(w) {
				return nil // expressions are of UTF-8
			}
		}
		slices.Sort(words)
		b.WriteString("(?:" + strings.Join(slices.Compact(words), "|") + ")")
	}
	b.WriteString("$")
	return regexp.MustCompile(b.String())
}

// BenchmarkWindows writes one variable of each text of a full column, beside all of it.
func BenchmarkWindows(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	texts := make([]string, RowsPerBlockMax)
	for i := range texts {
		texts[i] = fmt.Sprintf("request %08x of user-%06d took %d ms on shard %d", r.Uint32(), r.IntN(1e6), r.IntN(1e4), r.IntN(64))
	}
	data, _, ok := (&encoder{rich: true}).appendTemplates(nil, &source{vec: vectorOf(texts), n: len(texts), rows: len(texts)})
	if !ok {
		b.Fatal("no templates")
	}
	size := len(data)
	o, err := section{typ: TypeString, enc: EncTemplate, rows: len(texts), data: appendZeros(data, tailBytes)[:size]}.open()
	if err != nil {
		b.Fatal(err)
	}
	reader := o.text.(*templateReader)
	one := make([]TextWindow, len(reader.templates))
	for i := range one {
		one[i] = TextWindow{First: min(2, len(reader.templates[i].vars)), Past: min(3, len(reader.templates[i].vars))}
	}
	for name, windows := range map[string][]TextWindow{"one": one, "all": nil} {
		b.Run(name, func(b *testing.B) {
			var buf TextBuf
			for b.Loop() {
				if _, err := reader.unpack(nil, windows, &buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
