package cluster

import (
	"fmt"
	"time"
)

// Role is what a member does.
type Role uint8

// The roles. The numbers travel between versions: they never change meaning.
const (
	RoleLeaf       Role = 1
	RoleAggregator Role = 2
)

func (r Role) String() string {
	switch r {
	case RoleLeaf:
		return "leaf"
	case RoleAggregator:
		return "aggregator"
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// State is how a member is.
type State uint8

// The states. The first four are what a member says of itself; Down and Left
// are what others say of it. The numbers travel between versions.
const (
	StateJoining    State = 1 // starting: not to be asked yet
	StateUp         State = 2
	StateDraining   State = 3 // answers queries, takes no rows
	StateRestarting State = 4 // going away on purpose, to come back soon
	StateLeft       State = 5 // went on purpose
	StateDown       State = 6 // does not answer
)

func (s State) String() string {
	switch s {
	case StateJoining:
		return "joining"
	case StateUp:
		return "up"
	case StateDraining:
		return "draining"
	case StateRestarting:
		return "restarting"
	case StateLeft:
		return "left"
	case StateDown:
		return "down"
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// Member is one node as this one knows it.
type Member struct {
	Name  string
	Role  Role
	State State
	Self  bool // this process
	Alive bool // gossip reaches it; false: Down, Left, or Restarting and away

	HTTPAddr, RPCAddr, GossipAddr string // host:port; RPCAddr may be empty

	Host    string // what it calls its machine: a domain of failure
	Version string
	Epoch   uint64 // of the process: grows with every start of the node
	Free    uint64 // bytes of memory it can still take; changes are told every few seconds

	// Leaves only.
	LeafID string // of its memory and data, kept over restarts
	Shard  uint64
	Born   int64 // ns since 1970: when the leaf was first made

	Since time.Time // when State was last seen to change
}

// record is a Member and what it is derived from. Guarded by Members.mu.
type record struct {
	member Member
	said   State // what it last said of itself
	away   time.Time
}

// state derives the state to show at a time.
func (r *record) state(now time.Time) State {
	switch {
	case r.member.Alive:
		return r.said
	case r.said == StateLeft:
		return StateLeft
	case r.said == StateRestarting && now.Sub(r.away) < restartGrace:
		return StateRestarting
	}
	return StateDown
}
