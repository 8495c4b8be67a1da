package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// Nodes of a catalog. One that is new asks the others, and the leader has it
// follow, without a vote. Voters are made and unmade by command, never by
// themselves: two voters need both, which is worse than one.

// memberRequest asks the leader to change who takes part.
type memberRequest struct {
	Do      string // one of the below
	Name    string
	Address string // with doFollow
	Catalog string // the id that the asking node knows
}

// followRequest asks a node whether it has the changes up to one.
type followRequest struct {
	Name    string // of the node that is meant
	Applied uint64
}

const (
	doFollow  = "follow"  // a node that is there, without a vote if it is new
	doPromote = "promote" // to a voter
	doDemote  = "demote"  // to a follower
	doRemove  = "remove"  // one that will not come back
)

// Node is one that takes part.
type Node struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// Status is how the catalog is, as this node knows it.
type Status struct {
	Leader    string // a name; "": none is known
	Voters    []Node
	Followers []Node
	Applied   uint64 // commands, by their index
}

// Status tells how the catalog is.
func (c *Catalog) Status() Status {
	st := Status{Voters: []Node{}, Followers: []Node{}}
	c.state.mu.RLock()
	st.Applied = c.state.applied
	c.state.mu.RUnlock()
	if c.cfg.Network == nil {
		st.Leader, st.Voters = c.cfg.Name, append(st.Voters, Node{c.cfg.Name, c.cfg.Name})
		return st
	}
	run := c.running.Load()
	if run == nil {
		return st
	}
	_, id := run.raft.LeaderWithID()
	st.Leader = string(id)
	future := run.raft.GetConfiguration()
	if future.Error() != nil {
		return st
	}
	servers := slices.Clone(future.Configuration().Servers)
	slices.SortFunc(servers, func(a, b raft.Server) int { return strings.Compare(string(a.ID), string(b.ID)) })
	for _, s := range servers {
		n := Node{string(s.ID), string(s.Address)}
		if s.Suffrage == raft.Voter {
			st.Voters = append(st.Voters, n)
		} else {
			st.Followers = append(st.Followers, n)
		}
	}
	return st
}

// Begun tells whether this node knows of voters: one that waits for the others
// to take it in does not, nor does any where nobody was told to begin. One that
// knew of them when it ended does from Open on.
func (c *Catalog) Begun() bool {
	return c.cfg.Network == nil || c.cfg.Bootstrap || c.resumed || c.Err() != nil || len(c.Status().Voters) > 0
}

// AddVoter gives a node that follows a vote.
func (c *Catalog) AddVoter(ctx context.Context, name string) error {
	return c.change(ctx, memberRequest{Do: doPromote, Name: name})
}

// RemoveVoter takes a node's vote; it goes on following.
func (c *Catalog) RemoveVoter(ctx context.Context, name string) error {
	return c.change(ctx, memberRequest{Do: doDemote, Name: name})
}

// Remove takes a node that is gone for good out of the catalog. One that comes
// back all the same follows anew.
func (c *Catalog) Remove(ctx context.Context, name string) error {
	return c.change(ctx, memberRequest{Do: doRemove, Name: name})
}

func (c *Catalog) change(ctx context.Context, req memberRequest) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	_, err := c.lead(ctx, func(run *running) []byte { return memberMessage(run, req) }, func(run *running) (uint64, error) { return 0, c.member(ctx, run, req) })
	return err
}

func memberMessage(run *running, req memberRequest) []byte {
	req.Catalog = run.store.id()
	text, err := json.Marshal(req)
	if err != nil {
		panic("BUG: a request is not JSON: " + err.Error())
	}
	return append([]byte{opMember}, text...)
}

