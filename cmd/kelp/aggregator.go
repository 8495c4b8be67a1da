package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/kelpdb/kelp/aggregator"
	"github.com/kelpdb/kelp/catalog"
	"github.com/kelpdb/kelp/cluster"
	"github.com/kelpdb/kelp/ui"
	"github.com/kelpdb/kelp/wire"
)

// aggregatorCmd is one aggregator of a cluster: API and web page.
type aggregatorCmd struct {
	Listen string `help:"Address to serve HTTP on; its RPC and gossip ports follow." required:""`
	Data   string `help:"Directory for what it must remember." default:"./kelp-data" type:"path"`
	memberFlags
	logFlags

	Bootstrap bool `help:"It is the first of a cluster: it has no one to join. So is one without --join."`
	Fanout    int  `help:"Leaves that it asks itself; asking more through other aggregators is not there yet: until then it asks all, and this changes nothing." default:"32"`
}

// fanoutMin is the least --fanout: a tree of one branch gains nothing.
const fanoutMin = 2

// checkFlags refuses flags that can not be meant.
func (cmd *aggregatorCmd) checkFlags() error {
	switch {
	case cmd.Bootstrap && len(cmd.Join) > 0:
		return usageError{errors.New("--bootstrap is for the first aggregator of a cluster, which has no one to --join; give one of the two")}
	case cmd.Fanout < fanoutMin:
		return usageError{fmt.Errorf("--fanout is %d; it must be %d or more", cmd.Fanout, fanoutMin)}
	}
	return nil
}

// Run starts the aggregator and serves until the console's context ends.
func (cmd *aggregatorCmd) Run(c *console) error {
	if err := cmd.checkFlags(); err != nil {
		return err
	}
	log := cmd.logger(c)
	ports, err := cmd.listen(cmd.Listen)
	if err != nil {
		return err
	}
	var handler lateHandler
	web := startHTTP(ports.http, ports.front.tls, &handler, log)
	node, err := cmd.start(ports, log)
	if err != nil {
		web.stop()
		return err
	}
	handler.set(node.agg.Handler(aggregator.HTTPConfig{
		UI: ui.Handler(), Members: func() []aggregator.MemberInfo { return memberList(node.members) }, Forget: node.forget,
		Hosts: ports.front.hosts, Access: ports.front.access, Stopping: web.ending,
	}))
	node.members.SetState(cluster.StateUp)
	fmt.Fprintf(c.stdout, "ready http=%s rpc=%s gossip=%s name=%s\n",
		ports.http.Addr(), ports.rpc.Addr(), node.members.Addr(), node.name)
	done := make(chan error, 1)
	go func() { done <- web.untilDone(c.ctx) }()
	select {
	case err = <-done:
	case err = <-node.failed:
	}
	node.members.SetState(cluster.StateRestarting)
	web.stop()
	return errors.Join(err, node.close())
}

// aggregatorNode is the parts of an aggregator process, in the order they start.
type aggregatorNode struct {
	name    string
	log     *slog.Logger
	key     []byte
	web     *http.Client // for other members
	agg     *aggregator.Aggregator
	members *cluster.Members
	failed  chan error // a reason to end: gets one value at most
	asked   time.Time  // when other aggregators were asked for promises
	stop    context.CancelFunc
	work    sync.WaitGroup

	catalog *catalog.Catalog
	peers   *peers
	server  *wire.Server // for other aggregators
	serving sync.WaitGroup

	mu     sync.Mutex // held from a look at the membership to the end of what follows from it
	leaves map[string]*remoteLeaf
	met    map[string]bool // leaves that have been in the membership; as many as may ever be in it
}

// remoteLeaf is a leaf this aggregator has a connection to.
type remoteLeaf struct {
	addr   string
	epoch  uint64
	client *wire.Client
}

func (cmd *aggregatorCmd) start(ports memberPorts, log *slog.Logger) (node *aggregatorNode, err error) {
	node = &aggregatorNode{name: cmd.nameOr("aggregator", ports.http), log: log,
		leaves: make(map[string]*remoteLeaf), met: make(map[string]bool), failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, node.close())
		}
	}()
	node.key, node.web = ports.key, ports.web()
	node.members, err = cluster.Join(cluster.Config{
		Name: node.name, Role: cluster.RoleAggregator, Host: cmd.Host, Version: buildVersion(),
		HTTPAddr: ports.http.Addr().String(), RPCAddr: ports.rpc.Addr().String(), GossipAddr: ports.gossip,
		Seeds: cmd.Join, SecretKey: node.key, HTTP: node.web, Log: log,
	})
	if err != nil {
		return node, errors.Join(err, ports.rpc.Close())
	}
	dir := filepath.Join(cmd.Data, node.name)
	node.startCatalog(dir, ports.rpc, len(cmd.Join) == 0)
	node.agg, err = aggregator.New(aggregator.Config{
		Name: node.name, Version: buildVersion(), DataDir: dir,
		Now: time.Now, Log: log, Seed: rand.Uint64(), QueryLog: true, Catalog: node.catalog,
	})
	if err != nil {
		return node, err
	}
	ctx, stop := context.WithCancel(context.Background())
	node.stop = stop
	changed := node.members.Watch(ctx)
	node.work.Go(func() { node.follow(ctx, changed) })
	return node, nil
}

