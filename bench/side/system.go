package side

import (
	"context"
	"time"
)

// system is a database that is measured: kelp or a peer. One goroutine calls it.
// Its files lie in places of its own, which remove takes away.
type system interface {
	name() string
	dialect() *dialect
	// persistent tells whether rows outlive the process.
	persistent() bool

	// open starts the process and opens what the places hold, or something empty.
	// ready, if not nil, is called when everything is in place but the database:
	// binary and libraries are loaded or cached. begun is when the database began to
	// open: what a runtime takes before that is no work of the database.
	open(ctx context.Context, ready func() error) (begun time.Time, err error)
	// version names the system and its version; known once it was open.
	version() string
	running() *process

	// load fills the empty table from a file and returns once every row is
	// queryable. It returns how long that took and the client's part of the CPU.
	load(ctx context.Context, file string) (took, clientCPU time.Duration, err error)
	// settle waits for, or brings about, the end of background work, and tells
	// when that was.
	settle(ctx context.Context) (time.Time, error)
	// ask asks one question and waits for the whole answer.
	ask(ctx context.Context, sql string) (*reply, error)
	// sizes tells what the table takes by the system's own count.
	sizes(ctx context.Context) (*counted, error)

	// stop ends the process cleanly, kill without a word.
	stop(ctx context.Context) error
	kill() error
	// diskDir is where the files are that outlive the machine's memory.
	diskDir() string
	// forgetMemory removes what a machine that was switched off would have lost.
	forgetMemory() error
	remove() error
}

// reply is an answer as it came.
type reply struct {
	rows  [][]any
	took  time.Duration
	whole float64 // completeness; 1 where a system knows nothing else
	// inexact is set if an answer that should be exact is not, or is cut.
	inexact string
}

// counted is what the table takes by the system's own count, in bytes.
type counted struct {
	bytes      int64            // in memory for kelp and DuckDB in memory, else on disk
	disk       int64            // of live data on disk, where it is another count
	compressed int64            // in memory after compression, if a system keeps it uncompressed until told
	blocks     int64            // kelp's
	columns    map[string]int64 // where a system tells
}
