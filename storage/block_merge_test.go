package storage

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestMerge merges blocks of several sizes and kinds and holds the result against
// the rows, and against the block that AppendBlock makes of them.
func TestMerge(t *testing.T) {
	seeds := uint64(12)
	if underRace {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 77))
			var blocks []*Block
			var all []modelRow
			for range 1 + r.IntN(5) {
				rows := randomRows(r, 1+r.IntN([]int{3, 100, 900}[r.IntN(3)]), []int64{0, 1e10}[r.IntN(2)])
				dropColumns(r, rows)
				batch := NewBatch()
				fill(batch, rows)
				richness := Richness(r.IntN(2))
				data, _ := sealed(t, batch, BlockOptions{Richness: richness})
				blocks = append(blocks, mustOpen(t, data))
				if richness == Rich {
					rows = byTime(rows)
				}
				all = append(all, rows...)
			}
			for _, richness := range []Richness{Cheap, Rich} {
				o := BlockOptions{Shard: 2, Arrival: 8, Richness: richness}
				merged, meta, err := MergeBlocks([]byte("before"), blocks, o)
				if err != nil {
					t.Fatal(err)
				}
				merged = merged[len("before"):]
				SealBlock(merged, BlockID{7, 42})
				want := all
				if richness == Rich {
					want = byTime(all)
				}
				b := mustOpen(t, merged)
				checkRows(t, b, want)

				batch := NewBatch()
				for _, b := range blocks {
					if err := b.Batch(batch); err != nil {
						t.Fatal(err)
					}
				}
				atOnce, _ := sealed(t, batch, o)
				whole := mustOpen(t, atOnce)
				if whole.Header().Weight != meta.Weight || meta.Rows != len(all) || whole.Header().MinTime != meta.MinTime {
					t.Errorf("meta %+v, at once %+v", meta, whole.Header())
				}
				if len(merged) > len(atOnce)+len(atOnce)/8 {
					t.Errorf("merged block has %d bytes, at once %d", len(merged), len(atOnce))
				}
			}
		})
	}
}

// dropColumns leaves some columns out of all rows.
func dropColumns(r *rand.Rand, rows []modelRow) {
	for name := range generators {
		if r.IntN(5) > 0 {
			continue
		}
		for _, row := range rows {
			delete(row.values, name)
		}
	}
}

// TestMergeIsAppend holds that merged blocks of many rows are, byte for byte, what
// AppendBlock makes of the same rows.
func TestMergeIsAppend(t *testing.T) {
	batch, whole := NewBatch(), NewBatch()
	var blocks []*Block
	for i := range 4 {
		batch.Reset()
		fill(batch, randomRows(rand.New(rand.NewPCG(uint64(i), 3)), 1500, 1e12))
		data, _ := sealed(t, batch, BlockOptions{Richness: Richness(i % 2)})
		blocks = append(blocks, mustOpen(t, data))
		if err := blocks[i].Batch(whole); err != nil {
			t.Fatal(err)
		}
	}
	merged, _, err := MergeBlocks(nil, blocks, BlockOptions{Richness: Rich})
	if err != nil {
		t.Fatal(err)
	}
	SealBlock(merged, BlockID{7, 42})
	want, _ := sealed(t, whole, BlockOptions{Richness: Rich})
	if bytes.Equal(merged, want) {
		return
	}
	got, wanted := mustOpen(t, merged), mustOpen(t, want)
	for i, c := range wanted.Columns() {
		if g := got.Columns()[i]; g.Name() != c.Name() || g.Encoding() != c.Encoding() || !bytes.Equal(g.data, c.data) {
			t.Errorf("%s: merged as %v, %d bytes; at once %v, %d bytes", c.Name(), g.Encoding(), g.Bytes(), c.Encoding(), c.Bytes())
		}
	}
	for i, line := range dumpLines(t, merged) {
		if other := dumpLines(t, want)[i]; line != other {
			t.Fatalf("merged block has\n%s\nat once\n%s", line, other)
		}
	}
}

