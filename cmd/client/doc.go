// Package client speaks kelp's HTTP API: what the subcommands, the load command
// and the end-to-end tests have in common.
//
// A Client is immutable and safe for concurrent use; it starts no goroutines of
// its own. Everything it returns belongs to the caller.
//
// Three kinds of errors come out of a call: *Unreachable (no answer, so its fate
// is unknown), *Error (the server's own words, with its status), and errors of
// reading the answer. Ingest tries once; Retry repeats it under the same key
// until the server knows its fate.
package client