// member changes who takes part, on the leader.
func (c *Catalog) member(ctx context.Context, run *running, req memberRequest) error {
	if run.raft.State() != raft.Leader {
		return errNotLeader
	}
	if err := run.store.foreign(req.Catalog); err != nil {
		c.tellForeign(err)
		return err
	}
	servers := run.raft.GetConfiguration()
	if err := servers.Error(); err != nil {
		return errNotLeader
	}
	var known *raft.Server
	voters := 0
	for _, s := range servers.Configuration().Servers {
		if s.Suffrage == raft.Voter {
			voters++
		}
		if string(s.ID) == req.Name {
			known = &s
		}
	}
	id := raft.ServerID(req.Name)
	if known == nil && req.Do != doFollow {
		return &Refused{"no node of the catalog is called " + req.Name + "; GET /v1/catalog lists them"}
	}
	last := known != nil && known.Suffrage == raft.Voter && voters == 1
	var future raft.IndexFuture
	switch {
	case req.Do == doFollow && known != nil && string(known.Address) == req.Address:
		return nil
	case req.Do == doFollow:
		future = run.raft.AddNonvoter(id, raft.ServerAddress(req.Address), 0, applyTimeout)
	case req.Do == doPromote && known.Suffrage == raft.Voter:
		return nil
	case req.Do == doPromote:
		if err := c.follows(ctx, run, *known); err != nil {
			return err
		}
		future = run.raft.AddVoter(id, known.Address, 0, applyTimeout)
	case last:
		return &Refused{req.Name + " is the only voter: make another one first"}
	case req.Do == doDemote:
		future = run.raft.DemoteVoter(id, 0, applyTimeout)
	case req.Do == doRemove:
		future = run.raft.RemoveServer(id, 0, applyTimeout)
	default:
		return &Refused{"there is no request " + req.Do + ": finish the upgrade"}
	}
	if err := future.Error(); err != nil {
		return applyError(err)
	}
	return nil
}

// follows refuses a vote for a node that is not there, or has not got all that is
// agreed on: with it, changes may need that node, and so would taking the vote back.
func (c *Catalog) follows(ctx context.Context, run *running, node raft.Server) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c.state.mu.RLock()
	text, err := json.Marshal(followRequest{Name: string(node.ID), Applied: c.state.applied})
	c.state.mu.RUnlock()
	if err != nil {
		panic("BUG: a request is not JSON: " + err.Error())
	}
	answer, err := run.link.net.Call(ctx, string(node.Address), append([]byte{opFollows}, text...))
	var o outcome
	if err == nil {
		err = json.Unmarshal(answer, &o)
	}
	if err = errors.Join(err, o.err()); err != nil {
		return &Refused{fmt.Sprintf("%s at %s gets no vote, for it does not follow: %v; start it, or DELETE /v1/catalog/nodes/%s if it is gone", node.ID, node.Address, err, node.ID)}
	}
	return nil
}

// caughtUp answers whether this node has what the leader has, as soon as it does.
func (c *Catalog) caughtUp(ctx context.Context, req followRequest) error {
	if req.Name != c.cfg.Name {
		return &Refused{"another node is there by now, " + c.cfg.Name}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout/2) // so that the leader hears of it
	defer cancel()
	if err := c.state.reached(ctx, req.Applied); err != nil {
		return &Refused{fmt.Sprintf("it has not got change %d yet: %v", req.Applied, err)}
	}
	return nil
}

// takePart sees to it that this node is known to the others under its address:
// as long as it is not, or hears of no leader, it asks those there are.
func (c *Catalog) takePart(run *running) {
	tick := time.NewTicker(joinEvery)
	defer tick.Stop()
	for {
		c.askToFollow(run)
		select {
		case <-tick.C:
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *Catalog) askToFollow(run *running) {
	req := memberRequest{Do: doFollow, Name: c.cfg.Name, Address: c.cfg.Address}
	leader, _ := run.raft.LeaderWithID()
	if leader != "" && c.listed() {
		return
	}
	if run.raft.State() == raft.Leader {
		_ = c.member(c.ctx, run, req) // asked again in a moment
		return
	}
	for _, addr := range c.cfg.Others() {
		ctx, cancel := context.WithTimeout(c.ctx, callTimeout)
		answer, err := c.cfg.Network.Call(ctx, addr, memberMessage(run, req))
		cancel()
		var o outcome
		if err != nil || json.Unmarshal(answer, &o) != nil || errors.Is(o.err(), errNotLeader) {
			continue
		}
		if o.Refused == nil {
			return
		}
		c.tellForeign(o.Refused) // another one may lead this node's
	}
}

// listed tells whether this node is known under its address.
func (c *Catalog) listed() bool {
	st := c.Status()
	for _, list := range [][]Node{st.Voters, st.Followers} {
		for _, n := range list {
			if n.Name == c.cfg.Name && n.Address == c.cfg.Address {
				return true
			}
		}
	}
	return false
}
