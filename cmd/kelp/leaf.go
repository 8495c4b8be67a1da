package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/kelpdb/kelp/aggregator"
	"github.com/kelpdb/kelp/cluster"
	"github.com/kelpdb/kelp/leaf"
	"github.com/kelpdb/kelp/query/exec"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// memberFlags is what leaves and aggregators of a cluster have in common.
type memberFlags struct {
	Join   []string `help:"HTTP addresses of any members; asked until one answers." placeholder:"ADDR"`
	RPC    string   `name:"rpc" help:"Address for other nodes' calls (default: HTTP port + 1000)."`
	Gossip string   `help:"Address for gossip (default: HTTP port + 2000)."`
	Name   string   `help:"Name in the cluster (default: by role and port)."`
	Host   string   `help:"The machine it runs on, as a domain of failure."`
	accessFlags

	ClusterKeyFile string `help:"File with the cluster's secret: gossip is encrypted with it, and calls without it are refused." type:"existingfile"`
}

// clusterKeyBytesMin is the shortest secret taken: 128 bits.
const clusterKeyBytesMin = 16

// key reads the cluster's secret; nil where there is none.
func (f *memberFlags) key() ([]byte, error) {
	if f.ClusterKeyFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(f.ClusterKeyFile)
	if err != nil {
		return nil, fmt.Errorf("cannot read the cluster key: %w", err)
	}
	key := bytes.TrimSpace(text)
	if len(key) < clusterKeyBytesMin {
		return nil, usageError{fmt.Errorf("the cluster key in %s has %d bytes; at least %d are needed", f.ClusterKeyFile, len(key), clusterKeyBytesMin)}
	}
	return key, nil
}

// leafCmd is one leaf of a cluster.
type leafCmd struct {
	Listen string `help:"Address to serve HTTP on; its RPC and gossip ports follow." required:""`
	memberFlags
	storeFlags
	logFlags
}

// memberPorts is the listeners of a cluster member.
type memberPorts struct {
	http, rpc net.Listener
	gossip    string

	front front
	key   []byte // the cluster's; nil: none
}

// web is how the node calls other members over HTTP.
func (p *memberPorts) web() *http.Client {
	w := nodeWeb{tls: p.front.tls != nil}
	if p.key != nil {
		w.token = aggregator.NodeToken(p.key)
	}
	return w.client()
}

// listen opens the HTTP and RPC ports and names the gossip address.
func (f *memberFlags) listen(listen string) (p memberPorts, err error) {
	if p.key, err = f.key(); err != nil {
		return p, err
	}
	if p.front, err = f.front(listen, p.key); err != nil {
		return p, err
	}
	if err := f.check(listen, &p); err != nil {
		return p, err
	}
	if p.http, err = listenOn(listen, "--listen"); err != nil {
		return p, err
	}
	if p.rpc, err = listenOn(f.RPC, "--rpc"); err != nil {
		p.http.Close()
		return p, err
	}
	p.gossip = f.Gossip
	return p, nil
}

// check refuses addresses that can not be meant, and fills in those that follow
// from --listen, before anything is opened.
func (f *memberFlags) check(listen string, p *memberPorts) (err error) {
	if err := p.front.fenceHTTP(listen); err != nil {
		return err
	}
	if err := f.checkMember(p); err != nil {
		return err
	}
	if f.Join, err = seeds(f.Join); err != nil {
		return err
	}
	if f.RPC == "" {
		if f.RPC, err = portAbove(listen, 1000, "--rpc"); err != nil {
			return err
		}
	}
	if f.Gossip == "" {
		if f.Gossip, err = portAbove(listen, 2000, "--gossip"); err != nil {
			return err
		}
	}
	if err := fenceNodes(f.RPC, "--rpc", p.key); err != nil {
		return err
	}
	return fenceNodes(f.Gossip, "--gossip", p.key)
}

// nameOr is the name given, else one made of the role and the HTTP port.
func (f *memberFlags) nameOr(role string, ln net.Listener) string {
	if f.Name != "" {
		return f.Name
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		panic("BUG: a listener without a port")
	}
	return role + "-" + port
}

