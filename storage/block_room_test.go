package storage

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
)

// peekConfig is of a store that so many blocks of arrangedBatch were appended to.
func peekConfig(t *testing.T, blocks int) Config {
	t.Helper()
	cfg := testConfig(t, testShm(t))
	cfg.Unmerged = true
	s := testOpen(t, cfg)
	for range blocks {
		testAppend(t, s, Append{Table: "t", Batch: arrangedBatch(8_192)})
	}
	testClose(t, s)
	return cfg
}

// TestBlockRoom: blocks that are opened one after the other in the same room say what
// they say when they are kept, of columns that have room and of those that have not;
// who comes for one again has it kept.
func TestBlockRoom(t *testing.T) {
	s := testOpen(t, peekConfig(t, 3))
	view := mustTable(t, s, "t").Pin()
	defer view.Release()
	say := func(b *Block) (text string) {
		for range 2 { // what was made is found again
			for _, name := range []string{"z_status", "m_service", "none"} {
				for _, c := range b.Find(name) {
					codes, err := c.Head()
					if err != nil || codes.Counts == nil {
						t.Fatalf("%s: %+v, %v", name, codes, err)
					}
					text += fmt.Sprint(name, codes.Counts, codes.Weights)
					for i := range codes.Entries {
						text += c.Entry(i).Str + " "
					}
				}
			}
		}
		text += fmt.Sprintf("%+v %08x", b.Header(), b.HeaderCRC())
		for _, c := range b.Columns() {
			values, err := readAll(c)
			if err != nil {
				t.Fatal(err)
			}
			text += fmt.Sprint(c.Name(), c.Type(), values)
		}
		return text
	}
	room := new(BlockRoom)
	said := make([]string, len(view.Blocks))
	for i, r := range view.Blocks {
		b, err := r.OpenBriefly(room)
		if err != nil {
			t.Fatal(err)
		}
		if b != &room.block || r.extent.Load().block.Load() != nil {
			t.Fatalf("block %d is not in the room, or is kept", i)
		}
		said[i] = say(b)
	}
	for i, r := range view.Blocks {
		b, err := r.OpenBriefly(room)
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := r.Open(); err != nil || kept != b || b.room != nil {
			t.Fatalf("block %d is not kept the second time: %v", i, err)
		}
		if say(b) != said[i] {
			t.Errorf("block %d says one thing in the room and another when it is kept", i)
		}
	}
}

// TestLookTakesLittle: a count by a column of few values asks each block for its head,
// and makes nothing that stays: after a start a page of memory costs more than the look.
func TestLookTakesLittle(t *testing.T) {
	cfg := peekConfig(t, 20)
	open := func(by func(r *Ref) (*Block, error)) (each uint64) {
		each = math.MaxUint64
		for range 3 { // other goroutines take memory, too
			s := testOpen(t, cfg)
			view := mustTable(t, s, "t").Pin()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var failed error
			for i := 0; i < len(view.Blocks) && failed == nil; i++ {
				var b *Block
				if b, failed = by(view.Blocks[i]); failed == nil {
					_, failed = b.Find("m_service")[0].Head()
				}
			}
			runtime.ReadMemStats(&after)
			if failed != nil {
				t.Fatal(failed)
			}
			each = min(each, (after.TotalAlloc-before.TotalAlloc)/uint64(len(view.Blocks)))
			view.Release()
			testClose(t, s)
		}
		return each
	}
	room := new(BlockRoom)
	brief, kept := open(func(r *Ref) (*Block, error) { return r.OpenBriefly(room) }), open((*Ref).Open)
	if brief > 64 {
		t.Errorf("a look takes %d bytes of heap for each block, want at most 64", brief)
	}
	if kept < 512 {
		t.Errorf("a block that is kept takes %d bytes of heap: the test sees nothing", kept)
	}
}

// TestBriefDamage: a block whose head is damaged is set aside by a look, too.
func TestBriefDamage(t *testing.T) {
	s := testOpen(t, peekConfig(t, 3))
	view := mustTable(t, s, "t").Pin()
	defer view.Release()
	room := new(BlockRoom)
	for i, r := range view.Blocks {
		if i == 1 {
			testFlipAt(t, r.extent.Load(), headerBytes+3)
		}
		_, err := r.OpenBriefly(room)
		if (err != nil) != (i == 1) || (r.State() == Damaged) != (i == 1) {
			t.Errorf("block %d: %v, %v", i, err, r.State())
		}
	}
	if _, err := view.Blocks[1].OpenBriefly(room); err == nil || errors.Is(err, ErrLoading) {
		t.Errorf("of a block that is set aside: %v", err)
	}
}
