package cluster

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// ErrAlive is returned by Forget for a member that gossip reaches.
var ErrAlive = errors.New("the member is alive: only one that is down or has left can be forgotten")

// ErrUnknown is returned by Forget for a name nobody has heard of.
var ErrUnknown = errors.New("no member has this name")

// NameTakenError says that another process has this member's name.
type NameTakenError struct {
	Name, Addr string // Addr: where the other one gossips
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("the name %q is taken by a member at %s: give this one another --name, or stop that one", e.Name, e.Addr)
}

// Members is this process's place among the members. All methods may be called
// concurrently.
type Members struct {
	cfg  Config
	ml   *memberlist.Memberlist
	self string // own gossip address

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	loops  sync.WaitGroup // publish, keepJoined

	changedMeta chan struct{} // wakes publish
	changedPeer chan struct{} // wakes keepJoined
	silenceTold time.Time     // when it was logged that no seed answers; zero while one does. Only reach's

	mu        sync.Mutex
	own       meta // what publish sends
	closed    bool
	records   map[string]*record
	forgotten map[string]uint64 // name -> epoch it was forgotten at
	claims    map[string]uint64 // gossip address of a namesake -> its epoch
	taken     error             // *NameTakenError while a namesake lives

	// Until then peers may take this process for its dead past, and do not
	// accept its new address.
	contestedUntil time.Time
	watchers       map[chan struct{}]struct{}
}

// Join listens for gossip and joins the members that the seeds know of. It
// tries once, for 3 s at most, and then goes on in the background until Close,
// so it succeeds before any seed is up. The error is *NameTakenError if another
// living process has the name, or says what is wrong with cfg or its address.
func Join(cfg Config) (*Members, error) {
	ip, port, err := cfg.check()
	if err != nil {
		return nil, err
	}
	m := &Members{
		cfg:         cfg,
		changedMeta: make(chan struct{}, 1),
		changedPeer: make(chan struct{}, 1),
		records:     make(map[string]*record),
		forgotten:   make(map[string]uint64),
		claims:      make(map[string]uint64),
		watchers:    make(map[chan struct{}]struct{}),
	}
	m.own = meta{
		role: cfg.Role, state: cfg.State, epoch: cfg.Epoch, shard: cfg.Shard, born: cfg.Born,
		leafID: cfg.LeafID, version: cfg.Version, host: cfg.Host,
	}
	if m.own.http, err = shortAddr(cfg.HTTPAddr, ip); err != nil {
		return nil, fmt.Errorf("cannot use the HTTP address: %w", err)
	}
	if m.own.rpc, err = shortAddr(cfg.RPCAddr, ip); err != nil {
		return nil, fmt.Errorf("cannot use the RPC address: %w", err)
	}
	for _, k := range cfg.Known {
		m.remember(k)
	}
	conf := m.gossipConfig(ip, port)
	if m.ml, err = memberlist.Create(conf); err != nil {
		return nil, fmt.Errorf("cannot open the gossip port %s: %w", cfg.GossipAddr, err)
	}
	local := m.ml.LocalNode()
	m.self = net.JoinHostPort(local.Addr.String(), strconv.Itoa(int(local.Port)))
	m.ctx, m.cancel = context.WithCancel(context.Background())

	ctx, cancel := context.WithTimeout(m.ctx, firstJoinTimeout)
	m.reach(ctx)
	cancel()
	if err := m.Err(); err != nil {
		m.cancel()
		_ = m.ml.Shutdown()
		return nil, err
	}
	m.loops.Add(2)
	sent := m.own
	sent.free = 0
	go m.publish(sent)
	go m.keepJoined()
	return m, nil
}

// gossipConfig tunes the gossip library: see limits.go.
func (m *Members) gossipConfig(ip string, port int) *memberlist.Config {
	conf := memberlist.DefaultLANConfig()
	conf.Name = m.cfg.Name
	conf.Label = "kelp" // other programs' gossip is dropped before it is read
	conf.BindAddr, conf.BindPort = ip, port
	conf.AdvertisePort = port
	conf.ProbeInterval, conf.ProbeTimeout = probeInterval, probeTimeout
	conf.SuspicionMult, conf.SuspicionMaxTimeoutMult = suspicionMult, suspicionMaxMult
	conf.AwarenessMaxMultiplier = 4
	conf.GossipInterval = gossipInterval
	conf.PushPullInterval = exchangeInterval
	conf.TCPTimeout = streamTimeout
	conf.DeadNodeReclaimTime = reclaimAfter
	conf.EnableCompression = false // messages are small
	conf.SecretKey = gossipKey(m.cfg.SecretKey)
	conf.Logger = log.New(newLogWriter(m.cfg.Log), "", 0)
	d := (*delegate)(m)
	conf.Delegate, conf.Events, conf.Alive, conf.Conflict = d, d, d, d
	conf.DelegateProtocolMin, conf.DelegateProtocolMax, conf.DelegateProtocolVersion = 1, 1, 1
	return conf
}