// Run starts the leaf and serves until the console's context ends.
func (cmd *leafCmd) Run(c *console) error {
	log := cmd.logger(c)
	if len(cmd.Join) == 0 {
		return usageError{errors.New("a leaf needs --join with the HTTP address of any member; for one process use `kelp serve`")}
	}
	if err := cmd.checkMemory(1); err != nil {
		return err
	}
	ports, err := cmd.listen(cmd.Listen)
	if err != nil {
		return err
	}
	if _, err := cmd.resolve(1); err != nil {
		return errors.Join(err, ports.http.Close(), ports.rpc.Close())
	}
	var handler lateHandler
	web := startHTTP(ports.http, ports.front.tls, &handler, log)
	node, err := cmd.start(ports, log)
	if err != nil {
		web.stop()
		return err
	}
	handler.set(node.handler(ports.front))
	node.members.SetState(cluster.StateUp)
	fmt.Fprintf(c.stdout, "ready http=%s rpc=%s gossip=%s name=%s\n",
		ports.http.Addr(), ports.rpc.Addr(), node.members.Addr(), node.name)
	free := time.NewTicker(time.Second)
	defer free.Stop()
	done := make(chan error, 1)
	go func() { done <- web.untilDone(c.ctx) }()
	for {
		select {
		case <-free.C:
			s := node.store.Status()
			node.members.SetFree(uint64(max(0, s.Budget-s.Used)))
			if err = node.members.Err(); err == nil {
				continue
			}
		case err = <-done:
		}
		break
	}
	node.members.SetState(cluster.StateRestarting)
	web.stop()
	return errors.Join(err, node.close())
}

// leafNode is the parts of a leaf process, in the order they start.
type leafNode struct {
	name    string
	pool    *exec.Pool
	leaf    *leaf.Leaf
	store   *storage.Store
	server  *wire.Server
	served  chan error
	members *cluster.Members
}

func (cmd *leafCmd) start(ports memberPorts, log *slog.Logger) (node *leafNode, err error) {
	node = &leafNode{name: cmd.nameOr("leaf", ports.http), pool: newPool()}
	defer func() {
		if err != nil {
			err = errors.Join(err, node.close())
		}
	}()
	l, store, err := cmd.openLeaf(node.name, 1, int64(cmd.Memory), node.pool, log)
	if err != nil {
		return node, err
	}
	node.leaf, node.store = l, store
	if node.server, err = wire.NewServer(wire.ServerConfig{Log: log, Key: ports.key, Drained: store.Seal}, l); err != nil {
		return node, err
	}
	node.served = make(chan error, 1)
	go func() { node.served <- node.server.Serve(ports.rpc) }()
	node.members, err = cluster.Join(cluster.Config{
		Name: node.name, Role: cluster.RoleLeaf, Host: cmd.Host, Version: buildVersion(),
		HTTPAddr: ports.http.Addr().String(), RPCAddr: ports.rpc.Addr().String(), GossipAddr: ports.gossip,
		LeafID: store.LeafID(), Shard: uint64(store.Shard()), Born: store.Born().UnixNano(),
		Seeds: cmd.Join, SecretKey: ports.key, HTTP: ports.web(), Log: log,
	})
	return node, err
}

// close stops the parts in the reverse order of their start. Between batches and
// subscriptions the store is sealed, so that aggregators hear its last edit and the
// next start has nothing to tell them.
func (n *leafNode) close() error {
	var errs []error
	if n.members != nil {
		errs = append(errs, n.members.Close())
	}
	if n.server != nil {
		n.server.Stop(drainTime)
		if n.served != nil {
			<-n.served
		}
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	n.pool.Close()
	return errors.Join(errs...)
}

// memberList is the membership as /v1/cluster shows it.
func memberList(m *cluster.Members) []aggregator.MemberInfo {
	var list []aggregator.MemberInfo
	for _, k := range m.Members() {
		list = append(list, aggregator.MemberInfo{
			Name: k.Name, Role: k.Role.String(), State: k.State.String(), Address: k.HTTPAddr,
			Gossip: k.GossipAddr, Version: k.Version,
		})
	}
	return list
}

// handler is the leaf's HTTP port: health and the members it knows, itself with
// its own figures.
func (n *leafNode) handler(f front) http.Handler {
	status := n.leaf.Figures
	members := func() []aggregator.MemberInfo {
		list := memberList(n.members)
		for i := range list {
			if m := &list[i]; m.Name == n.name {
				m.Fill(status())
			}
		}
		return list
	}
	ready := func() bool { return n.store.Status().Loading == 0 && n.members.Err() == nil }
	return aggregator.MemberHandler(aggregator.HTTPConfig{Members: members, Access: f.access, Hosts: f.hosts}, ready, status)
}
