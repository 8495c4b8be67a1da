package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A real plan's answer through a real connection.
func TestRun(t *testing.T) {
	var want *query.Partial
	var got *query.Query
	leaf := &fakeLeaf{run: func(ctx context.Context, q *query.Query) (*query.Partial, error) {
		plan, err := q.Plan()
		if err != nil {
			return nil, err
		}
		got = q
		want = samplePartial(rand.New(rand.NewPCG(1, 2)), plan, 40_000)
		return want, nil
	}}
	c := serve(t, leaf)
	q := countQuery()
	q.Shards, q.DataTo = []uint64{4}, 9
	p, err := c.Run(testContext(t), q)
	if err != nil {
		t.Fatal(err)
	}
	samePartial(t, p, want)
	if got.SQL != q.SQL || got.Now != q.Now || !reflect.DeepEqual(got.Schema, q.Schema) || !reflect.DeepEqual(got.Shards, q.Shards) || got.DataTo != 9 {
		t.Errorf("the leaf was asked %+v", got)
	}
}

// Codes and places of errors travel.
func TestErrorsTravel(t *testing.T) {
	leaf := &fakeLeaf{}
	c := serve(t, leaf)
	f := func(err error, same func(error) bool) {
		t.Helper()
		leaf.run = func(context.Context, *query.Query) (*query.Partial, error) { return nil, err }
		leaf.append = func(context.Context, *Append) (*Appended, error) { return nil, err }
		leaf.err = err
		ctx := testContext(t)
		_, runErr := c.Run(ctx, countQuery())
		_, holdsErr := c.Holds(ctx, "t", "k")
		_, statusErr := c.Status(ctx)
		setErr := c.Set(ctx, "t", storage.Settings{})
		for _, got := range []error{runErr, holdsErr, statusErr, setErr} {
			if !same(got) {
				t.Errorf("%v (%T) came as %v (%T)", err, err, got, got)
			}
		}
	}
	for _, code := range []string{CodeKeyReused, CodeFull, CodeStaleSchema, CodeClosing, CodeLoading, CodeFateUnknown, "later"} {
		message := "table \"t\" \xff ä\n is " + code
		f(&Error{Code: code, Message: message}, func(err error) bool {
			return codeOf(err) == code && strings.HasPrefix(err.Error(), "table \"t\"")
		})
		_, err := c.Append(testContext(t), &Append{Batch: storage.NewBatch()})
		if codeOf(err) != code {
			t.Errorf("an append failed with %q as %v", code, err)
		}
	}
	bad := &query.Error{Code: "parse_error", Message: "expected", Hint: "write", Pos: query.Pos{Line: 2, Column: 5}}
	f(bad, func(err error) bool {
		var got *query.Error
		return errors.As(err, &got) && reflect.DeepEqual(got, bad)
	})
	f(context.DeadlineExceeded, func(err error) bool { return errors.Is(err, context.DeadlineExceeded) })
	f(errors.New("a disk is gone"), func(err error) bool {
		return codeOf(err) == CodeInternal && err.Error() == "a disk is gone"
	})
	f(&Error{Code: CodeFull, Message: strings.Repeat("x", 1<<20)}, func(err error) bool {
		return codeOf(err) == CodeFull && len(err.Error()) <= errorBytesMax+3
	})
}

