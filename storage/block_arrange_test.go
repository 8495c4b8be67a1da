package storage

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// arrangedBatch is rows with columns of few values between two of many.
func arrangedBatch(rows int) *Batch {
	b := NewBatch()
	for row := range rows {
		noise := uint64(row+1) * 0x9e3779b97f4a7c15
		b.SetString(b.Slot([]byte("a_id")), fmt.Appendf(nil, "%016x%016x", noise, noise*noise))
		b.SetString(b.Slot([]byte("m_service")), fmt.Appendf(nil, "service-%d", noise>>61))
		b.SetInt(b.Slot([]byte("n_size")), int64(noise>>40))
		b.SetString(b.Slot([]byte("z_status")), fmt.Appendf(nil, "%d", 200+noise>>63))
		b.EndRow(int64(row) * 1_000_000)
	}
	return b
}

// TestShortColumnsLieFirst: of a block that one fault does not map, the columns that
// most queries read do lie in those pages, and all columns are what they were.
func TestShortColumnsLieFirst(t *testing.T) {
	const fault = 64 << 10
	data, _, err := AppendBlock(nil, arrangedBatch(8_192), BlockOptions{Richness: Rich})
	if err != nil {
		t.Fatal(err)
	}
	SealBlock(data, BlockID{1, 2})
	b := mustOpen(t, data)
	if len(data) < 2*fault {
		t.Fatalf("%d bytes are too few to show anything", len(data))
	}
	for _, name := range []string{"m_service", TimeColumn, "z_status"} {
		c := b.Find(name)[0]
		if c.flags&flagInline != 0 || c.at+c.length > fault {
			t.Errorf("%s lies at %d, %d bytes: not in the first %d", name, c.at, c.length, fault)
		}
	}
	placed := slices.Clone(b.Columns())
	slices.SortFunc(placed, func(x, y *Column) int { return x.at - y.at })
	for i, c := range placed {
		if err := c.Check(); err != nil {
			t.Error(err)
		}
		if c.at%64 != 0 || i > 0 && (c.length < placed[i-1].length || c.at < placed[i-1].at+placed[i-1].length+tailBytes) {
			t.Errorf("%s lies at %d, %d bytes, after %s at %d, %d bytes", c.name, c.at, c.length, placed[max(0, i-1)].name, placed[max(0, i-1)].at, placed[max(0, i-1)].length)
		}
	}
	// The encoder is used again: what the block before has left must not show.
	again, _, err := AppendBlock(nil, arrangedBatch(8_192), BlockOptions{Richness: Rich})
	if err != nil {
		t.Fatal(err)
	}
	if SealBlock(again, BlockID{1, 2}); !bytes.Equal(again, data) {
		t.Error("the same rows make another block")
	}
	var dump strings.Builder
	if err := DumpBlock(&dump, data); err != nil || strings.Count(dump.String(), "column") < len(placed) {
		t.Errorf("the block is dumped with %v:\n%s", err, &dump)
	}
	back := NewBatch()
	if err := b.Batch(back); err != nil {
		t.Fatal(err)
	}
	if once, _, err := AppendBlock(nil, back, BlockOptions{Richness: Rich}); err != nil || SealBlock(once, BlockID{1, 2}) == 0 || !bytes.Equal(once, data) {
		t.Errorf("the rows of the block make another block, %v", err)
	}
}
