package aggregator

import (
	"errors"
	"testing"
	"time"
)

// TestWithin: by then there is an answer with what there is, however long the
// request would wait. Where there is nothing by then, it is a timeout.
func TestWithin(t *testing.T) {
	slow := &faultLeaf{name: "leaf-2", rows: 40, slow: true}
	a := newTest(t, &faultLeaf{name: "leaf-1", rows: 10}, slow)
	for _, sql := range []string{"SELECT count() FROM t WITHIN 100ms", "FROM t WITHIN 100ms SELECT count()", "SELECT count() FROM t SINCE '1970-01-01' COMPARE 1d WITHIN 100ms"} {
		began := time.Now()
		ans, err := a.Select(t.Context(), Ask{SQL: sql, TimeoutMs: 60_000})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s took %v", sql, took)
		}
		if c := ans.Completeness; len(c.Leaves.Missing) != 1 || c.Leaves.Missing[0] != (LeafMissing{"leaf-2", "timeout"}) || c.RowsCovered != 10 {
			t.Errorf("%s: %+v", sql, c)
		}
	}
	began := time.Now()
	if _, err := a.Select(t.Context(), Ask{SQL: "SELECT count() FROM t WITHIN 1h", TimeoutMs: 50}); err != nil || time.Since(began) > 10*time.Second {
		t.Errorf("the request's own time does not end it: %v", err)
	}
	var late *apiError
	b := newTest(t, &faultLeaf{name: "leaf-1", slow: true})
	if _, err := b.Select(t.Context(), Ask{SQL: "SELECT count() FROM t WITHIN 50ms", TimeoutMs: 60_000}); !errors.As(err, &late) || late.Code != "timeout" {
		t.Errorf("nothing in time gives %v", err)
	}
}