// A panic of the leaf ends the call, not the process.
func TestPanic(t *testing.T) {
	leaf := &fakeLeaf{run: func(context.Context, *query.Query) (*query.Partial, error) { panic("BUG: of a test") }}
	c := serve(t, leaf)
	for range 2 {
		if _, err := c.Run(testContext(t), countQuery()); codeOf(err) != CodeInternal || !strings.Contains(err.Error(), "of a test") {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestActions(t *testing.T) {
	leaf := &fakeLeaf{held: true, dropped: true, describe: func(_ context.Context, table string) (*TableDetail, error) {
		return &TableDetail{Known: table == "t", Rows: 1 << 63, From: -1, Settings: storage.Settings{RetentionAge: 5}, Columns: []ColumnDetail{{Name: "a", Rows: [7]uint64{1, 2}}}}, nil
	}}
	c := serve(t, leaf)
	ctx := testContext(t)
	if held, err := c.Holds(ctx, "t", "key\xff"); err != nil || !held || leaf.table != "t" || leaf.key != "key\xff" {
		t.Errorf("holds: %v %v %q", held, err, leaf.key)
	}
	if had, err := c.Drop(ctx, "u"); err != nil || !had || leaf.table != "u" {
		t.Errorf("drop: %v %v", had, err)
	}
	settings := sampleUpdate(1).Tables[0].Settings
	if err := c.Set(ctx, "v", settings); err != nil || leaf.settings != settings || leaf.table != "v" {
		t.Errorf("set: %v %+v", err, leaf.settings)
	}
	want, _ := leaf.describe(ctx, "t")
	if d, err := c.Describe(ctx, "t"); err != nil || !reflect.DeepEqual(d, want) {
		t.Errorf("describe: %+v %v", d, err)
	}
	if s, err := c.Status(ctx); err != nil || s.Name != "leaf-1" || s.Rows != 1<<60 || !s.Loading {
		t.Errorf("status: %+v %v", s, err)
	}
	if plan, err := c.Explain(ctx, &query.Query{SQL: "x"}); err != nil || string(plan) != `{"sql":"x"}` {
		t.Errorf("explain: %s %v", plan, err)
	}
	leaf.held, leaf.dropped = false, false
	if held, err := c.Holds(ctx, "t", ""); err != nil || held {
		t.Errorf("holds: %v %v", held, err)
	}
}

// The leaf has less time than the caller, and a cancelled call ends on the leaf.
func TestDeadlinesAndCancellation(t *testing.T) {
	ended := make(chan time.Duration, 1)
	started := make(chan struct{}, 1)
	leaf := &fakeLeaf{run: func(ctx context.Context, q *query.Query) (*query.Partial, error) {
		deadline, ok := ctx.Deadline()
		left := time.Duration(-1)
		if ok {
			left = time.Until(deadline)
		}
		started <- struct{}{}
		<-ctx.Done()
		ended <- left
		plan, _ := q.Plan()
		return query.NewPartial(plan), nil
	}}
	c := serve(t, leaf)
	// What is kept for the reply is short, a busy machine may take longer: the time
	// is doubled, twice at most.
	for timeout := 400 * time.Millisecond; ; timeout *= 2 {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		_, err := c.Run(ctx, countQuery())
		cancel()
		<-started
		if left := <-ended; left <= 0 || left > timeout*39/40 {
			t.Errorf("the leaf had %v of %v", left, timeout)
		}
		if err == nil {
			break
		}
		if timeout > time.Second {
			t.Errorf("a leaf that answers at its deadline came too late: %v", err)
			break
		}
	}

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := c.Run(ctx, countQuery())
		done <- err
	}()
	<-started
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if left := <-ended; left != -1 {
		t.Errorf("a query without deadline had %v", left)
	}
}

func TestKey(t *testing.T) {
	key := func(server, client string) func(*ServerConfig, *ClientConfig) {
		return func(s *ServerConfig, c *ClientConfig) { s.Key, c.Key = []byte(server), []byte(client) }
	}
	f := func(server, client, code string) {
		t.Helper()
		c := serve(t, &fakeLeaf{}, key(server, client))
		_, err := c.Status(testContext(t))
		if codeOf(err) != code || (code == "") != (err == nil) {
			t.Errorf("server key %q, client key %q: %v", server, client, err)
		}
		if _, err := c.Append(testContext(t), &Append{Batch: storage.NewBatch()}); code != "" && codeOf(err) != code {
			t.Errorf("an append with the wrong key: %v", err)
		}
	}
	f("", "", "")
	f("secret", "secret", "")
	f("secret", "Secret", CodeBad)
	f("secret", "", CodeBad)
}

func TestTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	encrypted := func(s *ServerConfig, c *ClientConfig) {
		s.TLS = &tls.Config{Certificates: web.TLS.Certificates}
		c.TLS = &tls.Config{RootCAs: roots}
	}
	c := serve(t, &fakeLeaf{}, encrypted)
	if s, err := c.Status(testContext(t)); err != nil || s.Name != "leaf-1" {
		t.Errorf("status: %+v %v", s, err)
	}
	for _, config := range []*tls.Config{nil, {RootCAs: x509.NewCertPool()}} {
		c := serve(t, &fakeLeaf{}, encrypted, func(_ *ServerConfig, c *ClientConfig) { c.TLS = config })
		if _, err := c.Status(testContext(t)); codeOf(err) != CodeUnreachable {
			t.Errorf("a stranger got %v", err)
		}
	}
}

// Updates go out and are confirmed; a large one goes in pieces; the end of the
// context ends the subscription on both sides.
func TestSubscribe(t *testing.T) {
	confirmed := make(chan int, 10)
	ended := make(chan error, 1)
	leaf := &fakeLeaf{subscribe: func(ctx context.Context, who Subscriber, sink func(*Update) error) error {
		defer func() { ended <- ctx.Err() }()
		if who != (Subscriber{Name: "aggregator-1", Known: Known{ID: "id", Epoch: 7, Seq: 9}}) {
			return errors.New("another subscriber")
		}
		for _, tables := range []int{0, 1, 9_000} {
			if err := sink(sampleUpdate(tables)); err != nil {
				return err
			}
			confirmed <- tables
		}
		<-ctx.Done()
		return ctx.Err()
	}}
	c := serve(t, leaf)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	var got []*Update
	err := c.Subscribe(ctx, Subscriber{Name: "aggregator-1", Known: Known{ID: "id", Epoch: 7, Seq: 9}}, func(u *Update) error {
		if len(confirmed) != len(got) {
			t.Errorf("update %d was confirmed before it was taken", len(got))
		}
		got = append(got, u)
		if len(got) == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Subscribe: %v", err)
	}
	for i, tables := range []int{0, 1, 9_000} {
		if i < len(got) && !reflect.DeepEqual(got[i], sampleUpdate(tables)) {
			t.Errorf("update %d is not what was sent", i)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d updates came", len(got))
	}
	if err := <-ended; err == nil {
		t.Error("the leaf's side did not end")
	}
}

// A subscriber that does not confirm is dropped after the lease, also when it
// does not even read; one whose sink fails ends with that error.
func TestLease(t *testing.T) {
	for _, tables := range []int{1, 40_000} { // the second does not fit into the windows
		dropped := make(chan error, 1)
		leaf := &fakeLeaf{subscribe: func(ctx context.Context, who Subscriber, sink func(*Update) error) error {
			err := sink(sampleUpdate(1))
			for err == nil {
				err = sink(sampleUpdate(tables))
			}
			dropped <- err
			return err
		}}
		c := serve(t, leaf, func(s *ServerConfig, _ *ClientConfig) { s.Lease = 700 * time.Millisecond })
		release := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			taken := 0
			done <- c.Subscribe(testContext(t), Subscriber{Name: "a"}, func(*Update) error {
				if taken++; taken == 2 {
					<-release
				}
				return nil
			})
		}()
		select {
		case err := <-dropped:
			if !strings.Contains(err.Error(), "confirm") {
				t.Errorf("dropped for %v", err)
			}
		case <-time.After(15 * time.Second):
			t.Error("not dropped")
		}
		close(release)
		if err := <-done; err == nil || !strings.Contains(err.Error(), "dropped") {
			t.Errorf("the subscriber was told %v", err)
		}
	}

	boom := errors.New("boom")
	leaf := &fakeLeaf{subscribe: func(ctx context.Context, who Subscriber, sink func(*Update) error) error {
		return sink(sampleUpdate(1))
	}}
	c := serve(t, leaf)
	if err := c.Subscribe(testContext(t), Subscriber{Name: "a"}, func(*Update) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("Subscribe: %v", err)
	}
}

// Stop finishes batches first, while subscriptions live, and takes no new one.
func TestStop(t *testing.T) {
	inAppend, finish := make(chan struct{}), make(chan struct{})
	subscribed := make(chan struct{})
	var order []string
	var mu sync.Mutex
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	leaf := &fakeLeaf{
		append: func(ctx context.Context, a *Append) (*Appended, error) {
			close(inAppend)
			<-finish
			note("append")
			return &Appended{}, nil
		},
		subscribe: func(ctx context.Context, who Subscriber, sink func(*Update) error) error {
			close(subscribed)
			<-ctx.Done()
			note("subscription")
			if err := sink(sampleUpdate(1)); err != nil {
				t.Errorf("the last word is not taken: %v", err)
			}
			return ctx.Err()
		},
	}
	s, err := NewServer(ServerConfig{Drained: func() { note("drained") }}, leaf)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	c := dial(t, ln.Addr().String(), ClientConfig{})
	ctx := testContext(t)
	appended, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := c.Append(ctx, &Append{Batch: storage.NewBatch()})
		appended <- err
	}()
	go func() {
		ended <- c.Subscribe(ctx, Subscriber{Name: "a"}, func(*Update) error { note("last word"); return nil })
	}()
	<-inAppend
	<-subscribed
	stopped := make(chan struct{})
	go func() { s.Stop(10 * time.Second); close(stopped) }()
	for { // until Stop has begun
		if _, err := c.Append(ctx, &Append{Batch: storage.NewBatch()}); codeOf(err) == CodeClosing {
			break
		} else if err == nil {
			t.Fatal("a second append went through")
		}
	}
	close(finish)
	if err := <-appended; err != nil {
		t.Errorf("the append under way: %v", err)
	}
	if err := <-ended; codeOf(err) != CodeClosing {
		t.Errorf("the subscription ended with %v", err)
	}
	<-stopped
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if want := []string{"append", "drained", "subscription", "last word"}; !reflect.DeepEqual(order, want) {
		t.Errorf("ended in the order %v", order)
	}
}
