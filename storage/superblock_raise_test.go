package storage

import (
	"errors"
	"testing"
	"time"
)

// setLayout writes a directory's superblock as another version would have.
func setLayout(t *testing.T, dir string, magic [8]byte, layout uint16) {
	t.Helper()
	b, err := readSuperblock(dir, magic)
	if err != nil || b == nil {
		t.Fatalf("superblock of %s: %v", dir, err)
	}
	b.layout, b.oldest = layout, layout
	if err := writeSuperblock(dir, b, false); err != nil {
		t.Fatal(err)
	}
}

func wantLayout(t *testing.T, dir string, magic [8]byte) {
	t.Helper()
	b, err := readSuperblock(dir, magic)
	if err != nil || b.layout != superLayout || b.oldest != superLayout {
		t.Errorf("superblock of %s: %+v, %v", dir, b, err)
	}
}

// TestLayoutIsRaised opens directories of the layout before: their rows are there,
// and from then on older versions refuse them, before a block that those could not
// read is written.
func TestLayoutIsRaised(t *testing.T) {
	cfg := testDiskConfig(t)
	s := testOpen(t, cfg)
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 9_000, time.Now().UnixNano())})
	want := readIDs(t, s, "t")
	testSync(t, s)
	testClose(t, s)
	for _, memoryGone := range []bool{false, true} {
		if memoryGone {
			reboot(t, cfg)
		} else {
			setLayout(t, cfg.MemoryDir, superMagicMemory, superLayout-1)
		}
		setLayout(t, cfg.DataDir, superMagicDisk, superLayout-1)
		s := testOpen(t, cfg)
		waitLoaded(t, s)
		wantIDs(t, s, "t", want)
		wantLayout(t, cfg.MemoryDir, superMagicMemory)
		wantLayout(t, cfg.DataDir, superMagicDisk)
		testClose(t, s)
	}
	// What comes after is refused and not touched.
	setLayout(t, cfg.MemoryDir, superMagicMemory, superLayout+1)
	var layout *LayoutError
	if _, err := Open(cfg); !errors.As(err, &layout) {
		t.Errorf("a newer layout: %v", err)
	}
}
