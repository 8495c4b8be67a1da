package cluster

import (
	"context"
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"net"
	"slices"
	"time"
)

// keepJoined reaches for members that are away and seeds that have not been
// met, with growing pauses, for ever: so the order of starting does not
// matter, and a cluster that was cut in two becomes one again.
func (m *Members) keepJoined() {
	defer m.loops.Done()
	rnd := rand.New(rand.NewPCG(m.cfg.Epoch, maphash.String(maphash.MakeSeed(), m.cfg.Name)))
	pause := rejoinMin
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-m.changedPeer:
			if len(m.claimed()) > 0 {
				m.checkClaims()
			}
			if pause = min(pause, probeInterval); !m.complete() {
				timer.Reset(jitter(rnd, pause))
			}
			continue
		case <-timer.C:
		}
		if !m.complete() {
			m.reach(m.ctx)
			m.tellRestarting()
		}
		if pause = min(pause*2, rejoinMax); m.contested() {
			pause = probeInterval
		}
		timer.Reset(jitter(rnd, pause))
	}
}

// tellRestarting wakes watchers while a member restarts: it counts as down
// when its grace is over, which nothing else would tell.
func (m *Members) tellRestarting() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if !r.member.Alive && r.said == StateRestarting {
			for ch := range m.watchers {
				wake(ch)
			}
			return
		}
	}
}

// jitter spreads a pause over [0.5, 1.5) of itself.
func jitter(rnd *rand.Rand, d time.Duration) time.Duration {
	return d/2 + time.Duration(rnd.Int64N(int64(d)))
}

// complete tells whether every seed has been met, nobody is down, and others
// know this member at this address.
func (m *Members) complete() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Now().Before(m.contestedUntil) {
		return false
	}
	met := make(map[string]bool)
	for _, r := range m.records {
		if r.member.Alive {
			met[r.member.HTTPAddr] = true
		} else if r.said != StateLeft {
			return false
		}
	}
	for _, seed := range m.cfg.Seeds {
		if !met[seed] {
			return false
		}
	}
	return true
}

// reach makes one attempt to join those who are not reached, and looks after
// namesakes it hears of. A failure is not reported: the loop tries again.
func (m *Members) reach(ctx context.Context) {
	contested := m.contested()
	targets := m.away()
	if contested {
		targets = append(m.living(), targets...)
	}
	// All members may be started with one list of seeds: this one is skipped.
	seeds := slices.DeleteFunc(slices.Clone(m.cfg.Seeds), func(addr string) bool { return addr == m.cfg.HTTPAddr })
	if len(seeds) > 0 {
		found, err := ResolveSeeds(ctx, m.cfg.HTTP, seeds)
		m.tellSilence(ctx, err)
		targets = append(targets, found...)
	}
	tried := 0
	for _, addr := range targets {
		if ctx.Err() != nil || tried == joinTargetsMax {
			break
		}
		if addr == m.self || !contested && m.reached(addr) {
			continue
		}
		tried++
		if _, err := m.ml.Join([]string{addr}); err != nil {
			m.cfg.Log.Debug("cannot join a member", "address", addr, "error", err)
		}
	}
	m.checkClaims()
}

// tellSilence logs that no seed answers, at once and then now and then, and that
// one does again. Only reach calls it, which never runs twice at once.
func (m *Members) tellSilence(ctx context.Context, err error) {
	now := time.Now()
	switch {
	case ctx.Err() != nil:
	case err == nil && !m.silenceTold.IsZero():
		m.cfg.Log.Info("a member to join answers")
		m.silenceTold = time.Time{}
	case err != nil && now.Sub(m.silenceTold) >= silenceEvery:
		m.cfg.Log.Warn("no member to join answers; they are asked again until one does", "join", m.cfg.Seeds, "error", err)
		m.silenceTold = now
	}
}

// away lists the gossip addresses of members that do not answer.
func (m *Members) away() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var addrs []string
	for _, r := range m.records { // in map order, so that every one gets its turn
		if !r.member.Alive && r.said != StateLeft && r.member.GossipAddr != "" {
			addrs = append(addrs, r.member.GossipAddr)
		}
	}
	return addrs
}

// contested tells whether peers may still take this process for its dead past.
func (m *Members) contested() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Before(m.contestedUntil)
}

// living lists the gossip addresses of the others that answer.
func (m *Members) living() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var addrs []string
	for _, r := range m.records {
		if r.member.Alive && !r.member.Self {
			addrs = append(addrs, r.member.GossipAddr)
		}
	}
	return addrs
}

// reached tells whether a living member has the gossip address.
func (m *Members) reached(addr string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if r.member.Alive && r.member.GossipAddr == addr {
			return true
		}
	}
	return false
}

// claimed returns the addresses where a namesake was heard of.
func (m *Members) claimed() map[string]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	claims := make(map[string]uint64, len(m.claims))
	for addr, epoch := range m.claims {
		claims[addr] = epoch
	}
	return claims
}

// checkClaims pings namesakes. One that does not answer is this member's own
// past: others will see its death and accept the new address. Of two that live
// the one that started later gives way.
func (m *Members) checkClaims() {
	claims := m.claimed()
	var held *NameTakenError
	if errors.As(m.Err(), &held) {
		if _, ok := claims[held.Addr]; !ok {
			claims[held.Addr] = 0 // it was there first: does it still live?
		}
	}
	var taken error
	past := false // others still know this member at its address of before
	for addr, epoch := range claims {
		if !m.answers(addr) {
			past = true
			continue
		}
		if epoch < m.cfg.Epoch || epoch == m.cfg.Epoch && addr < m.self {
			taken = &NameTakenError{Name: m.cfg.Name, Addr: addr}
			m.cfg.Log.Error("another member has this name", "name", m.cfg.Name, "address", addr)
		} else {
			m.cfg.Log.Warn("another process tries to join under this member's name", "name", m.cfg.Name, "address", addr)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.claims)
	if past && taken == nil {
		m.contestedUntil = time.Now().Add(contestedFor)
		wake(m.changedPeer)
	}
	changed := (taken == nil) != (m.taken == nil)
	m.taken = taken
	if changed {
		m.notifyLocked()
	}
}

// pingTries is how often a namesake is asked before it counts as gone.
const pingTries = 3

// answers tells whether a process at a gossip address answers to our name.
func (m *Members) answers(addr string) bool {
	udp, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return false
	}
	for range pingTries {
		if _, err := m.ml.Ping(m.cfg.Name, udp); err == nil {
			return true
		}
		if m.ctx.Err() != nil {
			return false
		}
	}
	return false
}
