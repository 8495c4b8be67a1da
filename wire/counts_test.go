package wire

import (
	"math"
	"reflect"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// Every bucket that storage can make: also the last one, and the first, which
// has no room to begin at a multiple of its width.
func TestCountsRoundTrip(t *testing.T) {
	var want []storage.TimeCount
	for _, w := range storage.TimeWidths() {
		for _, from := range []int64{math.MinInt64, math.MinInt64 / w * w, -w, 0, w, math.MaxInt64 / w * w} {
			want = append(want, storage.TimeCount{From: from, Width: w, Rows: 7})
		}
	}
	if err := checkCounts(want); err != nil {
		t.Fatal(err)
	}
	r := &reader{src: appendCounts(nil, want)}
	if got := readCounts(r); r.err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %v\nwant %v", r.err, got, want)
	}
}

// What is no bucket is an error to whoever sends it, and nobody dies of it.
func TestCountsThatAreNone(t *testing.T) {
	for _, bad := range []storage.TimeCount{
		{From: 1, Width: 1e9}, {From: -1, Width: 1e9}, {From: math.MinInt64 + 1, Width: 1e9}, {From: math.MaxInt64, Width: 60e9},
		{From: 0, Width: 0}, {From: 0, Width: 2e9}, {From: 0, Width: -1e9},
	} {
		hist := []storage.TimeCount{bad}
		p := &query.Partial{Leaves: []query.LeafReport{{Skipped: []query.Skipped{{Reason: "lost", Hist: hist}}}}}
		if err := sendPartial(&sender{to: &tape{}}, p, false); err == nil {
			t.Errorf("%+v: sent in a partial result", bad)
		}
		u := &Update{Tables: []TableUpdate{{TableChange: storage.TableChange{Table: "t", Buckets: hist}}}}
		if err := (&subscription{}).sink(t.Context(), u); err == nil {
			t.Errorf("%+v: sent in an update", bad)
		}
	}
}
