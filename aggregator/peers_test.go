package aggregator

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestAdopt: an aggregator that was away learns from another what a dead leaf
// had promised by the end, and never goes back to an older word.
func TestAdopt(t *testing.T) {
	// Ours heard of 10 rows; the other of 25, and of a leaf we never met.
	ours := newTest(t, &faultLeaf{name: "leaf-1", rows: 10})
	ours.book.apply(update("leaf-2", true, 1, 5, 10, bucketOf(100, 10)))
	ours.Know("leaf-2", "", "id-leaf-2", 1)
	other := newBook()
	other.apply(update("leaf-1", true, 1, 99, 50, bucketOf(100, 50))) // we hear leaf-1 ourselves
	other.apply(update("leaf-2", true, 1, 9, 25, bucketOf(100, 25)))
	other.apply(update("leaf-3", true, 1, 2, 7, bucketOf(100, 7)))
	send := func(b *book) {
		t.Helper()
		body, err := json.Marshal(b.save())
		if err != nil {
			t.Fatal(err)
		}
		if err := ours.Adopt(bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	if !ours.Unheard() {
		t.Error("leaf-2 is not heard, and Unheard is false")
	}
	expect := func(when string, rows uint64) {
		t.Helper()
		if c := ask(t, ours, 1000).Completeness; c.RowsExpected != rows || c.Ratio >= 1 {
			t.Errorf("%s: %+v, want %d rows expected", when, c, rows)
		}
	}
	expect("before", 20)
	send(other)
	expect("after", 10+25+7)
	older := newBook()
	older.apply(update("leaf-2", true, 1, 6, 12, bucketOf(100, 12)))
	send(older)
	expect("after an older word", 10+25+7)
	if err := ours.Adopt(bytes.NewReader([]byte(`{"Snapshot": 7}`))); err == nil {
		t.Error("garbage is taken for a book")
	}
}
