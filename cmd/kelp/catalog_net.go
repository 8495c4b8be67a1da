package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/kelpdb/kelp/catalog"
	"github.com/kelpdb/kelp/cluster"
	"github.com/kelpdb/kelp/wire"
)

// peers is the network of the catalog: the RPC ports of the other aggregators.
type peers struct {
	key []byte
	log *slog.Logger

	mu      sync.Mutex
	clients map[string]*wire.Client // by address
}

// Call sends a message to the aggregator at an address.
func (p *peers) Call(ctx context.Context, addr string, msg []byte) ([]byte, error) {
	client, err := p.client(addr)
	if err != nil {
		return nil, err
	}
	answer, err := client.Peer(ctx, msg)
	var coded *wire.Error
	if errors.As(err, &coded) && coded.Code == wire.CodeUnreachable {
		return nil, fmt.Errorf("%s: %w: %v", addr, catalog.ErrNotSent, err)
	}
	return answer, err
}

func (p *peers) client(addr string) (*wire.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.clients[addr]; c != nil {
		return c, nil
	}
	if len(p.clients) >= peersMax { // of addresses that are not in use any more, mostly
		for addr, c := range p.clients {
			if err := c.Close(); err != nil {
				p.log.Warn("a connection to another aggregator does not close", "address", addr, "error", err)
			}
		}
		clear(p.clients)
	}
	c, err := wire.Dial(addr, wire.ClientConfig{Log: p.log, Key: p.key})
	if err != nil {
		return nil, err
	}
	p.clients[addr] = c
	return c, nil
}

// Close ends the connections.
func (p *peers) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, c := range p.clients {
		errs = append(errs, c.Close())
	}
	clear(p.clients)
	return errors.Join(errs...)
}

// startCatalog opens the catalog of an aggregator in its directory, and answers the
// others on the RPC port, which it owns.
func (n *aggregatorNode) startCatalog(dir string, rpc net.Listener, first bool) {
	var err error
	n.peers = &peers{key: n.key, log: n.log, clients: make(map[string]*wire.Client)}
	n.catalog = catalog.Open(catalog.Config{
		Dir: dir, Name: n.name, Now: time.Now, Log: n.log,
		Network: n.peers, Address: rpc.Addr().String(), Others: n.otherAggregators, Bootstrap: first,
	})
	n.server, err = wire.NewServer(wire.ServerConfig{Log: n.log, Key: n.key, Peer: n.catalog.Answer}, nil)
	if err != nil {
		panic("BUG: a server without settings of its own is refused: " + err.Error())
	}
	n.serving.Go(func() {
		if err := n.server.Serve(rpc); err != nil {
			n.log.Error("other aggregators cannot reach this one's catalog any more", "error", err)
		}
	})
}

// stopCatalog ends what startCatalog began.
func (n *aggregatorNode) stopCatalog() error {
	n.catalog.Resign()
	n.server.Stop(peerDrain)
	n.serving.Wait()
	return errors.Join(n.catalog.Close(), n.peers.Close())
}

// otherAggregators lists the RPC addresses of those that are alive.
func (n *aggregatorNode) otherAggregators() (addrs []string) {
	for _, m := range n.members.Members() {
		if m.Role == cluster.RoleAggregator && !m.Self && m.Alive && m.RPCAddr != "" {
			addrs = append(addrs, m.RPCAddr)
		}
	}
	return addrs
}
