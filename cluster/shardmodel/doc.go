// Package shardmodel is the protocol of a shard with two homes, small enough to be
// looked at in every state it can get into. No code follows it yet: what is built is
// to follow it, and this is to change first.
//
// # Nouns
//
// A shard has rows, which its homes keep as a log, the same on each. The catalog (one
// value, changed by Raft) says which leaves are its homes in sync and which of them is
// the primary, under an epoch that grows with each change. A leaf acts on the epoch
// that it knows, which may be old. Its lease says that it may answer queries.
//
// # Rules
//
//  1. Only who believes to be primary takes rows. A row is acknowledged when every home
//     in sync, of the epoch that the primary knows, has confirmed it.
//  2. Who knows a newer epoch confirms nothing to an older one, and renews no lease.
//  3. Of two homes in sync each has its lease by the other's word, which must know the
//     same epoch; a lease that is not renewed ends by time. A sole home needs nobody's
//     word. So a lost quorum of the catalog ends no answers.
//  4. A home that has become sole by a new epoch acknowledges nothing until the lease of
//     the one that was let go must have ended.
//  5. The catalog never lets the last home in sync go, and makes only a home in sync
//     the primary.
//  6. Who is not in sync gets the primary's log as it is, its own tail is dropped. Before
//     that, a sole primary notes the newcomer beside its log: from then on it
//     acknowledges nothing that the newcomer has not confirmed, and has its lease by the
//     newcomer's word. Then it asks the catalog to take the newcomer in: a
//     compare-and-swap by epoch. A primary that gives the newcomer up does so by a new
//     epoch as well, so that no late word of the first kind takes effect.
//  7. A leaf that dies keeps log, epoch and that note. It comes back without a lease,
//     unless it is a sole home. One that has lost its memory comes back as another leaf.
//
// # Invariants, in every state
//
//   - Whoever may answer has every acknowledged row, each once: so any home's answer is
//     complete, and a hedged query takes whichever comes first, never both.
//   - The catalog's primary has every acknowledged row: none is lost while one home in
//     sync is.
//   - The logs of homes in sync that know the same epoch are prefixes of each other.
//
// Check visits all states up to a Size and returns the way to the first that breaks
// one. Each rule can be left out, and then it finds one (the test does that). Moving a
// shard to another leaf is letting one home go and taking another in.
package shardmodel
