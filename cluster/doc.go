// Package cluster knows who the members are and where keys have their homes.
// It imports nothing of kelp's.
//
// # Nouns
//
// A member is a process with a name and a role (leaf or aggregator). Members
// gossip (hashicorp/memberlist: SWIM with suspicion, over UDP and TCP), so that
// each knows all and sees within two to three seconds when one dies. Of itself
// a member says its metadata, at most 512 bytes: role, state, addresses, epoch
// of the process, free memory, and for a leaf its id, shard and date of birth.
// Tables and promises are too big for gossip and travel elsewhere.
//
// A member that went away stays known, as down or left, until Forget: its rows
// are still expected. Members tell newcomers of those away, so an aggregator
// that starts while a leaf is dead knows that the leaf is missing.
//
// A seed is the HTTP address of any member. Joining asks it for gossip
// addresses and goes on for ever in the background.
//
// A home is the place of a key: Rank orders leaves by weighted rendezvous
// hashing, without state and the same on every machine for ever. PickTwo
// chooses a place for what has no key.
//
// # Goroutines
//
// Join starts two: one passes on changes of the own metadata, one reaches for
// members that are away; Close stops them and waits. The gossip library has its
// own, which Close stops through Shutdown: the last of them end within one
// probe interval (0.5 s) after Close returns, or one stream timeout (2 s) for
// an exchange that a dead peer keeps open.
//
// # Who owns what
//
// Members returns copies. Channels of Watch belong to the caller, who must not
// close them; they are closed when his context ends or by Close.
package cluster
