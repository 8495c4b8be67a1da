package aggregator

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

const second = int64(time.Second)

var everything = query.Range{From: minTime, To: maxTime}

// update is a leaf's word with one table `t`.
func update(leaf string, full bool, epoch, seq, added uint64, buckets ...storage.TimeCount) *wire.Update {
	return &wire.Update{Leaf: leaf, ID: "id-" + leaf, Epoch: epoch, Seq: seq, Full: full, Tables: []wire.TableUpdate{{
		TableChange: storage.TableChange{Table: "t", Incarnation: 1, Added: added, Seq: seq, Buckets: buckets},
		Schema:      query.Schema{"a": storage.TypeSet(0).With(storage.TypeInt64)},
	}}}
}

func bucketOf(from int64, rows uint64) storage.TimeCount {
	return storage.TimeCount{From: from * second, Width: second, Rows: rows}
}

func sum(list []storage.TimeCount) uint64 {
	n := uint64(0)
	for _, c := range list {
		n += c.Rows
	}
	return n
}

func TestBookPromises(t *testing.T) {
	b := newBook()
	b.apply(update("l", true, 1, 10, 30, bucketOf(100, 10), bucketOf(200, 20)))
	b.apply(update("l", false, 1, 11, 35, bucketOf(200, 25)))
	b.apply(update("l", false, 1, 11, 35, bucketOf(200, 25))) // twice does no harm
	if n := sum(b.promised("l", "t", everything, 0)); n != 35 {
		t.Errorf("promised %d, want 35", n)
	}
	// A bucket that the range cuts counts whole.
	if n := sum(b.promised("l", "t", query.Range{From: 200*second + 1, To: maxTime}, 0)); n != 25 {
		t.Errorf("promised %d in a range that cuts a bucket, want 25", n)
	}
	b.apply(update("l", false, 1, 12, 35, bucketOf(100, 0))) // retention
	if n := sum(b.promised("l", "t", everything, 0)); n != 25 {
		t.Errorf("promised %d after retention, want 25", n)
	}
	b.apply(&wire.Update{Leaf: "l", ID: "id-l", Epoch: 1, Seq: 13, Tables: []wire.TableUpdate{{
		TableChange: storage.TableChange{Table: "t", Incarnation: 1, Dropped: true}}}})
	if n := sum(b.promised("l", "t", everything, 0)); n != 0 {
		t.Errorf("promised %d after a drop, want 0", n)
	}
}

// TestBookLost: what had been promised and does not come back stays expected.
func TestBookLost(t *testing.T) {
	lost := func(name string, want uint64, back *wire.Update) {
		t.Helper()
		b := newBook()
		b.apply(update("l", true, 1, 10, 30, bucketOf(100, 10), bucketOf(200, 20)))
		b.apply(back)
		if got := sum(b.lost("l", "t", everything, 0)); got != want {
			t.Errorf("%s: %d rows lost, want %d", name, got, want)
		}
		before := sum(b.lost("l", "t", everything, 0))
		b.apply(back)
		if after := sum(b.lost("l", "t", everything, 0)); after != before {
			t.Errorf("%s: the same update again: %d lost, then %d", name, before, after)
		}
	}
	lost("the same memory, same edits", 0, update("l", true, 1, 10, 30, bucketOf(100, 10), bucketOf(200, 20)))
	lost("the same memory, rows expired since", 0, update("l", true, 1, 12, 30, bucketOf(200, 20)))
	lost("from disk, all there", 0, update("l", true, 2, 9, 30, bucketOf(100, 10), bucketOf(200, 20)))
	lost("from disk, all there but expired", 0, update("l", true, 2, 12, 30, bucketOf(200, 20)))
	lost("from disk, the end is missing", 7, update("l", true, 2, 8, 23, bucketOf(100, 10), bucketOf(200, 13)))
	lost("from disk, the table is missing", 30, &wire.Update{Leaf: "l", ID: "id-l", Epoch: 2, Seq: 1, Full: true})
	reborn := update("l", true, 2, 8, 30, bucketOf(100, 10), bucketOf(200, 20))
	reborn.Tables[0].Incarnation = 2
	lost("a new memory without a memory table's rows", 30, reborn)
	again := update("l", true, 1, 15, 3, bucketOf(300, 3))
	again.Tables[0].Incarnation = 2
	lost("the same memory, dropped and born again", 0, again)
	lost("another leaf under its name", 30, &wire.Update{Leaf: "l", ID: "other", Epoch: 1, Seq: 99, Full: true})

	b := newBook()
	b.apply(update("l", true, 1, 10, 30, bucketOf(100, 10), bucketOf(200, 20)))
	b.apply(update("l", true, 2, 8, 23, bucketOf(100, 10), bucketOf(200, 13)))
	hist := b.lost("l", "t", everything, 0)
	if len(hist) != 1 || hist[0].From != 200*second {
		t.Errorf("lost %v, want the 7 rows in the bucket at 200 s", hist)
	}
	b.replay(&bookRecord{ForgetLost: "l"})
	if n := sum(b.lost("l", "t", everything, 0)); n != 0 {
		t.Errorf("%d lost rows after forget", n)
	}
}

