// Package sim asks questions of clusters that nobody has: thousands of leaves in
// virtual time, some of them slow, to see what fan-out, hedging and deadlines make of
// the tail.
//
// # Nouns
//
// A Dist is how long one request to one leaf takes when nothing is wrong; it is
// measured (measure.go, latency.json). Slow is what may be wrong: one request in so
// many is slow, or one machine in so many is, at all requests. A Policy is what the
// aggregators do: how many children each asks, when a late child is hedged, when the
// answer is due. A Cluster is leaves with their homes and spells of slowness; Ask
// answers one query of it, Run many, into a Summary.
//
// # The model, and how it is held to the code
//
// An aggregator asks all children at once. The deadline that it hands down is its own
// less the time that merging takes. It answers when all have, else at that time with
// what it has. With leaves as children that is what aggregator.Run does today: a test
// runs it over thousands of leaves in a bubble of virtual time (testing/synctest), and
// the model must give the same answers at the same nanosecond.
//
// What aggregator.Run does not do yet is modelled alone, and docs/tail.md names it as
// rules for the code to come: aggregators below aggregators, two homes for a shard,
// hedging.
//
// Requests take no time from each other here: a cluster near the end of its
// processors is slower than this. Hence the bounds on hedging.
//
// Everything follows from a seed. The package starts no goroutine but those of Measure,
// which have ended when it returns.
package sim
