// Package shop makes up the events of a small online shop, and its outage: the
// story that `kelp demo` tells.
//
// Ten services in three regions serve requests. At some moment version 4.2.1 of
// the service payment is rolled out in region eu, host by host: its latency
// grows sixfold, a third of its requests fail, clients try again (so there are
// more of them), and what calls it, checkout and api, gets slower and fails with
// it. Nothing else changes; `version = 4.2.1` and `region = eu` explain all of it.
//
// A Shop is deterministic in its seed and the order of calls. It belongs to one
// goroutine.
package shop
