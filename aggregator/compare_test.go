package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
)

// splitLeaf answers the range that COMPARE moves back by another leaf than the
// present one.
type splitLeaf struct {
	*faultLeaf
	past *faultLeaf
}

func (l *splitLeaf) Run(ctx context.Context, q *query.Query) (*query.Partial, error) {
	if q.IsEarlier {
		return l.past.Run(ctx, q)
	}
	return l.faultLeaf.Run(ctx, q)
}

const compareSQL = "SELECT count() AS n FROM t SINCE '1970-01-01T00:00:00Z' COMPARE 1h"

// TestCompare: both ranges stand in the answer, each with its own completeness.
func TestCompare(t *testing.T) {
	leaf := &splitLeaf{&faultLeaf{name: "leaf-1", rows: 30}, &faultLeaf{name: "leaf-1", rows: 20}}
	a := newTest(t)
	a.Attach(leaf.name, "", leaf, true)
	until(t, a.Ready)
	w := do(t, a.Handler(HTTPConfig{}), "POST", "/v1/query", compareSQL)
	var got struct {
		Rows         [][]any
		Completeness struct{ Ratio float64 }
		Range        struct{ From, To string }
		Compare      struct {
			Range        struct{ From, To time.Time }
			Completeness struct {
				Ratio       float64
				RowsCovered uint64 `json:"rows_covered"`
			}
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %v: %s", w.Code, err, w.Body)
	}
	if text := fmt.Sprint(got.Rows); text != "[[30 20 0.5]]" {
		t.Errorf("rows %s", text)
	}
	c := got.Compare
	if got.Completeness.Ratio != 1 || c.Completeness.Ratio != 1 || c.Completeness.RowsCovered != 20 ||
		!c.Range.From.Equal(time.Unix(-3600, 0)) {
		t.Errorf("%s", w.Body)
	}
}

// TestCompareMissing: what is missing of the past is told, and a strict query
// does not take it. The first error ends both runs.
func TestCompareMissing(t *testing.T) {
	past := &faultLeaf{name: "leaf-1", fail: errors.New("odd")}
	leaf := &splitLeaf{&faultLeaf{name: "leaf-1", rows: 30}, past}
	a := newTest(t)
	a.Attach(leaf.name, "", leaf, true)
	until(t, a.Ready)
	ans, err := a.Select(t.Context(), Ask{SQL: compareSQL})
	if err != nil {
		t.Fatal(err)
	}
	c := ans.Compare.Completeness
	if ans.Completeness.Ratio != 1 || c.Ratio != 0 || len(c.Leaves.Missing) != 1 || c.Leaves.Missing[0].Reason != "unsupported" {
		t.Errorf("present %+v, past %+v", ans.Completeness, c)
	}
	for _, ask := range []Ask{{SQL: compareSQL, Strict: true}, {SQL: compareSQL, MinCompleteness: 0.5}} {
		var incomplete *errIncomplete
		if _, err := a.Select(t.Context(), ask); !errors.As(err, &incomplete) {
			t.Errorf("%+v: %v", ask, err)
		}
	}
	past.fail, past.lie = nil, func(*query.Partial) { panic("BUG: a test") }
	if ans, err = a.Select(t.Context(), Ask{SQL: compareSQL}); err != nil || ans.Compare.Completeness.Ratio != 0 {
		t.Errorf("%v, %+v", err, ans)
	}
	if _, err := a.Select(t.Context(), Ask{SQL: strings.Replace(compareSQL, "1h", "-1h", 1)}); err == nil {
		t.Error("a negative duration was taken")
	}
}
