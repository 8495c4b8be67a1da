package leaf

import "time"

const (
	// HeartbeatEvery is how often a subscriber hears of the leaf although
	// nothing changed; it keeps the lease alive.
	HeartbeatEvery = 500 * time.Millisecond

	// LeaseTime is how long after its last confirmation a subscriber may still
	// rely on the leaf's promise. A subscriber that broke off holds up receipts
	// for this long and no longer, since it may still be answering queries.
	LeaseTime = 2 * time.Second

	// nameMemory is how long after its lease the name of a subscriber that left is
	// kept: longer than any pause between two attempts to come back.
	nameMemory = time.Minute
)