// Members returns all members known, this one too, up or away, by name.
func (m *Members) Members() []Member {
	now := m.cfg.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]Member, 0, len(m.records))
	for _, r := range m.records {
		member := r.member
		member.State = r.state(now)
		out = append(out, member)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Addr is the gossip address others reach this member at.
func (m *Members) Addr() string { return m.self }

// Err is a *NameTakenError while another living process uses this member's
// name and was there first; else nil.
func (m *Members) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.taken
}

// Watch returns a channel that gets a value after changes among the members or
// of Err; several changes may be one value. It is closed when ctx ends or the
// Members closes. It begins with a value.
func (m *Members) Watch(ctx context.Context) <-chan struct{} {
	ch := make(chan struct{}, 1)
	ch <- struct{}{}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || ctx.Err() != nil {
		close(ch)
		return ch
	}
	if len(m.watchers) >= watchersMax {
		panic("BUG: watchers of the members are not given back")
	}
	m.watchers[ch] = struct{}{}
	context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if _, ok := m.watchers[ch]; ok {
			delete(m.watchers, ch)
			close(ch)
		}
	})
	return ch
}

// notifyLocked tells watchers and the joining loop that something changed.
func (m *Members) notifyLocked() {
	for ch := range m.watchers {
		wake(ch)
	}
	wake(m.changedPeer)
}

// wake leaves a value in a channel of one place.
func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// SetState tells all members how this one is. StateDown is not for it to say.
func (m *Members) SetState(s State) {
	if s < StateJoining || s > StateLeft {
		panic("BUG: a member cannot say of itself that it is " + s.String())
	}
	m.mu.Lock()
	m.own.state = s
	m.mu.Unlock()
	wake(m.changedMeta)
}

// SetFree tells how many bytes of memory this member can still take. It may be
// called often: changes under 1/16 are not passed on, others every 2 s at most.
func (m *Members) SetFree(bytes uint64) {
	m.mu.Lock()
	m.own.free = bytes
	m.mu.Unlock()
	wake(m.changedMeta)
}

// Forget removes a member that is away, here and by gossip on the others.
func (m *Members) Forget(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[name]
	if !ok {
		return ErrUnknown
	}
	if r.member.Alive {
		return ErrAlive
	}
	m.forgetLocked(name, r.member.Epoch)
	m.notifyLocked()
	return nil
}

// forgetLocked drops a record and keeps in mind that it was dropped.
func (m *Members) forgetLocked(name string, epoch uint64) {
	delete(m.records, name)
	if len(m.forgotten) >= forgottenMax {
		for old := range m.forgotten { // any: peers have heard of most long ago
			delete(m.forgotten, old)
			break
		}
	}
	m.forgotten[name] = epoch
}

// Close tells the others that this member leaves (or restarts, if that is its
// state), stops all goroutines and closes the port. It takes a few seconds at
// most. It must be called once.
func (m *Members) Close() error {
	m.cancel()
	m.loops.Wait()
	m.mu.Lock()
	m.closed = true
	if m.own.state != StateRestarting {
		m.own.state = StateLeft
	}
	for ch := range m.watchers {
		delete(m.watchers, ch)
		close(ch)
	}
	m.mu.Unlock()
	// Others see the state first and then the death, which alone does not tell
	// why. When no one hears it in time, they see a dead member.
	_ = m.ml.UpdateNode(publishTimeout)
	err := m.ml.Leave(leaveTimeout)
	return errors.Join(err, m.ml.Shutdown())
}

// publish passes on changes of state at once and of free memory now and then.
// sent is what others have been told.
func (m *Members) publish(sent meta) {
	defer m.loops.Done()
	timer := time.NewTimer(freeInterval)
	defer timer.Stop()
	sentAt := time.Time{}
	for {
		m.mu.Lock()
		own := m.own
		m.mu.Unlock()
		stateChanged := own.state != sent.state
		due := time.Since(sentAt) >= freeInterval && freeMoved(sent.free, own.free)
		if stateChanged || due {
			// A timeout means that it was not passed on often enough to be sure;
			// the next exchange of all state carries it.
			_ = m.ml.UpdateNode(publishTimeout)
			sent, sentAt = own, time.Now()
			continue
		}
		select {
		case <-m.ctx.Done():
			return
		case <-m.changedMeta:
		case <-timer.C:
			timer.Reset(freeInterval)
		}
	}
}

// freeMoved tells whether a change of free memory is worth telling.
func freeMoved(from, to uint64) bool {
	if from > to {
		from, to = to, from
	}
	return to-from > to/16
}
