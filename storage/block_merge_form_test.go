package storage

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// formRows makes rows of one part of a merge: columns that have one form in all
// parts, and columns whose form differs from part to part.
func formRows(r *rand.Rand, part, n int, overlap bool) []modelRow {
	rows := make([]modelRow, n)
	at := int64(1_790_000_000_000_000_000)
	if !overlap {
		at += int64(part) * 1e12
	}
	for i := range rows {
		at += int64(r.IntN(3)) * 1e6
		v := map[string]Value{}
		rows[i] = modelRow{time: at, values: v}
		text := func(name, format string, args ...any) { v[name] = String(fmt.Sprintf(format, args...)) }
		text("user", "user-%06d", r.IntN(1e6))
		text("prefix", "p%d-%06d", part, r.IntN(1e6))
		text("digits", []string{"%05d", "%d", "%x0"}[part%3], r.IntN(1e5))
		text("widths", []string{"w%06d", "w%d", "w%06d"}[part%3], r.IntN(1e6))
		text("trace", "%016x%016x", r.Uint64(), r.Uint64())
		text("cased", []string{"%016x", "%016X"}[part%2], r.Uint64())
		if r.IntN(3) > 0 {
			text("some_user", "u%08x", r.Uint32())
			text("some_trace", "%08x-%016x", r.Uint32(), r.Uint64())
			v["some_tags"] = List(randomTags(r, 9+part))
			text("some_message", "sent %d bytes to peer-%02d", r.IntN(1e6), r.IntN(99))
		}
		if part != 1 { // a part knows nothing of them
			text("late_trace", "%016x", r.Uint64())
			text("late_user", "user-%06d", r.IntN(1e6))
			v["late_tags"] = List(randomTags(r, 20))
			text("late_message", "sent %d bytes to peer-%02d", r.IntN(1e6), r.IntN(99))
		}
		v["tags"] = List(randomTags(r, 10*(part+1)))
		v["one_tag"] = List([]string{"always"})
		v["no_tags"] = List(nil)
		v["unique_tags"] = List(randomTags(r, 1<<40))
		text("message", "%s", formMessage(r, part))
	}
	return rows
}

// formMessage makes a message of templates whose variables are of every kind, some
// of which differ from part to part.
func formMessage(r *rand.Rand, part int) string {
	switch r.IntN(8) {
	case 0: // as many digits as needed here, fixed there, with zeros before them or not
		return fmt.Sprintf("request took %d ms on the way", []int{100, 1000, 5}[part%3]+r.IntN(90))
	case 1:
		return fmt.Sprintf([]string{"code %03d from upstream", "code %d from upstream", "code %04d from upstream"}[part%3], r.IntN(900))
	case 2: // words of its own
		return fmt.Sprintf("state of order%d is now w%d%c", r.IntN(1e6), part*3+r.IntN(4), 'a'+rune(r.IntN(3)))
	case 3: // constant here, a number there
		return fmt.Sprintf("shard %d of %d answered late", r.IntN(1e4), []int{64, 10 + r.IntN(80)}[part%2])
	case 4: // ids too long for a number
		return fmt.Sprintf("session %016x%08x closed by the client", r.Uint64(), r.Uint32())
	case 5: // a template of this part alone
		return fmt.Sprintf("part %c alone says %d", 'a'+rune(part), r.IntN(1e6))
	case 6:
		return fmt.Sprintf("key:%04x and K%04X in 10.%d.%d.%d", r.IntN(1<<16), r.IntN(1<<16), r.IntN(256), r.IntN(256), part)
	}
	if r.IntN(4) == 0 {
		return randomProse(r)
	}
	return "nothing to report"
}

// TestMergeForms merges parts whose columns share a form, and parts where they do
// not, in order of time and mixed, and holds the result against the rows.
func TestMergeForms(t *testing.T) {
	for seed := range uint64(4) {
		overlap := seed%2 == 1
		t.Run(fmt.Sprintf("seed=%d,overlap=%t", seed, overlap), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 5))
			n := 600
			if underRace {
				n = 300
			}
			var blocks []*Block
			var all []modelRow
			whole := NewBatch()
			for part := range 3 {
				rows := formRows(r, part, n+r.IntN(200), overlap)
				batch := NewBatch()
				fill(batch, rows)
				data, _ := sealed(t, batch, BlockOptions{Richness: Rich})
				blocks = append(blocks, mustOpen(t, data))
				if err := blocks[part].Batch(whole); err != nil {
					t.Fatal(err)
				}
				all = append(all, byTime(rows)...)
			}
			merged, _, err := MergeBlocks(nil, blocks, BlockOptions{Richness: Rich})
			if err != nil {
				t.Fatal(err)
			}
			SealBlock(merged, BlockID{7, 42})
			b := mustOpen(t, merged)
			checkRows(t, b, byTime(all))
			atOnce, _ := sealed(t, whole, BlockOptions{Richness: Rich})
			for i, c := range mustOpen(t, atOnce).Columns() {
				if got := b.Columns()[i]; got.Bytes() > c.Bytes()+c.Bytes()/20+200 {
					t.Errorf("%s: %d bytes as %v, at once %d as %v", c.Name(), got.Bytes(), got.Encoding(), c.Bytes(), c.Encoding())
				}
			}
		})
	}
}
