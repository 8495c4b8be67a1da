package aggregator

import (
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
	b.apply(update("l", true, 1, 10, 30, bucketOf(100, 10), bucketOf(200, 20)), 0)
	b.apply(update("l", false, 1, 11, 35, bucketOf(200, 25)), 0)
	b.apply(update("l", false, 1, 11, 35, bucketOf(200, 25)), 0) // twice does no harm
	if n := sum(b.promised("l", "t", everything)); n != 35 {
		t.Errorf("promised %d, want 35", n)
	}
	// A bucket that the range cuts counts whole.
	if n := sum(b.promised("l", "t", query.Range{From: 200*second + 1, To: maxTime})); n != 25 {
		t.Errorf("promised %d in a range that cuts a bucket, want 25", n)
	}
	b.apply(update("l", false, 1, 12, 35, bucketOf(100, 0)), 0) // retention
	if n := sum(b.promised("l", "t", everything)); n != 25 {
		t.Errorf("promised %d after retention, want 25", n)
	}
	b.apply(&wire.Update{Leaf: "l", ID: "id-l", Epoch: 1, Seq: 13, Tables: []wire.TableUpdate{{
		TableChange: storage.TableChange{Table: "t", Incarnation: 1, Dropped: true}}}}, 0)
	if n := sum(b.promised("l", "t", everything)); n != 0 {
		t.Errorf("promised %d after a drop, want 0", n)
	}
}

// TestBookLost: what had been promised and does not come back stays expected.
func TestBookLost(t *testing.T) {
	lost := func(name string, want uint64, back *wire.Update) {
		t.Helper()
		b := newBook()
		b.apply(update("l", true, 1, 10, 30, bucketOf(100, 10), bucketOf(200, 20)), 0)
		b.apply(back, 0)
		if got := sum(b.lost("l", "t", everything)); got != want {
			t.Errorf("%s: %d rows lost, want %d", name, got, want)
		}
		before := sum(b.lost("l", "t", everything))
		b.apply(back, 0)
		if after := sum(b.lost("l", "t", everything)); after != before {
			t.Errorf("%s: the same update again: %d lost, then %d", name, before, after)
		}
	}
	lost("the same memory, same edits", 0, update("l", true, 1, 10, 30, bucketOf(100, 10), bucketOf(200, 20)))
	lost("the same memory, rows expired since", 0, update("l", true, 1, 12, 30, bucketOf(200, 20)))
	lost("from disk, all there", 0, update("l", true, 2, 9, 30, bucketOf(100, 10), bucketOf(200, 20)))
	lost("from disk, all there but expired", 0, update("l", true, 2, 12, 30, bucketOf(200, 20)))
	lost("from disk, the end is missing", 7, update("l", true, 2, 8, 23, bucketOf(100, 10), bucketOf(200, 13)))
	lost("from disk, the table is missing", 30, &wire.Update{Leaf: "l", ID: "id-l", Epoch: 2, Seq: 1, Full: true})
	lost("another leaf under its name", 30, &wire.Update{Leaf: "l", ID: "other", Epoch: 1, Seq: 99, Full: true})

	b := newBook()
	b.apply(update("l", true, 1, 10, 30, bucketOf(100, 10), bucketOf(200, 20)), 0)
	b.apply(update("l", true, 2, 8, 23, bucketOf(100, 10), bucketOf(200, 13)), 0)
	hist := b.lost("l", "t", everything)
	if len(hist) != 1 || hist[0].From != 200*second {
		t.Errorf("lost %v, want the 7 rows in the bucket at 200 s", hist)
	}
	b.replay(&bookRecord{ForgetLost: "l"})
	if n := sum(b.lost("l", "t", everything)); n != 0 {
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
		b.apply(u, 1)
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
		if err := cut.read(path); err != nil {
			t.Fatal(err)
		}
		return sum(cut.promised("l", "t", everything)) + sum(cut.promised("m", "t", everything))
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
	if rows := sum(again.promised("l", "t", everything)); rows != 30 {
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
