// Package load sends the reference workload, as NDJSON or Arrow, to a running
// kelp and measures how fast it becomes queryable, the client's own CPU included.
//
// Bodies are made while sending, or before (Config.Ahead), or read from a file
// of NDJSON; a body is a batch with a key of its own. Every receipt must accept
// exactly the rows that were sent. The goroutines, one per connection, have
// ended when Run returns.
package load
