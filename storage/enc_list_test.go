package storage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestListsMoveWithTheirRows: lists of rows that came out of order keep their items,
// whether those are numbered or written out.
func TestListsMoveWithTheirRows(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 43))
	for _, values := range []int{5, 1 << 40} {
		const rows = 3000
		b, lists := NewBatch(), make([][]string, rows)
		slot := b.Slot([]byte("tags"))
		for _, at := range rng.Perm(rows) {
			if rng.IntN(9) > 0 {
				b.SetList(slot)
				for range rng.IntN(4) {
					item := fmt.Sprintf("value %d", rng.IntN(values))
					lists[at] = append(lists[at], item)
					b.AppendItem(slot, []byte(item))
				}
			}
			b.EndRow(int64(at))
		}
		data, _, err := AppendBlock(nil, b, BlockOptions{Richness: Rich})
		if err != nil {
			t.Fatal(err)
		}
		SealBlock(data, BlockID{Epoch: 1, Seq: 1})
		block, err := OpenBlock(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range block.Columns() {
			if c.Name() != "tags" {
				continue
			}
			read, err := c.Lists(new(ListBuf))
			if err != nil {
				t.Fatal(err)
			}
			for row, want := range lists {
				var got []string
				for from, to := read.Range(row); from < to; from++ {
					got = append(got, string(read.Item(from)))
				}
				if !slices.Equal(got, want) {
					t.Fatalf("seed %d: the list of row %d is %q, not %q", seed, row, got, want)
				}
			}
		}
	}
}
