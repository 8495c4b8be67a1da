// Package catalog keeps what all aggregators must agree on: settings of tables,
// suspensions of leaves, saved queries, boards, markers, derived columns and
// tokens. It imports nothing of kelp's: values are JSON that their owners check.
//
// # Nouns
//
// An Entry is a value under a kind and an id, with the version that the last
// change gave it. A Change puts or deletes one; a command is a list of changes
// that are made together or not at all, each if the entry's version is still the
// one that its author saw. The state is all entries. A voter is a node whose word
// counts: a command is committed when most voters have it on disk.
//
// # How
//
// Raft (hashicorp/raft) carries commands; log, votes and the last snapshot lie in
// one file, catalog.db (go.etcd.io/bbolt), each with a checksum. Snapshots
// replace old log. Nodes reach each other through a Network, which is not this
// package's: messages and their answers (link.go, serve.go). A node that has no vote
// follows. Messages carry the catalog's id: nodes of two do not mix. All of a sole
// voter's log is committed: its state is whole when Open returns. In `kelp serve` it
// needs no network.
//
// Reads are of this node's copy: no leader is asked, and none is needed. A write
// goes to the leader; without one it fails with *Unavailable, and nothing else
// stops. The same of a file that cannot be read, and of a command that a newer
// version wrote: the catalog takes no writes then, and says why.
//
// # Goroutines
//
// Raft begins on one of its own, and has more: where there is a Network when Open is
// called, else with the first change. With a Network one has this node take part. A
// change has one that waits for Raft. Close ends all of them and waits.
//
// # Who owns what
//
// Values given to Propose are read until it returns. Those of an Entry are shared
// and must not be written to.
package catalog
