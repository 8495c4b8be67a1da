package storage

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/kelpdb/kelp/storage/arenatest"
)

// arenaLayouts are the layouts of which testdata holds an arena.
var arenaLayouts = []uint16{1, 2, 3}

func loadArena(t testing.TB, layout uint16) *arenatest.Arena {
	t.Helper()
	a, err := arenatest.Load("testdata", layout)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// openArena lays an arena into a directory of the test.
func openArena(t testing.TB, layout uint16) (Config, *arenatest.Truth) {
	t.Helper()
	a, dir := loadArena(t, layout), testShm(t)
	if err := a.Lay(dir); err != nil {
		t.Fatal(err)
	}
	return arenaConfig(t, dir), &a.Truth
}

// readArena reads every row of every table.
func readArena(t testing.TB, s *Store) map[string][]map[string]string {
	t.Helper()
	got := map[string][]map[string]string{}
	for _, table := range s.Tables() {
		view := table.Pin()
		for _, r := range view.Blocks {
			b, err := r.Open()
			if err != nil {
				t.Fatalf("table %s: %v", table.Name(), err)
			}
			h, m := b.Header(), r.Meta
			if h.Rows != m.Rows || h.MinTime != m.MinTime || h.MaxTime != m.MaxTime || h.Arrival != m.Arrival || h.Weight != m.Weight ||
				h.Length != m.Length || b.HeaderCRC() != m.HeaderCRC {
				t.Errorf("table %s: the log says %+v of a block with the header %+v", table.Name(), m, h)
			}
			rows := make([]map[string]string, h.Rows)
			for i := range rows {
				rows[i] = map[string]string{}
			}
			for _, c := range b.Columns() {
				for i, v := range materialise(t, c) {
					if !v.IsNull() {
						rows[i][c.Name()] = arenaValue(v)
					}
				}
			}
			got[table.Name()] = append(got[table.Name()], rows...)
		}
		view.Release()
	}
	return got
}

// wantArena compares all that a store holds with the truth, but for the tables
// whose rows are gone with the memory directory.
func wantArena(t *testing.T, s *Store, truth *arenatest.Truth, memoryGone bool) {
	t.Helper()
	want := maps.Clone(truth.Tables)
	if memoryGone {
		delete(want, "volatile")
	}
	got := readArena(t, s)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		byTime := func(a, b map[string]string) int { return cmp.Compare(a[TimeColumn], b[TimeColumn]) }
		slices.SortFunc(got[name], byTime)
		slices.SortFunc(want[name], byTime)
		if len(got[name]) != len(want[name]) {
			t.Errorf("table %s: %d rows, not %d", name, len(got[name]), len(want[name]))
			continue
		}
		for i, row := range want[name] {
			if !maps.Equal(row, got[name][i]) {
				t.Errorf("table %s: row %d is\n%v, not\n%v", name, i, got[name][i], row)
			}
		}
		delete(got, name)
	}
	if delete(got, "later"); len(got) > 0 {
		t.Errorf("there are also tables %v", slices.Sorted(maps.Keys(got)))
	}
	for table, size := range truth.Kept {
		if tab, ok := s.Table(table); !ok || tab.Settings().RetentionBytes != size {
			t.Errorf("table %s does not have its settings", table)
		}
	}
	for _, k := range truth.Keys {
		res := testAppend(t, s, Append{Table: k.Table, Key: k.Key, Chunk: k.Chunk, Digest: k.Digest, Batch: testBatch(0, 1, 1)})
		if !res.Duplicate || res.Receipt.Accepted != k.Accepted || res.Receipt.Rejected != k.Rejected || res.Seq != k.Seq ||
			k.Error != "" && res.Receipt.Errors[0].Error != k.Error {
			t.Errorf("table %s: key %q is answered %+v, want %+v", k.Table, k.Key, res, k)
		}
	}
	if st := s.Status(); st.Damaged+st.Loading > 0 || st.LogDamaged || st.DiskError != "" {
		t.Errorf("the store says %+v", st)
	}
}

