package aggregator

import (
	"context"
	"net/http"
	"sync"
	"testing"
)

// TestTurns: so many queries run, so many wait, and one more is told to come again.
func TestTurns(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "leaf-1", rows: 5})
	var running []func()
	for range queriesMax {
		done, err := a.turn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		running = append(running, done)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range queriesWaitingMax {
		waiting.Go(func() {
			if done, err := a.turn(ctx); err == nil {
				done()
			}
		})
	}
	until(t, func() bool { return a.waiting.Load() == queriesWaitingMax })
	w := do(t, a.Handler(HTTPConfig{}), "POST", "/v1/query", "SELECT count() FROM t")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	running[0]()
	waiting.Wait() // one after another
	running[0], _ = a.turn(ctx)
	cancel()
	if _, err := a.turn(ctx); err == nil {
		t.Error("a turn after the end of its time")
	}
	for _, done := range running {
		done()
	}
	if n := a.waiting.Load(); n != 0 {
		t.Errorf("%d still wait", n)
	}
	ask(t, a, 1000)
}
