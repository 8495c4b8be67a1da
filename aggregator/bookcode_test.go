package aggregator

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// fullBook is a book with everything that a page can hold.
func fullBook() *book {
	b := newBook()
	b.apply(update("l", true, 1, 10, 30, bucketOf(100, 10), bucketOf(200, 20)))
	b.apply(update("l", true, 2, 8, 23, bucketOf(100, 10), bucketOf(200, 13))) // 7 are lost
	b.know("unheard", "id-unheard", 7)
	b.apply(update("gone", true, 1, 3, 5, bucketOf(100, 5)))
	b.change("gone", func(p *leafPage) { p.Suspended = true })
	b.retire("gone")
	b.apply(update("m", true, 1, 3, 5, bucketOf(minTime, 1), bucketOf(100, 4)))
	b.leaves["m"].Tables["t"].Settings = storage.Settings{Version: 3, RetentionAge: time.Hour, Durability: storage.DurabilityDisk}
	b.leaves["m"].Tables["t"].OldestKey = 17
	b.leaves["m"].Lost["t"] = []storage.TimeCount{{From: minTime, Rows: 2}, bucketOf(300, 1)}
	b.leaves["m"].Lost["u"] = []storage.TimeCount{bucketOf(300, 1)}
	return b
}

// said is what a book says, for comparing.
func said(t *testing.T, b *book) string {
	t.Helper()
	text, err := json.Marshal(b.save())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestBookSnapshot: a snapshot says all that the book does, and so does the one of
// an older version.
func TestBookSnapshot(t *testing.T) {
	b := fullBook()
	for name, body := range map[string][]byte{
		"now": appendBookLocked(nil, b), "older": appendBookBody(nil, b.save()),
	} {
		again := newBook()
		if err := again.replayBody(body); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if before, after := said(t, b), said(t, again); !sameSnapshot(t, before, after) {
			t.Errorf("%s: the book said\n%s\nand says\n%s", name, before, after)
		}
	}
}

// sameSnapshot compares snapshots whose pages may come in any order.
func sameSnapshot(t *testing.T, x, y string) bool {
	t.Helper()
	pages := func(text string) (map[string]any, any) {
		var rec struct {
			Snapshot []map[string]any
			Banned   []string
		}
		if err := json.Unmarshal([]byte(text), &rec); err != nil {
			t.Fatal(err)
		}
		byLeaf := map[string]any{}
		for _, p := range rec.Snapshot {
			byLeaf[p["Leaf"].(string)] = p
		}
		return byLeaf, rec.Banned
	}
	xPages, xBanned := pages(x)
	yPages, yBanned := pages(y)
	return reflect.DeepEqual(xPages, yPages) && reflect.DeepEqual(xBanned, yBanned)
}

// TestBookUpdates: Updates out of the journal come to what they did when they
// were heard, the rows that a leaf came back without too.
func TestBookUpdates(t *testing.T) {
	live, again := newBook(), newBook()
	for _, u := range []*wire.Update{
		update("l", true, 1, 10, 30, bucketOf(100, 10), bucketOf(200, 20)),
		update("l", false, 1, 11, 36, bucketOf(200, 25), bucketOf(300, 1)),
		update("l", true, 2, 8, 28, bucketOf(100, 3), bucketOf(200, 25)),
		update("l", false, 2, 9, 29, bucketOf(300, 1), bucketOf(100, 0)),
	} {
		body := appendBookBody(nil, &bookRecord{Update: u, At: 5})
		live.apply(u)
		if err := again.replayBody(body); err != nil {
			t.Fatal(err)
		}
		if before, after := said(t, live), said(t, again); before != after {
			t.Errorf("the book said\n%s\nand says\n%s", before, after)
		}
	}
	if n := sum(again.lost("l", "t", everything, 0)); n == 0 {
		t.Error("nothing is lost: the test shows nothing")
	}
}

// TestNewerJournal: records of a newer version are not thrown away.
func TestNewerJournal(t *testing.T) {
	dir := t.TempDir()
	b, f, err := openBook(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.rewrite(b), f.close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "promises.journal")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	newer := appendBookRecord(before, func(dst []byte) []byte { return append(dst, 200, 1, 2) })
	if err := os.WriteFile(path, newer, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openBook(dir); err == nil || !strings.Contains(err.Error(), "newer kelp") {
		t.Errorf("opened with %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(newer) {
		t.Errorf("the journal has changed: %v", err)
	}
}

// TestPromise holds buckets that come in every way, and their edges, against a map.
func TestPromise(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var p promise
		model := map[bucket]uint64{}
		for range 20 {
			var list []storage.TimeCount
			for range r.IntN(6) {
				width := []int64{1, 10, 100}[r.IntN(3)]
				c := storage.TimeCount{From: int64(r.IntN(20)-10) * width, Width: width, Rows: uint64(r.IntN(3))}
				if slices.ContainsFunc(list, func(o storage.TimeCount) bool { return o.From == c.From && o.Width == c.Width }) {
					continue
				}
				list = append(list, c)
				if k := (bucket{c.From, c.Width}); c.Rows == 0 {
					delete(model, k)
				} else {
					model[k] = c.Rows
				}
			}
			if r.IntN(2) == 0 {
				p.take(list)
			} else if err := p.takeWritten(appendBuckets(nil, list)); err != nil {
				t.Fatal(err)
			}
			if r.IntN(2) == 0 {
				continue
			}
			from, end := int64(maxTime), int64(minTime)
			for k := range model {
				from, end = min(from, k.From), max(end, k.From+k.Width)
			}
			if gotFrom, gotEnd := p.bounds(); gotFrom != from || gotEnd != end {
				t.Fatalf("seed %d: bounds %d, %d, want %d, %d", seed, gotFrom, gotEnd, from, end)
			}
			if r.IntN(3) == 0 && !reflect.DeepEqual(p.buckets(), model) {
				t.Fatalf("seed %d: %v, want %v", seed, p.buckets(), model)
			}
		}
		if !reflect.DeepEqual(p.buckets(), model) {
			t.Fatalf("seed %d: %v, want %v", seed, p.buckets(), model)
		}
	}
}

// FuzzBook: whatever a record holds, reading it and then asking the book is safe.
func FuzzBook(f *testing.F) {
	b := fullBook()
	f.Add(appendBookLocked(nil, b))
	f.Add(appendBookBody(nil, b.save()))
	f.Add(appendBookBody(nil, &bookRecord{Update: update("l", true, 1, 10, 30, bucketOf(100, 10), bucketOf(200, 20)), At: 5}))
	f.Add([]byte{formSnapshot, 1})
	f.Fuzz(func(t *testing.T, src []byte) {
		b := newBook()
		if b.replayBody(src) != nil {
			return
		}
		b.schema("t")
		for _, name := range b.names() {
			b.promised(name, "t", everything, 0)
			b.lost(name, "t", everything, 0)
		}
		if err := newBook().replayBody(appendBookLocked(nil, b)); err != nil {
			t.Errorf("what was read cannot be written and read again: %v", err)
		}
	})
}

// TestLateSettings: a leaf that goes on from what is known says nothing of its
// tables, and still gets the settings that it missed.
func TestLateSettings(t *testing.T) {
	b := newBook()
	newer := update("l", true, 1, 1, 1, bucketOf(1, 1))
	newer.Tables[0].Settings.Version = 7
	b.apply(newer)
	b.apply(update("m", true, 1, 1, 1, bucketOf(1, 1)))
	nothing := &wire.Update{Leaf: "m", ID: "id-m", Epoch: 1, Seq: 1}
	if list := b.late(nothing, true); len(list) != 1 || list[0].leaf != "m" || list[0].newest.Version != 7 {
		t.Errorf("with its first word: %+v", list)
	}
	if list := b.late(nothing, false); len(list) != 0 {
		t.Errorf("later: %+v", list)
	}
}

// TestConfirmedIsWritten: a promise that could not be written is, before the leaf
// hears that it is known, even if the leaf has nothing new to say.
func TestConfirmedIsWritten(t *testing.T) {
	dir := t.TempDir()
	a, err := New(Config{Name: "agg", DataDir: dir, Now: time.Now, Log: slog.New(slog.DiscardHandler), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	a.book.apply(update("l", true, 1, 10, 30, bucketOf(100, 30)))
	a.file.mu.Lock()
	a.file.failed = errors.New("the disk was full")
	a.file.mu.Unlock()
	if err := a.hear(&node{name: "l"}, &wire.Update{Leaf: "l", ID: "id-l", Epoch: 1, Seq: 10}, true); err != nil {
		t.Fatal(err)
	}
	again := newBook()
	if whole, err := (&bookFile{path: a.file.path}).read(again); err != nil || !whole {
		t.Fatalf("the journal is whole: %v, %v", whole, err)
	}
	if n := sum(again.promised("l", "t", everything, 0)); n != 30 {
		t.Errorf("%d rows are promised in the journal, want 30", n)
	}
	if known := again.known("l"); known != (wire.Known{ID: "id-l", Epoch: 1, Seq: 10}) {
		t.Errorf("known is %+v", known)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
