package restart

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"time"

	"github.com/kelpdb/kelp/aggregator"
	"github.com/kelpdb/kelp/leaf"
	"github.com/kelpdb/kelp/query/exec"
	"github.com/kelpdb/kelp/storage"
)

// leafName is what `kelp serve` calls its only leaf.
const leafName = "leaf-1"

// Fill is `kelp serve` with one leaf that merges nothing, in the same directories.
// It says where it listens and serves until ctx ends. It is a process of its own,
// so that it can be killed.
func Fill(ctx context.Context, data, memory string, budget int64, stdout io.Writer) (err error) {
	pool := exec.NewPool(runtime.GOMAXPROCS(0))
	defer pool.Close()
	log := slog.New(slog.DiscardHandler)
	store, err := storage.Open(storage.Config{
		MemoryDir: filepath.Join(memory, leafName), DataDir: filepath.Join(data, leafName),
		Budget: budget, WhenFull: storage.WhenFullReject, LeafName: leafName, Unmerged: true,
	})
	if err != nil {
		return err
	}
	defer store.Close()
	agg, err := aggregator.New(aggregator.Config{
		Name: "kelp", DataDir: filepath.Join(data, "aggregator"), Now: time.Now, Log: log,
	})
	if err != nil {
		return err
	}
	defer agg.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	agg.Attach(leafName, ln.Addr().String(), leaf.New(leaf.Config{
		Name: leafName, Store: store, Pool: pool, Now: time.Now, Log: log,
	}), true)
	server := http.Server{Handler: agg.Handler(aggregator.HTTPConfig{Members: func() []aggregator.MemberInfo { return nil }})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	fmt.Fprintf(stdout, "ready http=%s\n", ln.Addr())
	<-ctx.Done()
	err = server.Shutdown(context.Background())
	<-served
	return err
}
