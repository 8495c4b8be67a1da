package storage

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// mappedOf is the bytes of the segments of a store that have been looked at through
// their mappings.
func mappedOf(t *testing.T, s *Store) (kb int) {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ours, seen := false, false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if fields := strings.Fields(line); len(fields) > 0 && strings.Contains(fields[0], "-") {
			ours = strings.Contains(line, s.cfg.MemoryDir) && strings.HasSuffix(line, ".seg")
			seen = seen || ours
		}
		var rss int
		if n, _ := fmt.Sscanf(line, "Rss: %d kB", &rss); n == 1 && ours {
			kb += rss
		}
	}
	if !seen {
		t.Fatalf("no segment below %s is mapped: the test shows nothing", s.cfg.MemoryDir)
	}
	return kb << 10
}

// peekStore is a store over blocks of arrangedBatch, just opened.
func peekStore(t *testing.T) *Store {
	t.Helper()
	return testOpen(t, peekConfig(t, 3))
}

// TestFirstLookMapsNothing: who wants the head of a block and the counts of its
// dictionaries, as a count by service does, has no page of it mapped; the answer is
// the one that the mapping gives, and the codes are there.
func TestFirstLookMapsNothing(t *testing.T) {
	s := peekStore(t)
	view := mustTable(t, s, "t").Pin()
	defer view.Release()
	columns := []string{"m_service", "z_status"}
	for _, r := range view.Blocks {
		b, err := r.Open()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range columns {
			c := b.Find(name)[0]
			codes, err := c.Head()
			if err != nil || codes.Counts == nil || c.Entry(0).IsNull() {
				t.Fatalf("%s: %+v, %v", name, codes, err)
			}
		}
	}
	if got := mappedOf(t, s); got != 0 {
		t.Errorf("%d bytes of blocks were mapped for their heads and counts", got)
	}
	for _, r := range view.Blocks {
		b, err := r.Open()
		if err != nil {
			t.Fatal(err)
		}
		mapped, err := OpenBlock(r.extent.Load().bytes())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range columns {
			got, want := b.Find(name)[0], mapped.Find(name)[0]
			if got.head.Load() == nil {
				t.Fatalf("%s was not looked at", name)
			}
			values, err := readAll(got)
			if err != nil {
				t.Fatal(err)
			}
			wanted, err := readAll(want)
			if err != nil {
				t.Fatal(err)
			}
			x, _ := got.Codes()
			y, _ := want.Codes()
			if fmt.Sprint(values, x.Counts, x.Weights, x.Entries) != fmt.Sprint(wanted, y.Counts, y.Weights, y.Entries) {
				t.Errorf("%s differs from what the mapping says", name)
			}
		}
	}
	if mappedOf(t, s) == 0 {
		t.Error("the test does not see what is mapped")
	}
}

// TestFirstLookFindsDamage: what is read is checked as what is mapped, each part of the
// head and of the front in it.
func TestFirstLookFindsDamage(t *testing.T) {
	s := peekStore(t)
	view := mustTable(t, s, "t").Pin()
	defer view.Release()
	r := view.Blocks[1]
	e := r.extent.Load()
	whole, err := OpenBlock(e.bytes())
	if err != nil {
		t.Fatal(err)
	}
	c := whole.Find("m_service")[0]
	room := (*BlockRoom)(nil)
	look := func() error {
		b, err := openExtent(e, r.ID, room)
		if err == nil {
			_, err = b.Find("m_service")[0].Head()
		}
		return err
	}
	for _, at := range []int{0, 20, 90, headerBytes + 3, whole.dir.namesAt, c.frontAt(), c.frontAt() + 5, c.frontAt() + 40, c.frontAt() + c.front - 1} {
		testFlipAt(t, e, at)
		for _, room = range []*BlockRoom{nil, new(BlockRoom)} {
			if err := look(); err == nil {
				t.Errorf("byte %d, in a room %t: no error", at, room != nil)
			}
		}
		testFlipAt(t, e, at)
	}
	if err := look(); err != nil {
		t.Error(err)
	}
	// A file that was cut short has no such bytes to read: the mapping says so.
	if err := os.Truncate(e.seg.path, e.off&^4095); err != nil {
		t.Fatal(err)
	}
	var fault *FaultError
	if err := look(); !errors.As(err, &fault) {
		t.Errorf("of a file that was cut short: %v", err)
	}
}
