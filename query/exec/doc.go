// Package exec runs a plan over the blocks of a view: loops over values.
//
// A run is one query. Its blocks are dealt out to chains, one per worker: a
// chain reads its blocks always in the same order into a state of its own, so
// the answer does not depend on how workers take turns, not even in the last
// bit of a sum. A block has its turn as a blockView: columns are decoded when
// first needed, once, into the scratch of the worker. A filter narrows a bitmap of
// its rows; a grouper gives what is left to groups, by codes local to the block
// where it can; a feeder adds vectors of values to the states of the aggregates.
// A rowCollector takes rows instead. At the end the chains are joined, and a
// Partial owns all its memory. The memory of large states that were merged, or of
// which only the groups that are shown were taken, serves the next query (spares).
//
// Everything that can fail happens before a block changes the state of its
// chain. If the memory of a block goes away later than that, the chain starts
// again without the block.
//
// Goroutines: the workers of a Pool, which Close waits for. Run returns only
// when no worker touches its blocks any more. What a scratch hands out is valid
// until the worker begins the next block.
package exec
