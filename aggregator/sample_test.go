package aggregator

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/kelpdb/kelp/query"
)

// inRangeLeaf keeps what it is told of the rows in range, by range.
type inRangeLeaf struct {
	*faultLeaf
	mu      sync.Mutex
	present []uint64
	earlier []uint64
}

func (l *inRangeLeaf) Run(ctx context.Context, q *query.Query) (*query.Partial, error) {
	l.mu.Lock()
	if q.IsEarlier {
		l.earlier = append(l.earlier, q.InRange)
	} else {
		l.present = append(l.present, q.InRange)
	}
	l.mu.Unlock()
	return l.faultLeaf.Run(ctx, q)
}

// TestSampleInRange: leaves learn how many rows there are in the range of a sample, in each
// of COMPARE's by itself, and of no other query.
func TestSampleInRange(t *testing.T) {
	leaf := &inRangeLeaf{faultLeaf: &faultLeaf{name: "leaf-1", rows: 30}}
	a := newTest(t)
	a.Attach(leaf.name, "", leaf, true)
	until(t, a.Ready)
	for _, sql := range []string{
		"SELECT count() FROM t", "SELECT count() FROM t SAMPLE 5 ROWS",
		"SELECT count() FROM t SINCE '1970-01-03T00:00:00Z' SAMPLE 5 ROWS COMPARE 7d",
	} {
		if w := do(t, a.Handler(HTTPConfig{}), "POST", "/v1/query", sql); w.Code != 200 {
			t.Fatalf("%s: %d %s", sql, w.Code, w.Body)
		}
	}
	if !slices.Equal(leaf.present, []uint64{0, 30, 0}) || !slices.Equal(leaf.earlier, []uint64{30}) {
		t.Errorf("rows in range: %v, earlier %v", leaf.present, leaf.earlier)
	}
}
