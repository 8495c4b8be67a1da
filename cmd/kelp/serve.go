package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/kelpdb/kelp/aggregator"
	"github.com/kelpdb/kelp/catalog"
	"github.com/kelpdb/kelp/leaf"
	"github.com/kelpdb/kelp/query/exec"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/ui"
)

// serveCmd is everything in one process: leaves, one aggregator, API, web page.
type serveCmd struct {
	Listen string `help:"Address to serve HTTP on." default:"127.0.0.1:7411"`
	Leaves int    `help:"How many leaves." default:"1"`
	storeFlags
	accessFlags
	logFlags
}

// serveName is the aggregator of such a process.
const serveName = "kelp"

// leavesMax bounds the leaves of one process; more gain nothing.
const leavesMax = 256

// Run starts the server and serves until the console's context ends.
func (cmd *serveCmd) Run(c *console) (err error) {
	if cmd.Leaves < 1 || cmd.Leaves > leavesMax {
		return usageError{fmt.Errorf("--leaves is %d; 1 to %d", cmd.Leaves, leavesMax)}
	}
	if err := cmd.checkMemory(cmd.Leaves); err != nil {
		return err
	}
	log := cmd.logger(c)
	front, err := cmd.front(cmd.Listen, nil)
	if err != nil {
		return err
	}
	if err := front.fenceHTTP(cmd.Listen); err != nil {
		return err
	}
	ln, err := listenOn(cmd.Listen, "--listen")
	if err != nil {
		return err
	}
	fromMachine, err := cmd.resolve(cmd.Leaves)
	if err != nil {
		ln.Close()
		return err
	}
	var handler lateHandler
	web := startHTTP(ln, front.tls, &handler, log)
	address := ln.Addr().String()
	node, err := cmd.start(address, log)
	if err != nil {
		web.stop()
		return err
	}
	if err := node.untilReady(c.ctx); err != nil {
		web.stop()
		return errors.Join(err, node.close())
	}
	// Not before: a leaf that has not said what it holds would not be missed.
	self := aggregator.MemberInfo{Name: serveName, Role: "aggregator", State: "up", Address: address, Version: buildVersion()}
	handler.set(node.agg.Handler(aggregator.HTTPConfig{UI: ui.Handler(), Hosts: front.hosts, Access: front.access, Stopping: web.ending,
		Members: func() []aggregator.MemberInfo { return []aggregator.MemberInfo{self} }}))
	if cmd.LogFormat == "json" {
		log.Info("serving", "ui", front.scheme()+address, "memory_bytes", int64(cmd.Memory), "memory_from_machine", fromMachine,
			"data", cmd.Data, "tables", node.agg.Tables())
	} else {
		cmd.greet(c.stderr, front.scheme()+address, fromMachine, node)
	}
	fmt.Fprintf(c.stdout, "ready http=%s rpc=- gossip=- name=%s\n", address, serveName)
	err = web.untilDone(c.ctx)
	web.stop()
	return errors.Join(err, node.close())
}

// greet says what a person at the terminal wants to know first.
func (cmd *serveCmd) greet(w io.Writer, url string, fromMachine bool, node *serveNode) {
	origin := ""
	if fromMachine {
		origin = " (from this machine)"
	}
	fmt.Fprintf(w, "  UI %s    memory %s%s    data %s\n", url, formatBytes(int64(cmd.Memory)), origin, cmd.Data)
	if node.agg.Tables() == 0 {
		fmt.Fprintf(w, "  no data yet. Try:  kelp demo     or     tail -F app.log | kelp ingest app\n")
	}
}

// serveNode is the parts of a serving process, in the order they start.
type serveNode struct {
	pool   *exec.Pool
	stores []*storage.Store
	agg    *aggregator.Aggregator

	catalog *catalog.Catalog
}

func (cmd *serveCmd) start(address string, log *slog.Logger) (node *serveNode, err error) {
	node = &serveNode{pool: newPool()}
	defer func() {
		if err != nil {
			err = errors.Join(err, node.close())
		}
	}()
	names := leafNames(&cmd.storeFlags, cmd.Leaves, log)
	// The aggregator reads its journal and the leaves read their logs: at once, as
	// somebody waits for both.
	made := make(chan error, 1)
	go func() {
		var err error
		dir := filepath.Join(cmd.Data, "aggregator")
		node.catalog = catalog.Open(catalog.Config{Dir: dir, Name: serveName, Now: time.Now, Log: log})
		node.agg, err = aggregator.New(aggregator.Config{
			Name: serveName, Version: buildVersion(), DataDir: dir,
			Now: time.Now, Log: log, Seed: rand.Uint64(), QueryLog: true, Catalog: node.catalog,
		})
		made <- err
	}()
	leaves, err := cmd.openLeaves(names, node, log)
	if err := <-made; err != nil {
		return node, err
	}
	if err != nil {
		return node, err
	}
	for i, name := range names {
		node.agg.Attach(name, address, leaves[i], true)
	}
	return node, nil
}

// openLeaves opens the leaves of the process; the node closes their stores.
func (cmd *serveCmd) openLeaves(names []string, node *serveNode, log *slog.Logger) (leaves []*leaf.Leaf, err error) {
	budgets := shareMemory(int64(cmd.Memory), cmd.heldBy(names))
	for i, name := range names {
		l, store, err := cmd.openLeaf(name, len(names), budgets[i], node.pool, log)
		if err != nil {
			return nil, err
		}
		node.stores = append(node.stores, store)
		leaves = append(leaves, l)
	}
	return leaves, nil
}

// untilReady waits until every leaf has said what it holds.
func (n *serveNode) untilReady(ctx context.Context) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !n.agg.Ready() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// close stops the parts in the reverse order of their start. The memory stays
// in its files for the next process. The stores are sealed first, so that the
// aggregator hears their last edit and the next start has nothing to be told.
func (n *serveNode) close() error {
	var errs []error
	for _, s := range n.stores {
		s.Seal()
	}
	if n.agg != nil {
		errs = append(errs, n.agg.Close())
	}
	if n.catalog != nil {
		errs = append(errs, n.catalog.Close())
	}
	for _, s := range n.stores {
		errs = append(errs, s.Close())
	}
	n.pool.Close()
	return errors.Join(errs...)
}

// lateHandler answers 503 until the real handler is set.
type lateHandler struct{ real atomic.Pointer[http.Handler] }

func (h *lateHandler) set(real http.Handler) { h.real.Store(&real) }

func (h *lateHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if real := h.real.Load(); real != nil {
		(*real).ServeHTTP(w, r)
		return
	}
	aggregator.ServeLoading(w, r)
}
