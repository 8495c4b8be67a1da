package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// newLeaf starts a leaf that joins a cluster. The caller closes it.
func newLeaf(t *testing.T, join string) (*leafNode, memberPorts) {
	t.Helper()
	cmd := leafCmd{Listen: "127.0.0.1:0", storeFlags: storeFlags{Data: t.TempDir(), MemoryDir: shmDir(t), Memory: 64 << 20, WhenFull: "evict"}}
	cmd.Join = []string{join}
	ports, err := cmd.listen(cmd.Listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ports.http.Close() })
	node, err := cmd.start(ports, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return node, ports
}

// TestLeafLastWord: who follows a leaf hears of its last edit before the leaf is
// gone, and nothing is committed after.
func TestLeafLastWord(t *testing.T) {
	_, url := newAggregator(t)
	node, ports := newLeaf(t, url)
	c, err := wire.Dial(ports.rpc.Addr().String(), wire.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	appendRow := func() error {
		b := storage.NewBatch()
		b.SetInt(b.Slot([]byte("a")), 1)
		b.EndRow(time.Now().UnixNano())
		_, err := node.store.Append(context.Background(), storage.Append{Table: "t", Batch: b, Arrival: time.Now().UnixNano()})
		return err
	}
	ended, begun, goOn := make(chan error, 1), make(chan struct{}), make(chan struct{})
	heard, sealed := uint64(0), error(nil)
	go func() {
		first := true
		ended <- c.Subscribe(context.Background(), wire.Subscriber{Name: "a test"}, func(u *wire.Update) error {
			heard = u.Seq
			if first { // what comes next is the last word
				first = false
				close(begun)
				<-goOn
				return nil
			}
			sealed = appendRow()
			return nil
		})
	}()
	<-begun
	if err := appendRow(); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- node.close() }()
	until(t, func() bool { return errors.Is(appendRow(), storage.ErrClosed) })
	last := node.store.Seq()
	close(goOn)
	if err := <-ended; err == nil {
		t.Error("the subscription ended without a reason")
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if !errors.Is(sealed, storage.ErrClosed) {
		t.Errorf("an append at the last word: %v, not that the store is closed", sealed)
	}
	if heard != last || last == 0 {
		t.Errorf("heard up to edit %d of %d", heard, last)
	}
}
