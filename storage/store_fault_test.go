package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// TestGuard shows what Guard catches and what it lets through.
func TestGuard(t *testing.T) {
	want := errors.New("mine")
	if err := Guard(func() error { return want }); err != want {
		t.Fatalf("an error became %v", err)
	}
	defer func() {
		if r := recover(); fmt.Sprint(r) != "BUG: mine" {
			t.Fatalf("a panic became %v", r)
		}
	}()
	Guard(func() error { panic("BUG: mine") })
}

// TestLogDamaged flips a byte in the middle of the memory log. Without a data
// directory all edits before it count, and new ones never use the numbers of
// those lost; with one, everything is back from there.
func TestLogDamaged(t *testing.T) {
	for _, trial := range []struct{ onDisk, tmpfs bool }{{false, true}, {true, true}, {false, false}, {true, false}} {
		t.Run(fmt.Sprintf("%+v", trial), func(t *testing.T) {
			onDisk := trial.onDisk
			cfg := testDiskConfig(t)
			cfg.Log = nil
			if !trial.tmpfs {
				cfg.TmpfsOK = func(string) error { return errors.New("not tmpfs") }
			}
			if !onDisk {
				cfg.DataDir = ""
			}
			s := testOpen(t, cfg)
			now := time.Now().UnixNano()
			all, before := map[int64]int{}, map[int64]int{}
			damageAt := int64(0)
			for i := range int64(20) {
				if i == 10 {
					damageAt = s.log.tail + logWord + 3
				}
				testAppend(t, s, Append{Table: "t", Batch: testBatch(i, 1, now)})
				if all[i] = 1; i < 10 {
					before[i] = 1
				}
			}
			seq, path := s.Seq(), s.log.path
			testClose(t, s)
			log, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			var b [1]byte
			log.ReadAt(b[:], damageAt)
			b[0] ^= 0x10
			log.WriteAt(b[:], damageAt)
			log.Close()

			s = testOpen(t, cfg)
			if !s.Status().LogDamaged {
				t.Fatal("the damage is not in the status")
			}
			if onDisk {
				waitLoaded(t, s)
				wantIDs(t, s, "t", all)
			} else {
				wantIDs(t, s, "t", before)
			}
			if res := testAppend(t, s, Append{Table: "t", Batch: testBatch(100, 1, now)}); res.Seq <= seq {
				t.Fatalf("edit %d comes again, %d were used", res.Seq, seq)
			}
			testClose(t, s)
			s = testOpen(t, cfg)
			if s.Status().LogDamaged {
				t.Fatal("the damage is still there after a restart")
			}
			if got := readIDs(t, s, "t"); got[100] != 1 {
				t.Fatal("a row appended after the damage is gone")
			}
		})
	}
}

// TestBlockDamaged flips a byte of a block while the store is closed: its rows
// are not read, it is counted, and others are unharmed.
func TestBlockDamaged(t *testing.T) {
	for _, where := range []string{"header", "column"} {
		t.Run(where, func(t *testing.T) {
			cfg := testConfig(t, testShm(t))
			cfg.Log = nil
			s := testOpen(t, cfg)
			now := time.Now().UnixNano()
			for i := range int64(3) {
				testAppend(t, s, Append{Table: "t", Batch: noisyBatch(i*rollRows, rollRows, now)})
			}
			tab, _ := s.Table("t")
			at := tab.refs[1].extent.Load()
			path, offset := at.seg.path, at.off+9
			if where == "column" {
				offset = at.off + at.length/2
			}
			testClose(t, s)
			seg, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			var b [1]byte
			seg.ReadAt(b[:], offset)
			b[0] ^= 0x10
			seg.WriteAt(b[:], offset)
			seg.Close()

			s = testOpen(t, cfg)
			tab, _ = s.Table("t")
			view := tab.Pin()
			defer view.Release()
			for i, r := range view.Blocks {
				err := readBlockOf(r)
				if (err != nil) != (i == 1) {
					t.Fatalf("block %d: %v", i, err)
				}
			}
			if st := s.Status(); st.Damaged != 1 || view.Blocks[1].State() != Damaged {
				t.Fatalf("%d blocks are damaged", st.Damaged)
			}
			if err := s.DropTable("t"); err != nil {
				t.Fatal(err)
			}
			if st := s.Status(); st.Damaged != 0 {
				t.Fatalf("%d blocks are damaged after they were dropped", st.Damaged)
			}
		})
	}
}

// readBlockOf reads a block as a query does, and sets it aside if it is damaged.
func readBlockOf(r *Ref) error {
	return Guard(func() error {
		b, err := r.Open()
		if err != nil {
			return err
		}
		for _, c := range b.Columns() {
			if err := c.Check(); err != nil {
				r.SetDamaged(err)
				return err
			}
		}
		return nil
	})
}

