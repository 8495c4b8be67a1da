package storage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// arenaLayouts are the layouts of which testdata holds an arena.
var arenaLayouts = []uint16{1, 2}

func arenaPath(layout uint16) string {
	return filepath.Join("testdata", "arena", fmt.Sprint("layout-", layout))
}

func readTruth(t testing.TB, layout uint16) *arenaTruth {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(arenaPath(layout), "truth.json"))
	if err != nil {
		t.Fatalf("%v (go test -rewrite writes that of today's layout)", err)
	}
	truth := &arenaTruth{}
	if err := json.Unmarshal(src, truth); err != nil {
		t.Fatal(err)
	}
	return truth
}

// openArena copies an arena out of testdata and gives its files their length.
func openArena(t testing.TB, layout uint16) (Config, *arenaTruth) {
	t.Helper()
	truth := readTruth(t, layout)
	dir := testShm(t)
	for name, size := range truth.Files {
		src, err := os.ReadFile(filepath.Join(arenaPath(layout), name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, src, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
	}
	return arenaConfig(t, dir), truth
}

// saveArena puts an arena into testdata.
func saveArena(t testing.TB, dir string, truth *arenaTruth) {
	t.Helper()
	to := arenaPath(truth.Layout)
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	for name := range truth.Files {
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, trimmed(t, filepath.Join(dir, name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", " ")
	if err := enc.Encode(truth); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "truth.json"), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// trimmed reads a file without the zeros at its end.
func trimmed(t testing.TB, path string) []byte {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimRight(src, "\x00")
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
func wantArena(t *testing.T, s *Store, truth *arenaTruth, memoryGone bool) {
	t.Helper()
	want := maps.Clone(truth.Tables)
	if memoryGone {
		delete(want, "volatile")
	}
	got := readArena(t, s)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		byTime := func(a, b map[string]string) int { return bytes.Compare([]byte(a[TimeColumn]), []byte(b[TimeColumn])) }
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
	for table, bytes := range truth.Kept {
		if tab, ok := s.Table(table); !ok || tab.Settings().RetentionBytes != bytes {
			t.Errorf("table %s does not have its settings", table)
		}
	}
	for _, k := range truth.Keys {
		res := testAppend(t, s, Append{Table: k.Table, Key: k.Key, Chunk: k.Chunk, Digest: k.Digest, Batch: testBatch(0, 1, 1)})
		if !res.Duplicate || res.Receipt.Accepted != k.Accepted || res.Receipt.Rejected != k.Rejected || res.Seq != *k.Seq ||
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
		cfg, truth := openArena(t, layout)
		var bytes int64
		for name := range truth.Files {
			bytes += int64(len(trimmed(t, filepath.Join(cfg.MemoryDir, "..", name))))
		}
		t.Logf("layout %d: %d bytes in %d files", layout, bytes, len(truth.Files))
		if bytes > 128<<10 {
			t.Errorf("the arena of layout %d takes %d bytes: at most 128 KiB, so that every bit of it can be tried", layout, bytes)
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
	truth := writeArena(t, arenaConfig(t, dir))
	if *rewrite {
		saveArena(t, dir, truth)
	}
	want := readTruth(t, superLayout)
	if !maps.Equal(truth.Files, want.Files) {
		t.Errorf("the files are %v, not %v", truth.Files, want.Files)
	}
	for name := range want.Files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		golden, err := os.ReadFile(filepath.Join(arenaPath(superLayout), name))
		if err != nil {
			t.Fatal(err)
		}
		got = bytes.TrimRight(got, "\x00")
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
