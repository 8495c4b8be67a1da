package leaf

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/exec"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// newLeaf is a leaf over a store of its own; now may be moved by the test.
func newLeaf(t *testing.T) (*Leaf, *atomic.Int64) {
	t.Helper()
	return openLeaf(t, newDir(t))
}

// newDir makes a directory in memory that is gone after the test.
func newDir(t *testing.T) string {
	t.Helper()
	all := filepath.Join("/dev/shm", fmt.Sprintf("kelp-test-%d", os.Getpid()))
	if err := os.MkdirAll(all, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(all, "leaf-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		os.RemoveAll(dir)
		os.Remove(all) // succeeds when the last directory has gone
	})
	return dir
}

// openLeaf is newLeaf in a directory.
func openLeaf(t *testing.T, dir string) (*Leaf, *atomic.Int64) {
	t.Helper()
	store, err := storage.Open(storage.Config{MemoryDir: dir, Budget: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	pool := exec.NewPool(2)
	now := new(atomic.Int64)
	now.Store(time.Now().UnixNano())
	t.Cleanup(func() {
		if err := store.Close(); err != nil && !errors.Is(err, storage.ErrClosed) {
			t.Error(err)
		}
		pool.Close()
	})
	return New(Config{Name: "leaf-1", Store: store, Pool: pool, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Unix(0, now.Load()) }}), now
}

// appendRows stores n rows.
func appendRows(ctx context.Context, l *Leaf, n int) error {
	b := storage.NewBatch()
	slot := b.Slot([]byte("a"))
	for i := range n {
		b.SetInt(slot, int64(i))
		b.EndRow(time.Now().UnixNano())
	}
	_, err := l.Append(ctx, &wire.Append{Table: "t", Batch: b, Arrival: time.Now().UnixNano(),
		Receipt: storage.Receipt{Accepted: uint32(n)}})
	return err
}

// TestPromiseBeforeReceipt: while a subscriber has not confirmed, no receipt
// leaves, though the rows are queryable already.
func TestPromiseBeforeReceipt(t *testing.T) {
	l, _ := newLeaf(t)
	if err := appendRows(context.Background(), l, 1); err != nil {
		t.Fatalf("without subscribers: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	heard := make(chan *wire.Update)
	confirm := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- l.Subscribe(ctx, wire.Subscriber{Name: "agg"}, func(u *wire.Update) error {
			if !u.Full && len(u.Tables) == 0 {
				return nil // a heartbeat
			}
			heard <- u
			<-confirm
			return nil
		})
	}()
	first := <-heard
	if !first.Full || len(first.Tables) != 1 || first.Tables[0].Added != 1 || len(first.Tables[0].Schema) == 0 {
		t.Fatalf("first update: %+v", first)
	}
	confirm <- struct{}{}
	receipt := make(chan error, 1)
	go func() { receipt <- appendRows(context.Background(), l, 3) }()
	second := <-heard
	if second.Full || len(second.Tables) != 1 || second.Tables[0].Added != 4 {
		t.Fatalf("second update: %+v", second)
	}
	if n := count(t, l); n != 4 {
		t.Errorf("%d rows are queryable before the receipt, want 4", n)
	}
	select {
	case err := <-receipt:
		t.Fatalf("the receipt left before the promise was confirmed (%v)", err)
	case <-time.After(50 * time.Millisecond):
	}
	confirm <- struct{}{}
	if err := <-receipt; err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Subscribe ended with %v", err)
	}
}

var errBroken = errors.New("broken")

// confirmOnce subscribes, confirms the full update and breaks off at the next.
func confirmOnce(t *testing.T, l *Leaf, name string) {
	t.Helper()
	confirmed := false
	err := l.Subscribe(context.Background(), wire.Subscriber{Name: name}, func(*wire.Update) error {
		if confirmed {
			return errBroken
		}
		confirmed = true
		l.news.fire()
		return nil
	})
	if !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
}

// held checks that the receipt for a row is held up, once the row is there.
func held(t *testing.T, l *Leaf, when string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	rows := l.Figures().Rows
	receipt := make(chan error, 1)
	go func() { receipt <- appendRows(ctx, l, 1) }()
	for deadline := time.Now().Add(patience); l.Figures().Rows == rows; time.Sleep(time.Millisecond) { // a poll
		if time.Now().After(deadline) {
			t.Fatalf("%s: the row is not there", when)
		}
	}
	select {
	case err := <-receipt:
		t.Fatalf("%s: the receipt came (%v)", when, err)
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	err := <-receipt
	var coded *wire.Error
	if !errors.As(err, &coded) || coded.Code != wire.CodeFateUnknown {
		t.Fatalf("%s: %v, want %s", when, err, wire.CodeFateUnknown)
	}
}

// patience is how long a test waits for what is to come at once, on the slowest
// machine. What is held up would be for longer: the clock of the tests stands.
const patience = 20 * time.Second

// goes checks that the receipt for a row comes.
func goes(t *testing.T, l *Leaf, when string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := appendRows(ctx, l, 1); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
}

// TestLeaseEnds: a subscriber that broke off holds receipts up until its lease
// has ended, and no longer; coming again without confirming renews nothing.
func TestLeaseEnds(t *testing.T) {
	l, now := newLeaf(t)
	confirmOnce(t, l, "agg")
	held(t, l, "under the lease")
	refuse := func() {
		t.Helper()
		err := l.Subscribe(context.Background(), wire.Subscriber{Name: "agg"}, func(*wire.Update) error { return errBroken })
		if !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
	}
	now.Add(int64(LeaseTime) - 1)
	refuse()
	held(t, l, "come again under the lease")
	now.Add(1)
	goes(t, l, "after the lease")
	refuse()
	held(t, l, "come again after the lease, for the first time")
	now.Add(int64(LeaseTime))
	for range 3 {
		goes(t, l, "come again and again")
		refuse()
		now.Add(int64(LeaseTime))
	}
	if n := count(t, l); n != 7 {
		t.Errorf("%d rows, want 7", n)
	}
}

// TestNeverConfirms: who listens but never gets to confirm holds receipts up for
// one lease, not for one at each attempt.
func TestNeverConfirms(t *testing.T) {
	l, now := newLeaf(t)
	listening := func(check func()) {
		ctx, stop := context.WithCancel(context.Background())
		began, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			ended <- l.Subscribe(ctx, wire.Subscriber{Name: "agg"}, func(*wire.Update) error {
				close(began)
				<-ctx.Done()
				return errBroken
			})
		}()
		<-began
		check()
		stop()
		if err := <-ended; !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
	}
	listening(func() { held(t, l, "the first attempt") })
	now.Add(int64(LeaseTime) - 1)
	listening(func() {
		held(t, l, "the second attempt")
		now.Add(1)
		goes(t, l, "the second attempt, the lease over")
	})
	listening(func() { goes(t, l, "the third attempt") })
	confirmOnce(t, l, "agg")
	now.Add(int64(LeaseTime))
	listening(func() { held(t, l, "after it confirmed") })
}

// TestHoldAfterStart: those who knew the leaf from its last life may rely on
// what they heard then, so it waits for one to come back, at most a lease.
func TestHoldAfterStart(t *testing.T) {
	l, now := newLeaf(t)
	goes(t, l, "a leaf that was just born")
	again := New(l.cfg)
	held(t, again, "just started")
	now.Add(int64(LeaseTime) - 1)
	held(t, again, "nobody came yet")
	now.Add(1)
	goes(t, again, "nobody came for the time of a lease")

	again = New(l.cfg)
	held(t, again, "started once more")
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- again.Subscribe(ctx, wire.Subscriber{Name: "agg"}, func(*wire.Update) error { return nil })
	}()
	goes(t, again, "one came back")
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestContinues: a subscriber that has kept what it heard is told what has changed
// since; by the process after, only if that is nothing. One that knows another
// memory, or more than there is, is told everything.
func TestContinues(t *testing.T) {
	dir := newDir(t)
	l, _ := openLeaf(t, dir)
	store := l.cfg.Store
	first := func(l *Leaf, known wire.Known) (u wire.Update) {
		t.Helper()
		done := errors.New("heard")
		err := l.Subscribe(context.Background(), wire.Subscriber{Name: "agg", Known: known}, func(got *wire.Update) error {
			u = *got
			return done
		})
		if !errors.Is(err, done) {
			t.Fatal(err)
		}
		return u
	}
	appendTo := func(table string) {
		t.Helper()
		b := storage.NewBatch()
		b.SetInt(b.Slot([]byte("a")), 1)
		b.EndRow(time.Now().UnixNano())
		if _, err := store.Append(context.Background(), storage.Append{Table: table, Batch: b, Arrival: time.Now().UnixNano()}); err != nil {
			t.Fatal(err)
		}
	}
	known := func() wire.Known { return wire.Known{ID: store.LeafID(), Epoch: store.Epoch(), Seq: store.Seq()} }
	f := func(what string, known wire.Known, full bool, tables ...string) {
		t.Helper()
		u := first(l, known)
		var got []string
		for _, table := range u.Tables {
			got = append(got, table.Table)
			if !table.Dropped && len(table.Schema) != 2 {
				t.Errorf("%s: table %s has the schema %v", what, table.Table, table.Schema)
			}
		}
		if u.Full != full || !slices.Equal(got, tables) || u.Seq != store.Seq() {
			t.Errorf("%s: full %v, %v, up to %d of %d; want %v, %v", what, u.Full, got, u.Seq, store.Seq(), full, tables)
		}
	}
	appendTo("t")
	before := known()
	appendTo("u")
	now := known()
	f("nothing known", wire.Known{}, true, "t", "u")
	f("all known", now, false)
	f("an edit behind", before, false, "u")
	f("another leaf", wire.Known{ID: "other", Epoch: now.Epoch, Seq: now.Seq}, true, "t", "u")
	f("another memory", wire.Known{ID: now.ID, Epoch: now.Epoch + 1, Seq: now.Seq}, true, "t", "u")
	f("more than there is", wire.Known{ID: now.ID, Epoch: now.Epoch, Seq: now.Seq + 1}, true, "t", "u")
	again := func() {
		t.Helper()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		l, _ = openLeaf(t, dir)
		store = l.cfg.Store
	}
	again()
	f("all known, after a restart", now, false)
	f("an edit behind, after a restart", before, true, "t", "u")
	appendTo("t")
	f("one more, after a restart", now, false, "t")
	now = known()
	if err := store.DropTable("u"); err != nil {
		t.Fatal(err)
	}
	again()
	f("a table was dropped unheard, before a restart", now, true, "t")
}

// TestLastWord: what was committed before the store was sealed is heard by who
// stops listening then, and nothing is committed after.
func TestLastWord(t *testing.T) {
	for range 20 { // the end and the news come in any order
		l, _ := newLeaf(t)
		ctx, stop := context.WithCancel(context.Background())
		heard := uint64(0)
		goOn, ended := subscribeHeld(ctx, l, func(u *wire.Update) { heard = u.Seq })
		b := storage.NewBatch()
		b.SetInt(b.Slot([]byte("a")), 1)
		b.EndRow(time.Now().UnixNano())
		row := storage.Append{Table: "t", Batch: b, Arrival: time.Now().UnixNano()}
		if _, err := l.cfg.Store.Append(context.Background(), row); err != nil {
			t.Fatal(err)
		}
		l.cfg.Store.Seal()
		stop()
		close(goOn)
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if heard != l.cfg.Store.Seq() || heard == 0 {
			t.Fatalf("heard up to edit %d of %d", heard, l.cfg.Store.Seq())
		}
		if _, err := l.cfg.Store.Append(context.Background(), row); !errors.Is(err, storage.ErrClosed) {
			t.Fatalf("a sealed store commits: %v", err)
		}
	}
}

// subscribeHeld subscribes and returns when the first Update has come, which is confirmed
// when goOn is closed.
func subscribeHeld(ctx context.Context, l *Leaf, told func(*wire.Update)) (goOn chan struct{}, ended chan error) {
	begun, first := make(chan struct{}), true
	goOn, ended = make(chan struct{}), make(chan error, 2)
	go func() {
		ended <- l.Subscribe(ctx, wire.Subscriber{Name: "agg"}, func(u *wire.Update) error {
			told(u)
			if first {
				first = false
				close(begun)
				<-goOn
			}
			return nil
		})
	}()
	<-begun
	return goOn, ended
}

// TestReplaced: a connection that a newer one of the same aggregator has replaced is
// told nothing more, whatever there is to tell.
func TestReplaced(t *testing.T) {
	l, _ := newLeaf(t)
	ctx, stop := context.WithCancel(t.Context())
	told := 0
	goOn, ended := subscribeHeld(ctx, l, func(*wire.Update) { told++ })
	b := storage.NewBatch()
	b.SetInt(b.Slot([]byte("a")), 1)
	b.EndRow(time.Now().UnixNano())
	if _, err := l.cfg.Store.Append(t.Context(), storage.Append{Table: "t", Batch: b, Arrival: time.Now().UnixNano()}); err != nil {
		t.Fatal(err)
	}
	replaced := make(chan struct{}, 1)
	go func() {
		ended <- l.Subscribe(ctx, wire.Subscriber{Name: "agg"}, func(*wire.Update) error {
			select {
			case replaced <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	<-replaced
	close(goOn)
	if err := <-ended; !errors.Is(err, context.Canceled) || told != 1 {
		t.Errorf("the first connection ended with %v, after %d updates", err, told)
	}
	stop()
	<-ended
}

func count(t *testing.T, l *Leaf) int64 {
	t.Helper()
	q := &query.Query{SQL: "SELECT count() FROM t", Now: time.Now().UnixNano()}
	p, err := l.Run(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return p.States[0].Value(0).Int
}

// TestReportNamesItsEdits: an answer says of which memory it is, and that it
// holds every edit up to the last one before it began.
func TestReportNamesItsEdits(t *testing.T) {
	l, _ := newLeaf(t)
	for range 2 {
		if err := appendRows(context.Background(), l, 1); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"t", "none"} {
			p, err := l.Run(context.Background(), &query.Query{SQL: "SELECT count() FROM " + table, Now: time.Now().UnixNano()})
			if err != nil {
				t.Fatal(err)
			}
			r := p.Leaves[0]
			if r.Epoch == 0 || r.Epoch != l.cfg.Store.Epoch() || r.Seq == 0 || r.Seq != l.cfg.Store.Seq() {
				t.Errorf("table %s: epoch %d, edit %d; want %d, %d", table, r.Epoch, r.Seq, l.cfg.Store.Epoch(), l.cfg.Store.Seq())
			}
		}
	}
}

// TestDescribeDamage: a leaf whose memory was cut short under it lives, and says
// how many rows can not be read.
func TestDescribeDamage(t *testing.T) {
	l, _ := newLeaf(t)
	b := storage.NewBatch()
	slot := b.Slot([]byte("a"))
	for i := range 50_000 {
		b.SetString(slot, []byte{'a' + byte(i%9)})
		b.EndRow(time.Now().UnixNano())
	}
	if _, err := l.Append(context.Background(), &wire.Append{Table: "t", Batch: b, Arrival: 1}); err != nil {
		t.Fatal(err)
	}
	describe := func(damaged uint64) {
		t.Helper()
		d, err := l.Describe(context.Background(), "t")
		if err != nil || !d.Known || d.Rows != 50_000 || d.Damaged != damaged || d.Loading != 0 || len(d.Columns) != 2 {
			t.Fatalf("%+v %v, want %d damaged", d, err, damaged)
		}
	}
	describe(0)
	files, err := filepath.Glob(fmt.Sprintf("/dev/shm/kelp-test-%d/leaf-*/*.seg", os.Getpid()))
	if err != nil || len(files) == 0 {
		t.Fatalf("files %v %v", files, err)
	}
	for _, file := range files {
		if err := os.Truncate(file, 0); err != nil {
			t.Fatal(err)
		}
	}
	p, err := l.Run(context.Background(), &query.Query{SQL: "SELECT count() FROM t WHERE a = 'b'", Now: time.Now().UnixNano(),
		Schema: query.Schema{"a": 1 << storage.TypeString}})
	if err != nil || p.Leaves[0].Covered != 0 {
		t.Fatalf("%+v %v", p, err)
	}
	describe(50_000)
	if n := l.cfg.Store.Status().Damaged; n != 1 {
		t.Errorf("%d damaged blocks, want 1", n)
	}
}

// TestErrorCodes: what the other side acts on.
func TestErrorCodes(t *testing.T) {
	f := func(err error, code, part string) {
		t.Helper()
		var coded *wire.Error
		if !errors.As(err, &coded) || coded.Code != code || !strings.Contains(coded.Message, part) {
			t.Errorf("%v became %#v, want %s", err, coded, code)
		}
	}
	f(appendError(&storage.FullError{Table: "t"}), wire.CodeFull, `"t"`)
	f(appendError(fmt.Errorf("x: %w", &storage.DiskLagError{Dir: "/d"})), wire.CodeFull, "/d")
	f(appendError(storage.ErrNoDisk), wire.CodeFull, "data directory")
	f(appendError(&storage.UnsyncedError{Dir: "/d"}), wire.CodeFateUnknown, "same key")
	f(appendError(fmt.Errorf("one more: %w", storage.ErrTables)), wire.CodeFull, "drop a table")
	f(appendError(fmt.Errorf("x: %w", storage.ErrKeyReused)), wire.CodeKeyReused, "Idempotency-Key")
	f(appendError(storage.ErrClosed), wire.CodeClosing, "shutting down")
	f(appendError(context.Canceled), wire.CodeFateUnknown, "in time")
	f(appendError(errors.New("odd")), wire.CodeInternal, "odd")

	l, _ := newLeaf(t)
	goes(t, l, "one row")
	pool := exec.NewPool(1)
	pool.Close()
	l.cfg.Pool = pool
	_, err := l.Run(context.Background(), &query.Query{SQL: "SELECT count() FROM t WHERE a = 0", Now: time.Now().UnixNano(),
		Schema: query.Schema{"a": 1 << storage.TypeInt64}})
	f(err, wire.CodeClosing, "shutting down")
}

// TestSetWithoutTable: settings for a table that is not here make none.
func TestSetWithoutTable(t *testing.T) {
	l, _ := newLeaf(t)
	if err := l.Set(context.Background(), "none", storage.Settings{Version: 1}); err != nil {
		t.Error(err)
	}
	if _, ok := l.cfg.Store.Table("none"); ok {
		t.Error("the table was made")
	}
}

// TestUpdatesTellOfColumns: an update has the schema where rows brought a column
// that was not there, and only there.
func TestUpdatesTellOfColumns(t *testing.T) {
	l, _ := newLeaf(t)
	ctx, stop := context.WithCancel(context.Background())
	heard := make(chan *wire.Update, 16)
	ended := make(chan error, 1)
	go func() {
		ended <- l.Subscribe(ctx, wire.Subscriber{Name: "agg"}, func(u *wire.Update) error {
			if len(u.Tables) > 0 {
				heard <- u
			}
			return nil
		})
	}()
	f := func(name string, want int) {
		t.Helper()
		b := storage.NewBatch()
		b.SetInt(b.Slot([]byte(name)), 1)
		b.EndRow(time.Now().UnixNano())
		if _, err := l.Append(ctx, &wire.Append{Table: "t", Batch: b, Arrival: time.Now().UnixNano()}); err != nil {
			t.Fatal(err)
		}
		if schema := (<-heard).Tables[0].Schema; len(schema) != want {
			t.Errorf("after a row with %s: schema %v", name, schema)
		}
	}
	f("a", 2) // and the time
	f("a", 0)
	f("a", 0)
	f("b", 3)
	f("b", 0)
	stop()
	<-ended
}