// TestBookSurvives writes, cuts the journal at every byte, and reads it back:
// what was written whole is there.
func TestBookSurvives(t *testing.T) {
	dir := t.TempDir()
	b, f, err := openBook(dir)
	if err != nil {
		t.Fatal(err)
	}
	says := []*wire.Update{
		update("l", true, 1, 10, 10, bucketOf(100, 10)),
		update("m", true, 1, 3, 5, bucketOf(100, 5)),
		update("l", false, 1, 11, 30, bucketOf(200, 20)),
	}
	for _, u := range says {
		b.apply(u)
		if err := f.write(b, &bookRecord{Update: u, At: 1}); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	rowsAt := func(n int) uint64 {
		path := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		cut := newBook()
		if _, err := (&bookFile{path: path}).read(cut); err != nil {
			t.Fatal(err)
		}
		return sum(cut.promised("l", "t", everything, 0)) + sum(cut.promised("m", "t", everything, 0))
	}
	last := uint64(0)
	for n := 0; n <= len(whole); n += 7 {
		rows := rowsAt(n)
		if rows < last || (rows != 0 && rows != 10 && rows != 15 && rows != 35) {
			t.Fatalf("cut at %d: %d rows after %d", n, rows, last)
		}
		last = rows
	}
	if rows := rowsAt(len(whole)); rows != 35 {
		t.Errorf("%d rows, want 35", rows)
	}
	again, f2, err := openBook(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f2.close()
	if rows := sum(again.promised("l", "t", everything, 0)); rows != 30 {
		t.Errorf("%d rows of l after reopening, want 30", rows)
	}
	schema, _, _, known := again.schema("t")
	if !known || !schema["a"].Has(storage.TypeInt64) {
		t.Errorf("schema %v, known %v", schema, known)
	}
}

// TestRatio: never above the truth, 1 only when nothing and nobody is missing.
func TestRatio(t *testing.T) {
	f := func(covered, expected uint64, all bool, want float64) {
		t.Helper()
		if got := ratio(covered, expected, all); got != want {
			t.Errorf("ratio(%d, %d, %v) = %v, want %v", covered, expected, all, got, want)
		}
	}
	f(0, 0, true, 1)
	f(0, 0, false, 0)
	f(10, 10, true, 1)
	f(10, 10, false, 0.9999)
	f(2, 3, true, 0.6666)
	f(1<<62, 1<<62+1, true, 0.9999)
	f(99_999_999, 100_000_000, true, 0.9999)
	f(0, 10, false, 0)
}

// TestBookForgets: retention passes a dead leaf's promise and what was lost; a
// full list of buckets replaces what was known.
func TestBookForgets(t *testing.T) {
	b := newBook()
	u := update("l", true, 1, 10, 30, bucketOf(100, 10), bucketOf(200, 20))
	u.Tables[0].Settings.RetentionAge = 60 * time.Second
	b.apply(u)
	if n := sum(b.promised("l", "t", everything, 170*second)); n != 20 {
		t.Errorf("%d rows promised after the retention of the older bucket, want 20", n)
	}
	back := update("l", true, 2, 8, 0)
	back.Tables[0].Settings.RetentionAge = 60 * time.Second
	b.apply(back)
	if before, after := sum(b.lost("l", "t", everything, 0)), sum(b.lost("l", "t", everything, 170*second)); before != 30 || after != 20 {
		t.Errorf("%d lost, %d after the retention of the older bucket; want 30 and 20", before, after)
	}
	full := update("l", false, 2, 20, 40, bucketOf(900, 1))
	full.Tables[0].Full = true
	b.apply(update("l", false, 2, 19, 39, bucketOf(800, 39)))
	b.apply(full)
	if n := sum(b.promised("l", "t", everything, 0)); n != 1 {
		t.Errorf("%d rows promised after a full list of 1", n)
	}
}

// TestBannedLeaf: a leaf that was suspended and forgotten is not read when it
// comes back, also after a restart of the aggregator; another one under its name is.
func TestBannedLeaf(t *testing.T) {
	dir := t.TempDir()
	b, f, err := openBook(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range []*bookRecord{{Update: update("l", true, 1, 1, 1, bucketOf(1, 1))}, {Suspend: "l"}, {Forget: "l"}} {
		b.replay(rec)
		if err := f.write(b, rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // from the records, then from the snapshot made of them
		if b, f, err = openBook(dir); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.rewrite(b), f.close()); err != nil {
			t.Fatal(err)
		}
	}
	b.apply(update("l", true, 1, 2, 1, bucketOf(1, 1)))
	if !b.suspended()["l"] {
		t.Error("a banned leaf is read again")
	}
	other := update("l", true, 1, 2, 1, bucketOf(1, 1))
	other.ID = "id-other"
	b.apply(other)
	if b.suspended()["l"] {
		t.Error("another leaf under the name is not read")
	}
}
