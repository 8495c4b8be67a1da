package query

import "github.com/kelpdb/kelp/storage"

// Partial is the answer of one Runner, before the last step. Partials of the
// same Plan merge in any order and grouping.
type Partial struct {
	// Grouped plans: group i has key Keys[k].Value(i) and state i of States[a].
	// Every key column has the type of its Plan.Key. Without keys: one group.
	Groups int
	Keys   []*Vec
	States []State

	// Row plans: the outputs, hidden ones too, one Vec each, in no order.
	Rows []*Vec

	// Drawn is how many rows SAMPLE has taken for groups, out of DrawnOf; both 0: all.
	Drawn, DrawnOf uint64

	Leaves    []LeafReport
	Stats     Stats
	From, To  int64  // ns: times of the oldest and newest row in range that was read; From > To: none
	Horizon   int64  // ns: nothing older is expected; 0: nothing ever went
	Newest    int64  // ns: newest row of the table, in range or not
	Later     uint64 // rows later than now (for LAST)
	Approx    []int  // aggregates (indexes into Plan.Aggs) that were answered by an approximation not asked for
	Truncated *Truncated
	Warnings  []string
}

// LeafReport says what stands behind the part of one leaf.
type LeafReport struct {
	Leaf    string
	Shard   uint64
	Reason  string // "": answered. Else why it is missing: timeout, down, restarting, loading, budget, unsupported
	Unknown bool   // answered: it has no such table
	Covered uint64 // rows in range, unweighted, in the blocks fully read
	Epoch   uint64 // of the leaf's memory: another one than before says that the memory was made anew
	Seq     uint64 // every edit of the leaf up to this one was seen
	// Skipped is what the leaf has or owes in range but did not read, by reason
	// (damaged, loading, lost, budget, timeout) and time.
	Skipped []Skipped
}

// Skipped is rows of one reason that were not read.
type Skipped struct {
	Reason string
	Hist   []storage.TimeCount // buckets that touch the range, each counted whole
}

// Stats is what a query cost.
type Stats struct {
	RowsScanned, RowsMatched    uint64
	BlocksScanned, BlocksPruned uint64
	BytesScanned                uint64
}

// Truncated says by what an answer was cut.
type Truncated struct {
	By    string // groups, memory, time, rows
	Limit int64
	Kept  int64
}

// MayApproximate is a State that is exact until it passes a budget: UniqExactState
// and TopKState. Approx tells whether it has.
type MayApproximate interface{ Approx() bool }

// State is one aggregate's state for all groups of a Partial, in columns.
// exec updates the concrete types through their own methods; everything else
// goes through this face.
type State interface {
	Len() int
	// Grow extends the state to n groups; the new ones are empty.
	Grow(n int)
	// Merge folds group i of src, a state of the same Agg, into group to[i].
	Merge(src State, to []uint32)
	// Value is the result for group i.
	Value(i int) storage.Value
	// Bytes is about the memory held.
	Bytes() int
	// Columns is the state as columns of equal length, for the wire; decoded by DecodeState.
	Columns() []*Vec
}
