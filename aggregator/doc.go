// Package aggregator makes many leaves one database: it places batches, fans
// queries out, says how complete the answers are, and serves the public API.
//
// Nouns. An Aggregator is a query.Runner over leaves. A node is one leaf it
// knows, reachable or not. The book holds every leaf's promise: how many rows
// of which time it stands for, so that what is missing from an answer is a
// number even when the leaf that has it can not be asked. A home is the leaf
// that a keyed batch belongs to. Access says whose token may make which call.
//
// Goroutines. One per leaf listens to its promises (listen), one per
// Aggregator writes the book to disk twice a second, one follows the
// membership, and one the catalog if there is one; Close ends and waits for all of them. A query runs one goroutine
// per leaf, with COMPARE one more for each of its ranges, an ingest request up to chunksInFlight; all wait for theirs.
//
// Ownership. Partials and batches belong to the request that made them.
package aggregator
