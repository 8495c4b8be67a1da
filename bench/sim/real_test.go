package sim

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kelpdb/kelp/aggregator"
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// The real fan-out in virtual time: aggregator.Run over thousands of leaves, each a
// Runner that sleeps as long as the model says it takes.

// sleeper is a leaf of rowsEach rows.
type sleeper struct {
	wire.Leaf // nothing else is called
	name      string
	takes     time.Duration // its next answer
}

const rowsEach = 1000

func (l *sleeper) Run(ctx context.Context, q *query.Query) (*query.Partial, error) {
	select {
	case <-time.After(l.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	p := query.NewPartial(plan)
	p.States[0].(*query.CountState).N[0] = rowsEach
	p.Leaves = []query.LeafReport{{Leaf: l.name, Covered: rowsEach, Epoch: 1, Seq: 1}}
	return p, nil
}

func (l *sleeper) Subscribe(ctx context.Context, _ wire.Subscriber, sink func(*wire.Update) error) error {
	err := sink(&wire.Update{Leaf: l.name, ID: l.name, Epoch: 1, Seq: 1, Full: true, Tables: []wire.TableUpdate{{
		TableChange: storage.TableChange{Table: "t", Incarnation: 1, Added: rowsEach, Seq: 1,
			Buckets: []storage.TimeCount{{From: 1e18, Width: int64(time.Second), Rows: rowsEach}}},
		Schema: query.Schema{"a": storage.TypeSet(0).With(storage.TypeInt64)},
	}}})
	if err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestModelIsTheCode: without what the code does not do yet, the model gives the
// answers of aggregator.Run: as complete, and after the same time to the nanosecond.
func TestModelIsTheCode(t *testing.T) {
	f := func(leaves, queries int, slow Slow, deadline time.Duration) {
		t.Helper()
		cfg := Config{Leaves: leaves, Replicas: 1, Normal: flatDist(1, 30), Hop: flatDist(1, 2), Slow: slow,
			Policy: Policy{Deadline: deadline}, Seed: uint64(leaves)}
		synctest.Test(t, func(t *testing.T) { compare(t, cfg, queries) })
	}
	second := Slow{Share: 0.01, Least: time.Second, Tail: 1.2}
	f(1, 20, Slow{Share: 0.2, Least: 40 * time.Millisecond, Tail: 1}, 100*time.Millisecond)
	f(10, 50, second, 10*time.Second)
	f(100, 50, second, time.Second)
	f(1000, 20, second, time.Second)
	f(1000, 20, Slow{Share: 0.01, Least: time.Second, Tail: 1.2, PerMachine: true}, time.Second)
	f(1000, 5, Slow{Share: 0.5, Least: time.Second, Tail: 1.2, PerMachine: true}, 20*time.Millisecond)
	if !testing.Short() && !underRace {
		f(10_000, 1, second, time.Second)
	}
}

// compare asks the model and the code the same.
func compare(t *testing.T, cfg Config, queries int) {
	model, err := NewCluster(cfg)
	if err != nil {
		t.Fatal(err)
	}
	twin, err := NewCluster(cfg) // draws what the model draws
	if err != nil {
		t.Fatal(err)
	}
	agg, err := aggregator.New(aggregator.Config{Name: "agg", Now: time.Now, Log: slog.New(slog.DiscardHandler), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := agg.Close(); err != nil {
			t.Error(err)
		}
	}()
	leaves := make([]*sleeper, cfg.Leaves)
	for i := range leaves {
		leaves[i] = &sleeper{name: fmt.Sprintf("leaf-%05d", i)}
		agg.Attach(leaves[i].name, "", leaves[i], true)
	}
	synctest.Wait()
	if !agg.Ready() {
		t.Fatal("the aggregator has not heard its leaves")
	}
	partial := 0
	for range queries {
		want := model.Ask()
		for i := range leaves {
			leaves[i].takes = twin.ask(group{i, i + 1}, 0, 0, 0).at
		}
		got, err := agg.Select(context.Background(), aggregator.Ask{SQL: "SELECT count() FROM t", TimeoutMs: cfg.Policy.Deadline.Milliseconds()})
		synctest.Wait() // late leaves have heard that nobody waits
		if want.Covered == 0 {
			if err == nil {
				t.Errorf("%d leaves: no leaf is in time, and there is an answer", cfg.Leaves)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if want.Covered < want.Leaves {
			partial++
		}
		c := got.Completeness
		if int(c.RowsCovered) != want.Covered*rowsEach || int(c.RowsExpected) != want.Leaves*rowsEach ||
			c.Ratio != float64(want.Covered*10_000/want.Leaves)/10_000 {
			t.Errorf("%d leaves: the code covers %d rows of %d, %v; the model %d leaves", cfg.Leaves, c.RowsCovered, c.RowsExpected, c.Ratio, want.Covered)
		}
		if got.Elapsed != want.Took {
			t.Errorf("%d leaves: the code takes %v, the model %v", cfg.Leaves, got.Elapsed, want.Took)
		}
	}
	t.Logf("%d leaves, %v: %d queries, %d of them partial", cfg.Leaves, cfg.Policy.Deadline, queries, partial)
}

// flatDist is the distribution of times between two.
func flatDist(from, to float64) Dist {
	return Dist{Name: "flat", Points: []Point{{0, from}, {1, to}}}
}
