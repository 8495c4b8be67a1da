// Package leaf is one leaf: its tables, its memory, and its answers.
//
// Nouns. A Leaf owns a storage.Store and answers queries over it on the
// process's worker pool. A subscriber is an aggregator that is told of the
// leaf's promises: how many rows of which time the leaf stands for.
//
// The rule behind completeness: Append acknowledges no row before every
// subscriber has confirmed an Update that holds it. So an aggregator that can
// not reach the leaf still knows what is missing from its answer. The order is
// commit, promise, acknowledge: a leaf that dies in between has rows that
// nobody was promised, never a promise without rows. Nor is a row acknowledged
// just after a start, before one of those who may know the leaf from its last
// life has come back. Both waits end with a lease (limits.go): a subscriber that
// never confirms holds nothing up for longer, however often it comes again.
//
// A tail is one who follows a table: an aggregator that asks in rounds for the rows that
// were committed since the last. What it has not fetched is held in memory for it
// (storage.Watch), until it has not asked for tailLease.
//
// Goroutines. A Leaf starts none. Subscribe runs in its caller's goroutine and
// ends with its ctx; Append and Run do too.
//
// Ownership. Partials own their memory; nothing in them points into a block.
// Views are pinned for the length of one Run, those of tails up to their next round.
package leaf
