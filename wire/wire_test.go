package wire

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLeaf is a Leaf made of functions; a call without one fails the test.
type fakeLeaf struct {
	run       func(context.Context, *query.Query) (*query.Partial, error)
	append    func(context.Context, *Append) (*Appended, error)
	subscribe func(context.Context, Subscriber, func(*Update) error) error
	describe  func(context.Context, string) (*TableDetail, error)

	held, dropped bool
	table, key    string
	settings      storage.Settings
	err           error
}

func (f *fakeLeaf) Run(ctx context.Context, q *query.Query) (*query.Partial, error) {
	return f.run(ctx, q)
}

func (f *fakeLeaf) Append(ctx context.Context, a *Append) (*Appended, error) { return f.append(ctx, a) }

func (f *fakeLeaf) Holds(_ context.Context, table, key string) (bool, error) {
	f.table, f.key = table, key
	return f.held, f.err
}

func (f *fakeLeaf) Drop(_ context.Context, table string) (bool, error) {
	f.table = table
	return f.dropped, f.err
}

func (f *fakeLeaf) Set(_ context.Context, table string, s storage.Settings) error {
	f.table, f.settings = table, s
	return f.err
}

func (f *fakeLeaf) Describe(ctx context.Context, table string) (*TableDetail, error) {
	return f.describe(ctx, table)
}

func (f *fakeLeaf) Explain(_ context.Context, q *query.Query) (json.RawMessage, error) {
	return json.RawMessage(`{"sql":"` + q.SQL + `"}`), f.err
}

func (f *fakeLeaf) Status(context.Context) (*LeafStatus, error) {
	return &LeafStatus{Name: "leaf-1", Rows: 1 << 60, Loading: true}, f.err
}

func (f *fakeLeaf) Subscribe(ctx context.Context, who Subscriber, sink func(*Update) error) error {
	return f.subscribe(ctx, who, sink)
}

// serve starts a server over a leaf and returns a client of it; both end with
// the test.
func serve(t testing.TB, leaf Leaf, change ...func(*ServerConfig, *ClientConfig)) *Client {
	t.Helper()
	var sc ServerConfig
	var cc ClientConfig
	for _, f := range change {
		f(&sc, &cc)
	}
	s, err := NewServer(sc, leaf)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Stop(5 * time.Second)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return dial(t, ln.Addr().String(), cc)
}

func dial(t testing.TB, addr string, cc ClientConfig) *Client {
	t.Helper()
	c, err := Dial(addr, cc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return c
}

// testContext ends before a hanging test would.
func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// codeOf is the code of an error, "" for none and for errors without.
func codeOf(err error) string {
	var coded *Error
	if errors.As(err, &coded) {
		return coded.Code
	}
	return ""
}

func countQuery() *query.Query {
	return &query.Query{
		SQL: "SELECT service, count(), sum(ms) FROM logs GROUP BY service", Now: 1_700_000_000_000_000_000,
		Schema: query.Schema{
			"service": storage.TypeSet(0).With(storage.TypeString),
			"ms":      storage.TypeSet(0).With(storage.TypeFloat64),
		},
	}
}

func TestThinnest(t *testing.T) {
	var got *Append
	leaf := &fakeLeaf{
		run: func(ctx context.Context, q *query.Query) (*query.Partial, error) {
			plan, err := q.Plan()
			if err != nil {
				return nil, err
			}
			p := query.NewPartial(plan)
			p.Leaves = []query.LeafReport{{Leaf: "leaf-1", Shard: 4, Covered: 10}}
			return p, nil
		},
		append: func(ctx context.Context, a *Append) (*Appended, error) {
			got = a
			return &Appended{Receipt: a.Receipt, Duplicate: true}, nil
		},
	}
	c := serve(t, leaf)
	p, err := c.Run(testContext(t), countQuery())
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Leaves) != 1 || p.Leaves[0].Covered != 10 || len(p.Keys) != 1 || len(p.States) != 2 {
		t.Errorf("partial: %+v", p)
	}
	b := storage.NewBatch()
	s := b.Slot([]byte("service"))
	b.SetString(s, []byte("api"))
	b.EndRow(5)
	b.EndRow(6)
	done, err := c.Append(testContext(t), &Append{Table: "logs", Key: "k", Batch: b, Receipt: storage.Receipt{Accepted: 2}})
	if err != nil {
		t.Fatal(err)
	}
	if !done.Duplicate || done.Receipt.Accepted != 2 {
		t.Errorf("done: %+v", done)
	}
	if got.Table != "logs" || got.Key != "k" || got.Batch.Rows() != 2 || got.Batch.Times()[1] != 6 ||
		got.Batch.Slots()[0].Vectors[storage.TypeString].Value(0).Str != "api" {
		t.Errorf("got: %+v", got)
	}
}

// Nobody listens: nothing was done, and that is known at once.
func TestNobodyThere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	c := dial(t, addr, ClientConfig{})
	ctx := testContext(t)
	start := time.Now()
	_, runErr := c.Run(ctx, countQuery())
	_, appendErr := c.Append(ctx, &Append{Table: "t", Batch: storage.NewBatch()})
	_, holdsErr := c.Holds(ctx, "t", "k")
	subErr := c.Subscribe(ctx, Subscriber{Name: "a"}, func(*Update) error { return nil })
	for _, err := range []error{runErr, appendErr, holdsErr, subErr} {
		if codeOf(err) != CodeUnreachable {
			t.Errorf("the error is %v (code %q)", err, codeOf(err))
		}
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("it took %v to find nobody there", d)
	}
}
