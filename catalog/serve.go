package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// What nodes ask each other beside Raft's own: opPropose with the catalog's
// id as a text and a command, opMember with a memberRequest as JSON. Both are answered by the leader alone, as an
// outcome in JSON. The leader asks opFollows, with a followRequest as JSON.

// outcome is what came of a change, on its way to whoever proposed it.
type outcome struct {
	Index       uint64       `json:",omitempty"`
	Conflict    *Conflict    `json:",omitempty"`
	Refused     *Refused     `json:",omitempty"`
	Unavailable *Unavailable `json:",omitempty"`
	NotLeader   bool         `json:",omitempty"` // nothing was done
}

func outcomeOf(index uint64, err error) *outcome {
	o := &outcome{Index: index}
	switch {
	case err == nil, errors.As(err, &o.Conflict), errors.As(err, &o.Refused), errors.As(err, &o.Unavailable):
	case errors.Is(err, errNotLeader):
		o.NotLeader = true
	default:
		o.Unavailable = &Unavailable{Reason: err.Error(), FateUnknown: true}
	}
	return o
}

func (o *outcome) err() error {
	switch {
	case o.Conflict != nil:
		return o.Conflict
	case o.Refused != nil:
		return o.Refused
	case o.Unavailable != nil:
		return o.Unavailable
	case o.NotLeader:
		return errNotLeader
	}
	return nil
}

// errNotLeader says that another node leads, or none; nothing was done.
var errNotLeader = errors.New("this node does not lead the catalog")

// Answer does what another node asks for through its Network.
func (c *Catalog) Answer(ctx context.Context, msg []byte) ([]byte, error) {
	if len(msg) == 0 {
		return nil, errCut
	}
	run := c.running.Load()
	switch {
	case run != nil && run.link != nil:
	case msg[0] == opPropose, msg[0] == opMember:
		return json.Marshal(outcomeOf(0, errNotLeader)) // it has done nothing, for certain
	default:
		return nil, errors.New("the catalog of this node is not running")
	}
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	switch msg[0] {
	case opPropose:
		r := &reader{src: msg[1:]}
		theirs := string(r.text())
		if err := errors.Join(r.err, run.store.foreign(theirs)); err != nil {
			return json.Marshal(outcomeOf(0, err))
		}
		return json.Marshal(outcomeOf(c.applyHere(ctx, run, r.src)))
	case opMember:
		var req memberRequest
		if err := json.Unmarshal(msg[1:], &req); err != nil {
			return nil, fmt.Errorf("a request to the catalog does not read: %w", err)
		}
		return json.Marshal(outcomeOf(0, c.member(ctx, run, req)))
	case opFollows:
		var req followRequest
		if err := json.Unmarshal(msg[1:], &req); err != nil {
			return nil, fmt.Errorf("a request to the catalog does not read: %w", err)
		}
		return json.Marshal(outcomeOf(0, c.caughtUp(ctx, req)))
	}
	answer, err := run.link.answer(ctx, msg)
	var refused *Refused
	if errors.As(err, &refused) {
		c.tellForeign(err)
	}
	return answer, err
}

// applyHere applies a command if this node leads and reads it itself.
func (c *Catalog) applyHere(ctx context.Context, run *running, text []byte) (uint64, error) {
	if run.raft.State() != raft.Leader {
		return 0, errNotLeader
	}
	cmd, err := decodeCommand(text)
	if err != nil {
		return 0, &Refused{"the change cannot be read here: " + err.Error()}
	}
	if err := c.state.room(cmd.changes); err != nil {
		return 0, err
	}
	return c.apply(ctx, run, text)
}

// lead has the leader do something: here if this node leads, else there. It tries
// again for as long as certainly nothing was done.
func (c *Catalog) lead(ctx context.Context, msg func(run *running) []byte, here func(run *running) (uint64, error)) (uint64, error) {
	tick := time.NewTicker(leaderPoll)
	defer tick.Stop()
	for {
		if err := c.Err(); err != nil {
			return 0, &Unavailable{Reason: err.Error()}
		}
		c.wake()
		index, err := uint64(0), error(errNotLeader)
		if run := c.running.Load(); run != nil {
			if run.raft.State() == raft.Leader {
				index, err = here(run)
			} else if addr, _ := run.raft.LeaderWithID(); addr != "" && run.link != nil && addr != run.link.addr {
				index, err = c.forward(ctx, run, string(addr), msg(run))
			}
		}
		if !errors.Is(err, errNotLeader) {
			return index, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, &Unavailable{Reason: c.leaderless(), Wait: applyTimeout}
		case <-c.ctx.Done():
			return 0, &Unavailable{Reason: "the server is stopping"}
		}
	}
}

// forward sends a message to the leader, and waits until this node has what came of it.
func (c *Catalog) forward(ctx context.Context, run *running, addr string, msg []byte) (uint64, error) {
	answer, err := run.link.net.Call(ctx, addr, msg)
	switch {
	case errors.Is(err, ErrNotSent):
		return 0, errNotLeader
	case err != nil:
		return 0, &Unavailable{Reason: err.Error(), FateUnknown: true}
	}
	var o outcome
	if err := json.Unmarshal(answer, &o); err != nil {
		return 0, &Unavailable{Reason: "the leader's answer does not read: " + err.Error(), FateUnknown: true}
	}
	late := c.state.reached(ctx, o.Index) // also with a conflict: what it is with can be read here then
	if err := o.err(); err != nil {
		return 0, err
	}
	if late != nil {
		return o.Index, &Unavailable{Reason: "this node has not got it yet", FateUnknown: true}
	}
	return o.Index, nil
}

// leaderless says why there may be no leader.
func (c *Catalog) leaderless() string {
	text := "it has no leader"
	run := c.running.Load()
	if run == nil || run.link == nil {
		return text
	}
	if met := c.foreign.Load(); met != nil {
		text = "another catalog was met (" + met.err.Error() + ") and " + text
	}
	st := c.Status()
	switch {
	case len(st.Voters) == 0:
		return text + ": this node has not met the others yet; start one with --bootstrap, or without --join"
	case len(st.Voters) == 1:
		return text + fmt.Sprintf(": %s, its only voter, must run", st.Voters[0].Name)
	}
	names := ""
	for i, v := range st.Voters {
		if i > 0 {
			names += ", "
		}
		names += v.Name
	}
	return text + fmt.Sprintf(": most of its voters (%s) must run and reach each other", names)
}