// TestUntrusted opens a memory directory that is not on tmpfs, or of another
// boot: every block is checked before the store serves, and the epoch is new.
func TestUntrusted(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	cfg.Log = nil
	s := testOpen(t, cfg)
	now := time.Now().UnixNano()
	for i := range int64(3) {
		testAppend(t, s, Append{Table: "t", Batch: noisyBatch(i*rollRows, rollRows, now)})
	}
	epoch := s.Epoch()
	tab, _ := s.Table("t")
	at := tab.refs[2].extent.Load()
	testFlip(t, at)
	testClose(t, s)
	for range 2 {
		cfg.TmpfsOK = func(dir string) error { return errors.New("not tmpfs") }
		s = testOpen(t, cfg)
		if s.Epoch() <= epoch {
			t.Fatalf("epoch %d follows %d", s.Epoch(), epoch)
		}
		epoch = s.Epoch()
		if st := s.Status(); st.Damaged != 1 {
			t.Fatalf("%d blocks are damaged, not 1", st.Damaged)
		}
		testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 1, now)})
		testClose(t, s)
	}
	cfg.TmpfsOK = func(string) error { return nil }
	s = testOpen(t, cfg)
	if s.Epoch() != epoch {
		t.Fatalf("a trusted directory got epoch %d after %d", s.Epoch(), epoch)
	}
}

// TestStoreInUse refuses a directory that another store has open.
func TestStoreInUse(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	s := testOpen(t, cfg)
	if second, err := Open(cfg); err == nil {
		testClose(t, second)
		t.Fatal("two stores have one directory")
	} else if !bytes.Contains([]byte(err.Error()), fmt.Appendf(nil, "in use by process %d", os.Getpid())) {
		t.Fatalf("the error does not say who: %v", err)
	}
	testClose(t, s)
	testClose(t, testOpen(t, cfg))
}

// TestAppendRefuses shows that what cannot be is refused and changes nothing.
func TestAppendRefuses(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	ctx := context.Background()
	long := string(make([]byte, 1_000))
	for _, a := range []Append{
		{Table: "", Batch: testBatch(0, 1, 0)}, {Table: "a/b", Batch: testBatch(0, 1, 0)},
		{Table: long, Batch: testBatch(0, 1, 0)}, {Table: "t", Batch: testBatch(0, 1, 0), Key: long},
	} {
		if _, err := s.Append(ctx, a); err == nil {
			t.Errorf("table %.10q key %.10q was taken", a.Table, a.Key)
		}
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Append(canceled, Append{Table: "t", Batch: testBatch(0, 1, 0)}); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled append: %v", err)
	}
	if err := s.SetSettings("t", Settings{Durability: "stone"}); err == nil {
		t.Error("an unknown durability was taken")
	}
	if err := s.SetSettings("t", Settings{RetentionAge: -1}); err == nil {
		t.Error("a negative retention was taken")
	}
	if res, err := s.Append(ctx, Append{Table: "t", Batch: NewBatch(), Key: "k", Receipt: Receipt{Rejected: 3}}); err != nil || res.Receipt.Rejected != 3 {
		t.Errorf("a batch without a good row: %+v, %v", res, err)
	}
	if n := len(s.Tables()); n != 0 || s.Seq() != 0 {
		t.Errorf("%d tables, edit %d", n, s.Seq())
	}
}

// TestAppendWide cuts a batch that has more columns than a block takes.
func TestAppendWide(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	b := NewBatch()
	id := b.Slot([]byte("id"))
	var name [8]byte
	for row := range uint64(12) {
		b.SetInt(id, int64(row))
		for c := range uint64(2_000) {
			binary.BigEndian.PutUint64(name[:], row*10_000+c)
			b.SetInt(b.Slot(fmt.Appendf(nil, "c%x", name)), int64(c))
		}
		b.EndRow(1)
	}
	testAppend(t, s, Append{Table: "t", Batch: b, Arrival: 1})
	tab, _ := s.Table("t")
	if tab.Blocks() < 2 {
		t.Fatalf("%d block for 24,000 columns", tab.Blocks())
	}
	if n := len(readIDs(t, s, "t")); n != 12 {
		t.Fatalf("%d rows, not 12", n)
	}
	if n := len(tab.Schema()); n != 24_002 {
		t.Fatalf("%d columns", n)
	}
}

// TestLogUnreadable opens a store whose log cannot be opened for a reason that
// says nothing about what is in it: Open fails, and nothing is touched.
func TestLogUnreadable(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.Log = nil
	s := testOpen(t, cfg)
	testTable(t, s, "t")
	if err := s.SetSettings("t", Settings{Durability: DurabilityMemory}); err != nil {
		t.Fatal(err)
	}
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 100, 1)})
	path := s.log.path
	testClose(t, s)
	if err := errors.Join(os.Rename(path, path+".away"), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(cfg); err == nil {
		testClose(t, s)
		t.Error("a store was opened without its log")
	}
	if err := errors.Join(os.RemoveAll(path), os.Rename(path+".away", path)); err != nil {
		t.Fatal(err)
	}
	s = testOpen(t, cfg)
	if n := len(readIDs(t, s, "t")); n != 100 {
		t.Fatalf("%d rows of 100 are left", n)
	}
}
