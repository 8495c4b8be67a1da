package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/hashicorp/memberlist"
)

// delegate is Members as the gossip library sees it. The library calls most of
// these under its own lock: they take only Members.mu, never wait, and never
// call the library back.
type delegate Members

// NodeMeta returns what this member says of itself.
func (d *delegate) NodeMeta(limit int) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return appendMeta(make([]byte, 0, limit), &d.own)
}

// NotifyMsg and GetBroadcasts: there are no messages of our own.
func (d *delegate) NotifyMsg([]byte) {}

func (d *delegate) GetBroadcasts(overhead, limit int) [][]byte { return nil }

// NotifyAlive refuses what cannot be a member of ours.
func (d *delegate) NotifyAlive(n *memberlist.Node) error {
	if n.Name == "" || len(n.Name) > nameBytesMax {
		return fmt.Errorf("a name of %d bytes", len(n.Name))
	}
	if _, err := decodeMeta(n.Meta); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.records[n.Name]; !ok && len(d.records) >= membersMax {
		return errors.New("more members than a cluster may have")
	}
	return nil
}

func (d *delegate) NotifyJoin(n *memberlist.Node)   { d.heard(n) }
func (d *delegate) NotifyUpdate(n *memberlist.Node) { d.heard(n) }

// heard records a living member.
func (d *delegate) heard(n *memberlist.Node) {
	said, err := decodeMeta(n.Meta)
	if err != nil {
		return // NotifyAlive has refused it already
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	(*Members)(d).recordLocked(n.Name, gossipAddr(n), said, true)
	delete(d.forgotten, n.Name)
	(*Members)(d).notifyLocked()
}

// NotifyLeave records a member that is dead or has left.
func (d *delegate) NotifyLeave(n *memberlist.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.records[n.Name]
	if !ok {
		return
	}
	now := d.cfg.Now()
	before := r.state(now)
	r.member.Alive, r.away = false, now
	if r.state(now) != before {
		r.member.Since = now
	}
	(*Members)(d).notifyLocked()
}

// NotifyConflict hears of a namesake of a member at another address. If it is
// ours, the joining loop looks whether that one lives.
func (d *delegate) NotifyConflict(existing, other *memberlist.Node) {
	if existing.Name != d.cfg.Name {
		return
	}
	said, err := decodeMeta(other.Meta)
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.claims) < joinTargetsMax {
		d.claims[gossipAddr(other)] = said.epoch
	}
	wake(d.changedPeer)
}

// gossipAddr is host:port of a node.
func gossipAddr(n *memberlist.Node) string {
	return net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port)))
}

// recordLocked makes or updates the record of a member.
func (m *Members) recordLocked(name, gossip string, said meta, alive bool) {
	now := m.cfg.Now()
	r, ok := m.records[name]
	if !ok {
		r = &record{}
		m.records[name] = r
	}
	before := r.state(now)
	host, _, _ := net.SplitHostPort(gossip)
	r.said = said.state
	since := r.member.Since
	r.member = Member{
		Name: name, Role: said.role, Self: name == m.cfg.Name, Alive: alive,
		HTTPAddr: longAddr(said.http, host), RPCAddr: longAddr(said.rpc, host), GossipAddr: gossip,
		Host: said.host, Version: said.version, Epoch: said.epoch, Free: said.free,
		LeafID: said.leafID, Shard: said.shard, Born: said.born, Since: since,
	}
	if !alive {
		r.away = now
	}
	if !ok || r.state(now) != before {
		r.member.Since = now
	}
}

// roster is what two members tell each other, beside the living ones that the
// library tells: who is away, and who was forgotten. A newcomer thus knows of
// a leaf that died before it came.
type roster struct {
	Away []struct {
		Name   string `json:"name"`
		Gossip string `json:"gossip"`
		Meta   []byte `json:"meta"`
	} `json:"away,omitempty"`
	Forgotten map[string]uint64 `json:"forgotten,omitempty"`
}

// LocalState encodes the roster.
func (d *delegate) LocalState(join bool) []byte {
	var all roster
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, r := range d.records {
		if r.member.Alive {
			continue
		}
		said := metaOf(&r.member, r.said)
		all.Away = append(all.Away, struct {
			Name   string `json:"name"`
			Gossip string `json:"gossip"`
			Meta   []byte `json:"meta"`
		}{name, r.member.GossipAddr, appendMeta(nil, &said)})
	}
	all.Forgotten = d.forgotten
	buf, err := json.Marshal(&all)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return buf
}

// MergeRemoteState takes another member's roster. Members that are known here
// are left as they are: gossip says more of them.
func (d *delegate) MergeRemoteState(buf []byte, join bool) {
	if len(buf) > rosterBytesMax {
		return
	}
	var all roster
	if err := json.Unmarshal(buf, &all); err != nil {
		return // its living members have been merged; this is an extra
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	changed := false
	for name, epoch := range all.Forgotten {
		r, ok := d.records[name]
		if ok && !r.member.Alive && r.member.Epoch <= epoch && len(name) <= nameBytesMax {
			(*Members)(d).forgetLocked(name, epoch)
			changed = true
		}
	}
	for _, a := range all.Away {
		said, err := decodeMeta(a.Meta)
		_, known := d.records[a.Name]
		_, _, addrErr := net.SplitHostPort(a.Gossip)
		if err != nil || addrErr != nil || known || a.Name == d.cfg.Name || len(d.records) >= membersMax {
			continue
		}
		if epoch, ok := d.forgotten[a.Name]; ok && said.epoch <= epoch || a.Name == "" || len(a.Name) > nameBytesMax {
			continue
		}
		(*Members)(d).recordLocked(a.Name, a.Gossip, said, false)
		changed = true
	}
	if changed {
		(*Members)(d).notifyLocked()
	}
}

// metaOf is the metadata of a member as it once told it.
func metaOf(k *Member, said State) meta {
	return meta{
		role: k.Role, state: said, epoch: k.Epoch, free: k.Free, shard: k.Shard, born: k.Born,
		leafID: clip(k.LeafID), version: clip(k.Version), host: clip(k.Host), http: clip(k.HTTPAddr), rpc: clip(k.RPCAddr),
	}
}

// clip keeps a text within what metadata carries.
func clip(s string) string { return s[:min(len(s), textBytesMax)] }

// remember records a member of an earlier run as away.
func (m *Members) remember(k Member) {
	if k.Name == "" || k.Name == m.cfg.Name || len(k.Name) > nameBytesMax || len(m.records) >= membersMax {
		return
	}
	said := k.State
	if said < StateJoining || said > StateLeft {
		said = StateUp
	}
	m.recordLocked(k.Name, k.GossipAddr, metaOf(&k, said), false)
}
