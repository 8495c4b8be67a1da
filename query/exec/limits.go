package exec

import "time"

// Limits of execution: each bounds what one query takes from the others.
const (
	// groupsMaxDefault is the most groups of a query that names no budget: past
	// it nobody reads them, and their states stay under some hundred megabytes.
	groupsMaxDefault = 2_000_000

	// bytesMaxDefault is the most memory of a query that names no budget.
	bytesMaxDefault = 512 << 20

	// processBytesMax is the most memory of all queries of a process: a few of the
	// largest, or as many of the usual ones as may run. A query that holds less than
	// one part in budgetParts of it is not cut short for the others' sake.
	processBytesMax = 1 << 30
	budgetParts     = 64

	// sliceMax is how long a query keeps a worker before the next one in its
	// lane has its turn.
	sliceMax = 2 * time.Millisecond

	// lanes is how many classes of queries there are by their work so far, and
	// laneTurns how many turns one has for one of the later ones, so that those are
	// never starved.
	lanes     = 3
	laneTurns = 8

	// shortMax and middleMax are the work after which a query leaves the first lane and
	// the second: of those that answer while somebody looks on, and of those that do
	// while somebody waits.
	shortMax  = 60 * time.Millisecond
	middleMax = time.Second

	// pollRows is how many rows a row-wise loop takes between two looks at the
	// deadline: some tens of microseconds.
	pollRows = 1024

	// localGroupsMax is the most combinations of a block's key codes that are
	// counted in an array of the block: 16-bit numbers, 256 KiB of counts.
	localGroupsMax = 1 << 16

	// scratchKeep is how many bytes, and scratchTexts how many buffers for texts, a
	// worker keeps between queries: enough for a query of two dozen columns.
	scratchKeep  = 24 << 20
	scratchTexts = 4

	// weighGroups is how many groups are weighed after every block; weighBlocks
	// is how many blocks more of them wait at most. Weighing takes some
	// nanoseconds a group.
	weighGroups = 4096
	weighBlocks = 32

	// keyCellBytes is what one key of one group takes in a partial, at most: that of a
	// text, which itself lies elsewhere, or a null's.
	keyCellBytes = 16

	// memoMax is the most values of a column for which the result of an
	// expression is remembered.
	memoMax = 1 << 16

	// rangesMax is the most separate ranges of codes that are compared one by
	// one; more go through a table.
	rangesMax = 3

	// templateRowsMin is for how many rows a pattern is held against the templates of
	// a column first: that takes up to some tens of milliseconds for hundreds of
	// templates, a text some hundred nanoseconds.
	templateRowsMin = 1024

	// itemPlansMax is for how many positions of an unnested list the plans are
	// kept: few lists are longer.
	itemPlansMax = 64

	// itemPassesMax is how many positions of an unnested list are taken before
	// the scratch is taken back: each pass may take a megabyte of it.
	itemPassesMax = 16

	// measureBlocksMax is how many blocks EXPLAIN runs the query over, and
	// measureTime how long at most: it is to answer at once.
	measureBlocksMax = 6
	measureTime      = 50 * time.Millisecond
)
