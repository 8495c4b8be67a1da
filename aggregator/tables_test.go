package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// tableLeaf has one table, of which it can not read some rows.
type tableLeaf struct {
	*faultLeaf
	damaged uint64
	away    bool
	behind  bool
}

func (l *tableLeaf) Describe(_ context.Context, table string) (*wire.TableDetail, error) {
	if l.away {
		return nil, errors.New("gone")
	}
	if l.behind {
		return &wire.TableDetail{Leaf: l.name, Epoch: 2}, nil
	}
	c := wire.ColumnDetail{Name: "a", Bytes: 8}
	c.Rows[storage.TypeInt64] = l.rows
	return &wire.TableDetail{Leaf: l.name, Epoch: 1, Seq: 1, Known: table == "t", Rows: l.rows, Damaged: l.damaged, Columns: []wire.ColumnDetail{c}}, nil
}

// TestTableCompleteness: the list and the detail of tables say how much of what
// was promised stands behind them.
func TestTableCompleteness(t *testing.T) {
	f := func(what string, prepare func(a *Aggregator, two *tableLeaf), list, detail float64, leaf, reason string) {
		t.Helper()
		a := newTest(t, &faultLeaf{name: "leaf-0"}) // has no rows
		one, two := &tableLeaf{faultLeaf: &faultLeaf{name: "leaf-1", rows: 30}}, &tableLeaf{faultLeaf: &faultLeaf{name: "leaf-2", rows: 10}}
		a.Attach("leaf-1", "", one, true)
		a.Attach("leaf-2", "", two, true)
		until(t, a.Ready)
		prepare(a, two)
		h := a.Handler(HTTPConfig{})
		look := func(path string, ratio float64) {
			t.Helper()
			w := do(t, h, "GET", path, "")
			var got struct{ Completeness Completeness }
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%s: %s: %d %s", what, path, w.Code, w.Body)
			}
			c := got.Completeness
			if c.Ratio != ratio || !c.Exact || c.Leaves.Total != 3 || (ratio == 1) != (len(c.Leaves.Missing) == 0) || c.RowsExpected != 40 {
				t.Errorf("%s: %s: %+v, want a ratio of %v", what, path, c, ratio)
			}
			if ratio < 1 && len(c.Leaves.Missing) > 0 && c.Leaves.Missing[0] != (LeafMissing{leaf, reason}) {
				t.Errorf("%s: %s: %+v is missing, want %s %s", what, path, c.Leaves.Missing, leaf, reason)
			}
		}
		look("/v1/tables", list)
		look("/v1/tables/t", detail)
		for _, sql := range []string{"SHOW TABLES", "DESCRIBE t"} {
			ans, err := a.Answer(t.Context(), Ask{SQL: sql})
			want := list
			if sql == "DESCRIBE t" {
				want = detail
			}
			if err != nil || ans.Completeness.Ratio != want {
				t.Errorf("%s: %s: %+v %v, want %v", what, sql, ans, err, want)
			}
		}
	}
	f("all there", func(*Aggregator, *tableLeaf) {}, 1, 1, "", "")
	f("one down", func(a *Aggregator, _ *tableLeaf) { a.SetState("leaf-2", StateDown, 0) }, 0.75, 0.75, "leaf-2", "down")
	f("one detached", func(a *Aggregator, _ *tableLeaf) { a.Detach("leaf-2", StateRestarting) }, 0.75, 0.75, "leaf-2", "restarting")
	f("one suspended", func(a *Aggregator, _ *tableLeaf) {
		a.Detach("leaf-2", StateDown)
		a.book.replay(&bookRecord{Suspend: "leaf-2"})
	}, 0.75, 0.75, "leaf-2", "down")
	f("one suspended and here", func(a *Aggregator, _ *tableLeaf) {
		a.book.replay(&bookRecord{Suspend: "leaf-2"})
	}, 0.75, 0.75, "leaf-2", "down")
	f("one behind its word", func(_ *Aggregator, two *tableLeaf) { two.behind = true }, 1, 0.75, "leaf-2", "restarting")
	f("damage", func(_ *Aggregator, two *tableLeaf) { two.damaged = 4 }, 1, 0.9, "leaf-2", "damaged")
	f("one fails", func(_ *Aggregator, two *tableLeaf) { two.away = true }, 1, 0.75, "leaf-2", "down")
	f("lost rows", func(a *Aggregator, _ *tableLeaf) {
		a.book.change("leaf-2", func(p *leafPage) {
			delete(p.Tables, "t")
			p.Lost["t"] = []storage.TimeCount{bucketOf(100, 10)}
		})
	}, 0.75, 0.75, "leaf-2", "lost")
}
