package leaf

import "time"

const (
	// ColumnsPerTableMax is about how many columns a table may have on a leaf: its
	// schema travels to every aggregator and is gone through by every query that
	// is bound. Rows that would pass it are refused.
	ColumnsPerTableMax = 20_000

	// HeartbeatEvery is how often a subscriber hears of the leaf although
	// nothing changed; it keeps the lease alive.
	HeartbeatEvery = 500 * time.Millisecond

	// LeaseTime is how long after its last confirmation a subscriber may still
	// rely on the leaf's promise. A subscriber that broke off holds up receipts
	// for this long and no longer, since it may still be answering queries.
	LeaseTime = 2 * time.Second

	// tailsMax is how many may follow tables here at once: those of all aggregators.
	tailsMax = 1_024

	// tailLease is how long one who follows a table is waited for after a round: some
	// times as long as an aggregator lets pass where nothing happens.
	tailLease = 10 * time.Second

	// looseBlocks is how many of the newest blocks of a table are read to tell how
	// much of its text fits no template: some ms of work.
	looseBlocks = 8

	// nameMemory is how long after its lease the name of a subscriber that left is
	// kept: longer than any pause between two attempts to come back.
	nameMemory = time.Minute
)