// TestArenas reads what each layout's own writer wrote, on every way by which a
// directory is taken over, and again after rows were added and the layout raised.
func TestArenas(t *testing.T) {
	for _, layout := range arenaLayouts {
		for name, prepare := range map[string]func(cfg *Config) (memoryGone bool){
			"memory and disk": func(*Config) bool { return false },
			"memory alone":    func(cfg *Config) bool { cfg.DataDir = ""; return false },
			"memory, checked": func(cfg *Config) bool {
				cfg.DataDir, cfg.BootID = "", func() (string, error) { return "boot-2", nil }
				return false
			},
			"disk alone": func(cfg *Config) bool { reboot(t, *cfg); return true },
		} {
			t.Run(fmt.Sprintf("layout %d, %s", layout, name), func(t *testing.T) {
				cfg, truth := openArena(t, layout)
				memoryGone := prepare(&cfg)
				if truth.Layout != layout {
					t.Fatalf("the arena says it has layout %d", truth.Layout)
				}
				for range 2 {
					s := testOpen(t, cfg)
					waitLoaded(t, s)
					wantArena(t, s, truth, memoryGone)
					testAppend(t, s, Append{Table: "later", Batch: testBatch(0, 3, 1)})
					testSync(t, s)
					wantLayout(t, cfg.MemoryDir, superMagicMemory)
					testClose(t, s)
				}
			})
		}
	}
}

// TestArenaIsWhole holds that an arena has every encoding of its layout and every
// kind of edit in both logs.
func TestArenaIsWhole(t *testing.T) {
	for _, layout := range arenaLayouts {
		cfg, _ := openArena(t, layout)
		size := loadArena(t, layout).Bytes()
		t.Logf("layout %d: %d bytes", layout, size)
		if size > 128<<10 {
			t.Errorf("the arena of layout %d takes %d bytes: at most 128 KiB, so that every bit of it can be tried", layout, size)
		}
		memory, disk := arenaEdits(t, cfg.MemoryDir), arenaEdits(t, cfg.DataDir)
		for op := opBlocks; op <= opGone; op++ {
			if !memory[op] || !disk[op] {
				t.Errorf("layout %d has edits of kind %d: in memory %t, on disk %t", layout, op, memory[op], disk[op])
			}
		}
		if layout != superLayout {
			continue
		}
		seen := map[Encoding]bool{}
		s := testOpen(t, cfg)
		for _, table := range s.Tables() {
			view := table.Pin()
			for _, r := range view.Blocks {
				b, err := r.Open()
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range b.Columns() {
					seen[c.Encoding()] = true
				}
			}
			view.Release()
		}
		if len(seen) != encodingsEnd-1 {
			t.Errorf("the arena holds only the encodings %v", seen)
		}
	}
}

// arenaEdits returns the kinds of change in the log of a directory.
func arenaEdits(t *testing.T, dir string) map[byte]bool {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, logPrefix+"*"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("logs %v, %v", logs, err)
	}
	kinds := map[byte]bool{}
	damage, err := readAnyLog(logs[0], func(e *edit, _ int) error {
		for op, there := range map[byte]bool{
			opBlocks: e.nextBlock != 0, opTable: len(e.tables) > 0, opSettings: len(e.settings) > 0, opAdd: len(e.adds) > 0,
			opPlace: len(e.places) > 0, opDrop: len(e.drops) > 0, opKey: len(e.keys) > 0, opMark: len(e.marks) > 0, opGone: len(e.gone) > 0,
		} {
			kinds[op] = kinds[op] || there
		}
		return nil
	})
	if err != nil || damage != nil {
		t.Fatal(err, damage)
	}
	return kinds
}

// TestArenaIsWrittenSo holds that today's writer writes what the arena of its
// layout says, byte for byte.
func TestArenaIsWrittenSo(t *testing.T) {
	dir := testShm(t)
	got, err := arenatest.Take(dir, writeArena(t, arenaConfig(t, dir)))
	if err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		if err := got.Save("testdata"); err != nil {
			t.Fatal(err)
		}
	}
	want := loadArena(t, superLayout)
	if !reflect.DeepEqual(got.Truth, want.Truth) {
		t.Error("the arena holds other rows, keys or marks than that of testdata")
	}
	for name, golden := range want.Files {
		got := got.Files[name]
		at := 0
		for at < min(len(got), len(golden)) && got[at] == golden[at] {
			at++
		}
		if at < len(got) || at < len(golden) {
			t.Errorf("%s differs from testdata at byte %d. If programs of layout %d can still read it, write it anew by go test -run ArenaIsWrittenSo -rewrite; if not, raise superLayout first",
				name, at, superLayout)
		}
	}
}
