package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/kelpdb/kelp/storage/arenatest"
)

// arenaLeaf is the id of the leaf in arenas.
const arenaLeaf = "a leaf in a test"

// arenaConfig is of the store that writes an arena, and of those that read it.
func arenaConfig(t testing.TB, dir string) Config {
	cfg := testConfig(t, dir)
	cfg.DataDir = filepath.Join(dir, "data")
	cfg.Shard = 7
	cfg.Now = arenatest.Now
	copy(cfg.leafID[:], arenaLeaf)
	return cfg
}

// arenaValue writes a value with its type.
func arenaValue(v Value) string {
	switch v.Type {
	case TypeFloat64:
		return "float64 " + strconv.FormatFloat(v.Float, 'g', -1, 64)
	case TypeString:
		return "string " + v.Str
	case TypeList:
		items, err := json.Marshal(v.List)
		if err != nil {
			panic("BUG: strings make no JSON")
		}
		return "list " + string(items)
	}
	return fmt.Sprintf("%v %d", v.Type, v.Int)
}

func arenaRow(r modelRow) map[string]string {
	row := map[string]string{TimeColumn: arenaValue(Time(r.time))}
	for name, v := range r.values {
		if !v.IsNull() {
			row[name] = arenaValue(v)
		}
	}
	return row
}

// arenaWriter writes the arena of a layout: every encoding, every kind of edit,
// memory and data directory.
type arenaWriter struct {
	t     *testing.T
	s     *Store
	truth arenatest.Truth
}

// writeArena fills the directories of a config and returns what they hold.
func writeArena(t *testing.T, cfg Config) arenatest.Truth {
	t.Helper()
	w := &arenaWriter{t: t, s: ownFlushes(t, &cfg), truth: arenatest.Truth{
		Layout: superLayout, Kept: map[string]int64{},
		Tables: map[string][]map[string]string{}, Dropped: map[string][]map[string]string{},
	}}
	goldens := goldenBlocks()
	names := slices.Sorted(maps.Keys(goldens))
	for i, name := range names {
		a := &Append{Table: name, Arrival: 5}
		if i%8 == 0 {
			a.Key, a.Digest = "key of "+name, uint64(i)
		}
		w.block(a, goldens[name].richness, goldens[name].rows)
	}
	w.life("gone", 0, 3, "")
	w.life("life", 0, 5, "k-1")
	w.life("life", 5, 9, "")
	w.life("life", 20, 4, "")
	w.volatile()
	w.must("a checkpoint", func() error {
		w.s.commitMu.Lock()
		defer w.s.commitMu.Unlock()
		return w.s.checkpointLocked()
	})
	w.s.disk.stale = true // so that its log begins with a checkpoint too
	w.s.disk.flushOnce()
	w.changes(names)
	w.s.disk.flushOnce()
	testClose(t, w.s)
	for _, dir := range []string{cfg.MemoryDir, cfg.DataDir} {
		if err := os.Remove(filepath.Join(dir, "lock")); err != nil {
			t.Fatal(err)
		}
	}
	return w.truth
}

func (w *arenaWriter) must(what string, f func() error) {
	w.t.Helper()
	if err := f(); err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

// block appends rows as one block of that richness, whatever their number.
func (w *arenaWriter) block(a *Append, richness Richness, rows []modelRow) {
	w.t.Helper()
	b := NewBatch()
	fill(b, rows)
	data, meta, err := AppendBlock(nil, b, BlockOptions{Shard: w.s.super.shard, Arrival: a.Arrival, Richness: richness})
	if err != nil {
		w.t.Fatal(err)
	}
	e, err := w.s.reserve(context.Background(), a.Table, int64(len(data)))
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := w.s.placeBlock(e, data, meta, levelFinal)
	if err != nil {
		w.t.Fatal(err)
	}
	a.Receipt = Receipt{Accepted: uint32(len(rows))}
	seq, err := w.s.commitRows(context.Background(), a.Table, []*Ref{r}, []*Append{a})
	if err != nil {
		w.t.Fatal(err)
	}
	w.note(a, seq, rows)
}

// note adds rows, and the key they came with, to the truth.
func (w *arenaWriter) note(a *Append, seq uint64, rows []modelRow) {
	for _, r := range rows {
		w.truth.Tables[a.Table] = append(w.truth.Tables[a.Table], arenaRow(r))
	}
	if a.Key != "" {
		k := arenatest.Key{
			Table: a.Table, Key: a.Key, Chunk: a.Chunk, Digest: a.Digest, Seq: seq, Accepted: a.Receipt.Accepted, Rejected: a.Receipt.Rejected,
		}
		if len(a.Receipt.Errors) > 0 {
			k.Error = a.Receipt.Errors[0].Error
		}
		w.truth.Keys = append(w.truth.Keys, k)
	}
}

// life appends small rows the way every row comes.
func (w *arenaWriter) life(table string, first, n int, key string) {
	w.t.Helper()
	var rows []modelRow
	for i := first; i < first+n; i++ {
		rows = append(rows, modelRow{time: arenatest.Now().UnixNano() + int64(i)*1_000_000, values: map[string]Value{
			"id": Int(int64(i)), "name": String([]string{"api", "web", "db"}[i%3]), SampleRateColumn: Int(int64(i%2 + 1)),
		}})
	}
	b := NewBatch()
	fill(b, rows)
	a := Append{Table: table, Batch: b, Receipt: Receipt{Accepted: uint32(n)}}
	if key != "" {
		a.Key, a.Chunk, a.Digest = key, 2, 77
		a.Receipt.Rejected, a.Receipt.Errors, a.Receipt.Warnings = 1, []RowError{{Row: 6, Error: "not JSON"}}, []string{"a warning"}
	}
	w.note(&a, testAppend(w.t, w.s, a).Seq, rows)
}

// volatile makes a table that is in memory alone.
func (w *arenaWriter) volatile() {
	w.t.Helper()
	w.life("volatile", 0, 2, "")
	w.must("settings", func() error {
		return w.s.SetSettings("volatile", Settings{Version: 1, Durability: DurabilityMemory})
	})
}

// changes makes an edit of each kind behind the checkpoints of both logs.
func (w *arenaWriter) changes(names []string) {
	w.t.Helper()
	w.must("settings", func() error {
		return w.s.SetSettings("life", Settings{Version: 3, RetentionBytes: 1 << 40, Durability: DurabilityDisk, QuotaRows: 9})
	})
	w.truth.Kept["life"] = 1 << 40
	// The oldest block of a table goes, as by retention.
	first := firstRef(w.t, w.s, "life")
	w.must("a drop", func() error {
		w.s.commitMu.Lock()
		defer w.s.commitMu.Unlock()
		return w.s.dropLocked([]*Ref{first})
	})
	rows := w.truth.Tables["life"]
	w.truth.Dropped["life"], w.truth.Tables["life"] = rows[:first.Meta.Rows], rows[first.Meta.Rows:]
	w.must("a dropped table", func() error { return w.s.DropTable("gone") })
	w.truth.Dropped["gone"] = w.truth.Tables["gone"]
	delete(w.truth.Tables, "gone")
	// A block is read from disk, and another one written there again.
	healed := firstRef(w.t, w.s, names[0])
	place := healed.extent.Load()
	healed.SetDamaged(errors.New("for the test"))
	waitFor(w.t, "the block is read again", func() bool { return healed.State() == Live && healed.extent.Load() != place })
	w.s.disk.moves[firstRef(w.t, w.s, names[1]).ID] = true
	w.life("late", 0, 2, "k-2")
}
