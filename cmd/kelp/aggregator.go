package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/kelpdb/kelp/aggregator"
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
}

// Run starts the aggregator and serves until the console's context ends.
func (cmd *aggregatorCmd) Run(c *console) error {
	log := cmd.logger(c)
	ports, err := cmd.listen(cmd.Listen)
	if err != nil {
		return err
	}
	ports.rpc.Close() // no call comes to an aggregator yet; the port is its own all the same
	var handler lateHandler
	web := startHTTP(ports.http, &handler, log)
	node, err := cmd.start(ports, log)
	if err != nil {
		web.stop()
		return err
	}
	handler.set(node.agg.Handler(aggregator.HTTPConfig{
		UI: ui.Handler(), Members: func() []aggregator.MemberInfo { return memberList(node.members) },
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
	agg     *aggregator.Aggregator
	members *cluster.Members
	failed  chan error // a reason to end: gets one value at most
	asked   time.Time  // when other aggregators were asked for promises
	leaves  map[string]*remoteLeaf
	stop    context.CancelFunc
	work    sync.WaitGroup
}

// remoteLeaf is a leaf this aggregator has a connection to.
type remoteLeaf struct {
	addr   string
	epoch  uint64
	client *wire.Client
}

func (cmd *aggregatorCmd) start(ports memberPorts, log *slog.Logger) (node *aggregatorNode, err error) {
	node = &aggregatorNode{name: cmd.nameOr("aggregator", ports.http), log: log,
		leaves: make(map[string]*remoteLeaf), failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, node.close())
		}
	}()
	if node.key, err = cmd.key(); err != nil {
		return node, err
	}
	node.agg, err = aggregator.New(aggregator.Config{
		Name: node.name, Version: buildVersion(), DataDir: filepath.Join(cmd.Data, node.name),
		Now: time.Now, Log: log, Seed: rand.Uint64(),
	})
	if err != nil {
		return node, err
	}
	node.members, err = cluster.Join(cluster.Config{
		Name: node.name, Role: cluster.RoleAggregator, Host: cmd.Host, Version: buildVersion(),
		HTTPAddr: ports.http.Addr().String(), RPCAddr: ports.rpc.Addr().String(), GossipAddr: ports.gossip,
		Seeds: cmd.Join, SecretKey: node.key, Log: log,
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
		for _, m := range n.members.Members() {
			if m.Role == cluster.RoleLeaf {
				n.meet(m)
			}
		}
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

// meet connects to a leaf that is new or came back, and notes the state of the
// others.
func (n *aggregatorNode) meet(m cluster.Member) {
	known := n.leaves[m.Name]
	if m.Alive && m.State != cluster.StateJoining && (known == nil || known.addr != m.RPCAddr || known.epoch != m.Epoch) {
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
	n.agg.SetState(m.Name, nodeState(m.State), m.Free)
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
	for _, l := range n.leaves {
		errs = append(errs, l.client.Close())
	}
	if n.members != nil {
		errs = append(errs, n.members.Close())
	}
	return errors.Join(errs...)
}
