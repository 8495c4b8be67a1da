package catalog

import "time"

// Limits of what is taken in. They are held by whoever proposes, not where a
// command is applied: nodes of two versions must come to the same state.
const (
	// idBytesMax is the longest id: as long as the name of a table.
	idBytesMax = 128

	// valueBytesMax is the largest value: a board of a hundred long queries.
	valueBytesMax = 256 << 10

	// entriesMax bounds the entries of one kind: as many as tables may be.
	entriesMax = 20_000

	// stateBytesMax bounds all entries with their names: each node holds them in memory, and a
	// snapshot travels in one message.
	stateBytesMax = 10 << 20

	// snapshotBytesMax bounds a snapshot, below the 16 MiB of a message between nodes.
	// It is above stateBytesMax, so that no state goes without one: proposals that
	// are on their way at once may come to more together.
	snapshotBytesMax = 15 << 20

	// commandBytesMax bounds one command; an import is cut by its author.
	commandBytesMax = 512 << 10

	// changeOverhead is the most that a change, or an entry, takes beside its texts.
	changeOverhead = 32

	// appendMax is how many commands a message to another node has at most: with a
	// third more for their text, below its 16 MiB.
	appendMax = 16
)

const (
	// snapshotEvery is how many commands come before a snapshot replaces them,
	// and trailingLogs how many are kept behind it for nodes that were away.
	snapshotEvery = 1_024
	trailingLogs  = 1_024

	// snapshotInterval is how often it is looked whether they have.
	snapshotInterval = 30 * time.Second

	// soleTimeout is how long a sole voter waits for others that cannot be; it
	// wakes up as often later on.
	soleTimeout = 200 * time.Millisecond

	// leaderTimeout is how long nothing may be heard of a leader, leaseTimeout how
	// long a leader goes on that does not hear most voters.
	leaderTimeout = time.Second
	leaseTimeout  = 500 * time.Millisecond

	// callTimeout bounds one message to another node.
	callTimeout = 2 * time.Second

	// joinEvery is how often a node that is not known to the others asks them.
	joinEvery = time.Second

	// applyTimeout is how long a write waits for a leader, and for its fate: an
	// election takes one to three seconds.
	applyTimeout = 5 * time.Second

	// leaderPoll is how often it is looked whether there is one by now.
	leaderPoll = 5 * time.Millisecond

	// diskAgain is the pause before a vote is written again to a disk that did not
	// take it: Raft may not go on without.
	diskAgain = 500 * time.Millisecond

	// lockWait is how long the file may be held by a process that ends.
	lockWait = 2 * time.Second
)