// follow keeps the aggregator's leaves as the membership says.
func (n *aggregatorNode) follow(ctx context.Context, changed <-chan struct{}) {
	tick := time.NewTicker(time.Second) // a member's state can change by time alone
	defer tick.Stop()
	for {
		n.meetAll()
		n.learnFromPeers(ctx)
		if err := n.members.Err(); err != nil {
			n.failed <- err
			return
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// meetAll looks at every leaf of the membership, and forgets those that were in
// it and have been forgotten, here or on another aggregator.
func (n *aggregatorNode) meetAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	away := maps.Clone(n.met)
	aggregators := 0
	for _, m := range n.members.Members() {
		if m.Role == cluster.RoleAggregator && (m.Alive || m.State == cluster.StateRestarting) {
			aggregators++
		}
		if m.Role == cluster.RoleLeaf {
			n.met[m.Name] = true
			delete(away, m.Name)
			n.meetLocked(m)
		}
	}
	n.agg.ShareQuotas(aggregators)
	for name := range away {
		n.dropLocked(name)
		if err := n.agg.Forget(name); err != nil {
			n.log.Error("a leaf is forgotten, but not on disk", "leaf", name, "error", err)
		}
	}
}

// meetLocked connects to a leaf that is new or came back, lets go of one that is
// dead, and notes the state of the others.
func (n *aggregatorNode) meetLocked(m cluster.Member) {
	// Also one that was dead before this process began: its absence must be seen.
	n.agg.Know(m.Name, m.HTTPAddr, m.LeafID, m.Born)
	state := nodeState(m.State)
	known := n.leaves[m.Name]
	switch {
	case !m.Alive && state == aggregator.StateDown:
		n.dropLocked(m.Name)
	case m.Alive && m.State != cluster.StateJoining && (known == nil || known.addr != m.RPCAddr || known.epoch != m.Epoch):
		client, err := wire.Dial(m.RPCAddr, wire.ClientConfig{Log: n.log, Key: n.key})
		if err != nil {
			n.log.Warn("cannot reach a leaf", "leaf", m.Name, "address", m.RPCAddr, "error", err)
			return
		}
		n.agg.Attach(m.Name, m.HTTPAddr, client, false)
		if known != nil {
			known.client.Close()
		}
		n.leaves[m.Name] = &remoteLeaf{m.RPCAddr, m.Epoch, client}
	}
	n.agg.SetState(m.Name, state, m.Free)
}

// dropLocked ends the connection to a dead leaf, so that one that is back, be it
// the same process, is connected to anew.
func (n *aggregatorNode) dropLocked(name string) {
	known := n.leaves[name]
	if known == nil {
		return
	}
	n.agg.Detach(name, aggregator.StateDown)
	known.client.Close()
	delete(n.leaves, name)
}

// forget removes a leaf that is away from the membership, here and on the
// others; no error: it is in it no more. The error is that the leaf is alive.
func (n *aggregatorNode) forget(name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.members.Forget(name); err != nil && !errors.Is(err, cluster.ErrUnknown) {
		return err
	}
	n.dropLocked(name)
	return nil
}

func nodeState(s cluster.State) aggregator.NodeState {
	switch s {
	case cluster.StateJoining:
		return aggregator.StateJoining
	case cluster.StateUp:
		return aggregator.StateUp
	case cluster.StateDraining:
		return aggregator.StateDraining
	case cluster.StateRestarting:
		return aggregator.StateRestarting
	}
	return aggregator.StateDown
}

func (n *aggregatorNode) close() error {
	var errs []error
	if n.stop != nil {
		n.stop()
		n.work.Wait()
	}
	if n.agg != nil {
		errs = append(errs, n.agg.Close())
	}
	if n.catalog != nil {
		errs = append(errs, n.stopCatalog())
	}
	for _, l := range n.leaves {
		errs = append(errs, l.client.Close())
	}
	if n.members != nil {
		errs = append(errs, n.members.Close())
	}
	return errors.Join(errs...)
}
