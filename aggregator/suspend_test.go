package aggregator

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/wire"
)

// dyingLeaf is a leaf that can be killed.
type dyingLeaf struct {
	*faultLeaf
	dead chan struct{}
}

func (l *dyingLeaf) Subscribe(ctx context.Context, who wire.Subscriber, sink func(*wire.Update) error) error {
	select {
	case <-l.dead:
		return errors.New("connection refused")
	default:
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-l.dead:
			cancel()
		case <-ctx.Done():
		}
	}()
	return l.faultLeaf.Subscribe(ctx, who, sink)
}

func (l *dyingLeaf) Status(ctx context.Context) (*wire.LeafStatus, error) {
	select {
	case <-l.dead:
		return nil, errors.New("connection refused")
	default:
		return l.faultLeaf.Status(ctx)
	}
}

// TestSuspendTheDead: a leaf can be suspended as soon as its connection is
// broken, before gossip tells of its death; and more than once.
func TestSuspendTheDead(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "leaf-1", rows: 10})
	leaf := &dyingLeaf{&faultLeaf{name: "leaf-2", rows: 30}, make(chan struct{})}
	a.Attach("leaf-2", "", leaf, false)
	until(t, a.Ready)
	h := a.Handler(HTTPConfig{})
	if w := do(t, h, "POST", "/v1/cluster/leaf-2/suspend", ""); w.Code != http.StatusConflict {
		t.Errorf("a living leaf is suspended: %d %s", w.Code, w.Body)
	}
	close(leaf.dead)
	until(t, func() bool {
		return strings.Contains(do(t, h, "GET", "/v1/cluster", "").Body.String(), `"state":"down"`)
	})
	for range 2 {
		if w := do(t, h, "POST", "/v1/cluster/leaf-2/suspend", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `{"suspended":"leaf-2"}`) {
			t.Errorf("suspend of a leaf that is gone: %d %s", w.Code, w.Body)
		}
	}
	a.SetState("leaf-2", StateUp, 0) // it returns
	if w := do(t, h, "POST", "/v1/cluster/leaf-2/suspend", ""); w.Code != http.StatusOK {
		t.Errorf("suspended once more: %d %s", w.Code, w.Body)
	}
}

// TestForgetSuspendedAlive: a suspended leaf that is alive can be forgotten:
// nothing of it is expected or read any more, whatever it says.
func TestForgetSuspendedAlive(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "leaf-1", rows: 10}, &faultLeaf{name: "leaf-2", rows: 30})
	a.book.replay(&bookRecord{Suspend: "leaf-2"})
	h := a.Handler(HTTPConfig{Forget: func(string) error { return errors.New("it is alive") }})
	if w := do(t, h, "POST", "/v1/cluster/leaf-2/forget", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `{"forgotten":"leaf-2"}`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	whole := func(when string) {
		t.Helper()
		if c := ask(t, a, 1000).Completeness; c.Ratio != 1 || c.RowsExpected != 10 || c.Leaves.Total != 1 {
			t.Errorf("%s: %+v", when, c)
		}
		if c := a.holdings(""); c.Ratio != 1 || c.RowsExpected != 10 {
			t.Errorf("%s, the list of tables: %+v", when, c)
		}
	}
	whole("after forget")
	a.Attach("leaf-2", "", &faultLeaf{name: "leaf-2", rows: 40}, false) // it restarts
	until(t, a.Ready)
	whole("after its restart")
	if book := a.book.save(); !slices.Contains(book.Banned, "id-leaf-2") {
		t.Errorf("a snapshot does not say who is banned")
	}
	if n := len(a.book.candidates("t")); n != 1 {
		t.Errorf("%d leaves may be homes, want 1", n)
	}
	if w := do(t, h, "POST", "/v1/cluster/leaf-1/forget", ""); !strings.Contains(w.Body.String(), "forgotten_lost_rows_of") {
		t.Errorf("forget of a living leaf: %s", w.Body)
	}
}
