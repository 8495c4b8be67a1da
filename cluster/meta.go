package cluster

import (
	"encoding/binary"
	"fmt"
	"net"
)

// A member's metadata, at most 512 bytes, little-endian:
//
//	+---------+------+-------+-----------+----------+-----------+----------+
//	| version | role | state | epoch (8) | free (8) | shard (8) | born (8) |
//	+---------+------+-------+-----------+----------+-----------+----------+
//	| five texts, each: length (1), bytes:                                 |
//	|   leaf id, version of kelp, host, HTTP address, RPC address          |
//	+----------------------------------------------------------------------+
//
// Version 1. A later version keeps these fields and adds behind them, so that
// an older member reads a newer one; what follows the fifth text is skipped.
// An address without a host means the host that gossip comes from.
const (
	metaVersion   = 1
	metaFixedSize = 3 + 4*8
	metaTexts     = 5
)

// meta is what a member says of itself.
type meta struct {
	role                             Role
	state                            State
	epoch, free, shard               uint64
	born                             int64
	leafID, version, host, http, rpc string
}

// appendMeta encodes m.
func appendMeta(dst []byte, m *meta) []byte {
	dst = append(dst, metaVersion, byte(m.role), byte(m.state))
	dst = binary.LittleEndian.AppendUint64(dst, m.epoch)
	dst = binary.LittleEndian.AppendUint64(dst, m.free)
	dst = binary.LittleEndian.AppendUint64(dst, m.shard)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(m.born))
	for _, text := range [metaTexts]string{m.leafID, m.version, m.host, m.http, m.rpc} {
		if len(text) > textBytesMax {
			panic("BUG: a text of the metadata is too long: " + text)
		}
		dst = append(dst, byte(len(text)))
		dst = append(dst, text...)
	}
	return dst
}

// decodeMeta decodes what a peer sent.
func decodeMeta(src []byte) (m meta, err error) {
	if len(src) < metaFixedSize || len(src) > metaBytesMax {
		return m, fmt.Errorf("metadata of %d bytes", len(src))
	}
	if src[0] < metaVersion {
		return m, fmt.Errorf("metadata of version %d", src[0])
	}
	m.role, m.state = Role(src[1]), State(src[2])
	m.epoch = binary.LittleEndian.Uint64(src[3:])
	m.free = binary.LittleEndian.Uint64(src[11:])
	m.shard = binary.LittleEndian.Uint64(src[19:])
	m.born = int64(binary.LittleEndian.Uint64(src[27:]))
	if m.role != RoleLeaf && m.role != RoleAggregator {
		return m, fmt.Errorf("metadata with %v", m.role)
	}
	if m.state < StateJoining || m.state > StateLeft {
		return m, fmt.Errorf("metadata with %v", m.state)
	}
	rest := src[metaFixedSize:]
	for i, into := range [metaTexts]*string{&m.leafID, &m.version, &m.host, &m.http, &m.rpc} {
		if len(rest) < 1 || int(rest[0]) > textBytesMax || len(rest) < 1+int(rest[0]) {
			return m, fmt.Errorf("metadata ends within text %d", i)
		}
		*into = string(rest[1 : 1+rest[0]])
		rest = rest[1+rest[0]:]
	}
	return m, nil
}

// shortAddr drops the host of an address if it is the host of gossip or stands
// for all interfaces.
func shortAddr(addr string, gossipHost string) (string, error) {
	if addr == "" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if port == "0" || port == "" {
		return "", fmt.Errorf("address %q has no port", addr)
	}
	if ip := net.ParseIP(host); host == "" || host == gossipHost || ip != nil && ip.IsUnspecified() {
		return ":" + port, nil
	}
	return addr, nil
}

// longAddr is the reverse of shortAddr.
func longAddr(addr string, gossipHost string) string {
	if addr == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host != "" {
		return addr
	}
	return net.JoinHostPort(gossipHost, port)
}