// TestMergeOrder: blocks that do not overlap in time become the same block in
// whichever order they come, and nothing has to change places; the rows of blocks that
// meet in one instant keep the order of the blocks.
func TestMergeOrder(t *testing.T) {
	var blocks []*Block
	for i := range 3 {
		data, _ := sealed(t, workloadBatch(3_000, int64(i*3_000)), BlockOptions{Richness: Rich})
		blocks = append(blocks, mustOpen(t, data))
	}
	want, _, err := MergeBlocks(nil, blocks, BlockOptions{Richness: Rich})
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range [][3]int{{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		mixed := []*Block{blocks[order[0]], blocks[order[1]], blocks[order[2]]}
		got, _, err := MergeBlocks(nil, mixed, BlockOptions{Richness: Rich})
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("in the order %d the block is another (%v)", order, err)
		}
		if sorted := inTimeOrder(mixed); !slices.Equal(sorted, blocks) || mixed[0] != blocks[order[0]] {
			t.Errorf("the order %d is not put right, or in place", order)
		}
	}
	var meeting []*Block
	for i, times := range [][]int64{{5, 9}, {1, 5}} {
		b := NewBatch()
		slot := b.Slot([]byte("n"))
		for j, at := range times {
			b.SetInt(slot, int64(10*i+j))
			b.EndRow(at)
		}
		data, _ := sealed(t, b, BlockOptions{Richness: Rich})
		meeting = append(meeting, mustOpen(t, data))
	}
	data, _, err := MergeBlocks(nil, meeting, BlockOptions{Richness: Rich})
	if err != nil {
		t.Fatal(err)
	}
	SealBlock(data, BlockID{1, 1})
	b := NewBatch()
	if err := mustOpen(t, data).Batch(b); err != nil {
		t.Fatal(err)
	}
	if got := b.slots[0].Vectors[TypeInt64].Ints; !slices.Equal(got, []int64{10, 0, 11, 1}) {
		t.Errorf("rows of one instant: got %d", got)
	}
}

func TestMergeErrors(t *testing.T) {
	if _, _, err := MergeBlocks(nil, nil, BlockOptions{}); !errors.Is(err, ErrNoRows) {
		t.Errorf("merging nothing: %v", err)
	}
	data, _ := sealed(t, referenceBatch(40_000), BlockOptions{})
	b := mustOpen(t, data)
	if _, _, err := MergeBlocks(nil, []*Block{b, b}, BlockOptions{}); !errors.Is(err, ErrBlockTooLarge) {
		t.Errorf("merging 80,000 rows: %v", err)
	}
	c := b.Find("message")[0]
	c.data = bytes.Clone(c.data)
	c.data[100] ^= 1
	var damage *DamageError
	if _, _, err := MergeBlocks(nil, []*Block{b}, BlockOptions{}); !errors.As(err, &damage) || damage.Column != "message" {
		t.Errorf("merging damage: %v", err)
	}
}

// TestTextLimit holds that no block stands for more text than BlockTextMax, even
// if a dictionary makes it small.
func TestTextLimit(t *testing.T) {
	big := []byte(strings.Repeat("x", ValueBytesMax))
	batch := NewBatch()
	slot := batch.Slot([]byte("m"))
	for i := range 100 {
		batch.SetString(slot, big)
		batch.EndRow(int64(i))
	}
	data, _ := sealed(t, batch, BlockOptions{Richness: Rich})
	if len(data) > 2*ValueBytesMax {
		t.Errorf("100 equal texts take %d bytes", len(data))
	}
	b := mustOpen(t, data)
	if _, _, err := MergeBlocks(nil, []*Block{b, b}, BlockOptions{Richness: Rich}); err != nil {
		t.Errorf("merging 200 MiB of text: %v", err)
	}
	if _, _, err := MergeBlocks(nil, []*Block{b, b, b}, BlockOptions{Richness: Rich}); !errors.Is(err, ErrBlockTooLarge) {
		t.Errorf("merging 300 MiB of text: %v", err)
	}
	batch.Reset()
	for range 2 {
		if err := b.Batch(batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Batch(batch); !errors.Is(err, ErrBlockTooLarge) {
		t.Errorf("300 MiB of text in a batch: %v", err)
	}
}

func TestAppendErrors(t *testing.T) {
	if _, _, err := AppendBlock(nil, NewBatch(), BlockOptions{}); !errors.Is(err, ErrNoRows) {
		t.Errorf("no rows: %v", err)
	}
	batch := NewBatch()
	batch.SetInt(batch.Slot(bytes.Repeat([]byte("n"), ColumnNameBytesMax+1)), 1)
	batch.EndRow(1)
	if _, _, err := AppendBlock(nil, batch, BlockOptions{}); err == nil {
		t.Error("a long name passes")
	}
	batch = NewBatch()
	for i := range ColumnsPerBlockMax {
		batch.SetInt(batch.Slot(fmt.Append(nil, i)), 1)
	}
	batch.EndRow(1)
	if _, _, err := AppendBlock(nil, batch, BlockOptions{}); !errors.Is(err, ErrBlockTooLarge) {
		t.Errorf("%d columns and time: %v", ColumnsPerBlockMax, err)
	}
}

func dumpLines(t *testing.T, data []byte) []string {
	t.Helper()
	var dump strings.Builder
	if err := DumpBlock(&dump, data); err != nil {
		t.Fatal(err)
	}
	return strings.Split(dump.String(), "\n")
}
