package cluster

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Config says who a member is. Name, Role and GossipAddr must be given.
type Config struct {
	Name string // unique in the cluster
	Role Role
	Host string // the machine, as a domain of failure; may be empty

	HTTPAddr   string // host:port that others reach it at; a host that stands for all interfaces becomes the gossip host
	RPCAddr    string // the same; may be empty
	GossipAddr string // host:port to listen on, UDP and TCP; port 0 takes a free one

	Version string
	Epoch   uint64 // grows with every start of the node; 0: the clock
	State   State  // to begin with; 0: StateJoining

	// Leaves only.
	LeafID string
	Shard  uint64
	Born   int64 // ns since 1970

	Seeds     []string     // HTTP addresses of any members, asked until met, for ever
	Known     []Member     // members of an earlier run: away until heard of
	SecretKey []byte       // encrypts gossip and keeps strangers out; any length from 16 bytes; nil: none
	HTTP      *http.Client // to ask seeds; nil: http.DefaultClient
	Log       *slog.Logger // nil: discarded
	Now       func() time.Time
}

// check fills in defaults and returns the gossip IP and port.
func (c *Config) check() (ip string, port int, err error) {
	if c.Name == "" || len(c.Name) > nameBytesMax {
		return "", 0, fmt.Errorf("the name of a member takes 1 to %d bytes, not %d", nameBytesMax, len(c.Name))
	}
	if c.Role != RoleLeaf && c.Role != RoleAggregator {
		return "", 0, errors.New("a member is a leaf or an aggregator")
	}
	for what, text := range map[string]string{
		"host": c.Host, "version": c.Version, "leaf id": c.LeafID,
		"HTTP address": c.HTTPAddr, "RPC address": c.RPCAddr,
	} {
		if len(text) > textBytesMax {
			return "", 0, fmt.Errorf("the %s %q is longer than %d bytes, which is what gossip carries", what, text, textBytesMax)
		}
	}
	if len(c.SecretKey) > 0 && len(c.SecretKey) < 16 {
		return "", 0, fmt.Errorf("the cluster key has %d bytes; give at least 16", len(c.SecretKey))
	}
	addr, err := net.ResolveTCPAddr("tcp", c.GossipAddr)
	if err != nil {
		return "", 0, fmt.Errorf("cannot use the gossip address %q: %w", c.GossipAddr, err)
	}
	if addr.IP == nil {
		addr.IP = net.IPv4zero
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Epoch == 0 {
		c.Epoch = uint64(c.Now().UnixNano())
	}
	if c.State == 0 {
		c.State = StateJoining
	}
	return addr.IP.String(), addr.Port, nil
}

// gossipKey derives the key of gossip from the cluster's key, so that the same
// file may serve for other purposes.
func gossipKey(secret []byte) []byte {
	if len(secret) == 0 {
		return nil
	}
	sum := sha256.Sum256(append([]byte("kelp gossip\x00"), secret...))
	return sum[:]
}
