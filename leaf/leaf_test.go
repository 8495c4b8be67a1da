package leaf

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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
	all := filepath.Join("/dev/shm", fmt.Sprintf("kelp-test-%d", os.Getpid()))
	if err := os.MkdirAll(all, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(all, "leaf-")
	if err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(storage.Config{MemoryDir: dir, Budget: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	pool := exec.NewPool(2)
	now := new(atomic.Int64)
	now.Store(time.Now().UnixNano())
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		pool.Close()
		os.RemoveAll(dir)
		os.Remove(all) // succeeds when the last directory has gone
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
		ended <- l.Subscribe(ctx, "agg", func(u *wire.Update) error {
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

// TestLeaseEnds: a subscriber that broke off holds receipts up until its lease
// has ended, and no longer; one that comes back under its name ends the wait.
func TestLeaseEnds(t *testing.T) {
	l, now := newLeaf(t)
	broken := errors.New("broken")
	if err := l.Subscribe(context.Background(), "agg", func(*wire.Update) error { return broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	err := appendRows(ctx, l, 2)
	cancel()
	var coded *wire.Error
	if !errors.As(err, &coded) || coded.Code != wire.CodeFateUnknown {
		t.Fatalf("under the lease: %v, want %s", err, wire.CodeFateUnknown)
	}
	now.Add(int64(LeaseTime))
	if err := appendRows(context.Background(), l, 2); err != nil {
		t.Fatalf("after the lease: %v", err)
	}
	if n := count(t, l); n != 4 {
		t.Errorf("%d rows, want 4", n)
	}
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
