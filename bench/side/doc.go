// Package side measures kelp and its peers side by side: the same rows, one
// machine, one run, one system at a time, each in a process of its own. The
// result is a page of Markdown with ratios.
//
// A system is kelp (kelp.go: a server process, over HTTP) or a peer (peer.go: a
// Node program of bench/peers that embeds DuckDB or ClickHouse and speaks JSON
// lines). Every system goes through the same steps (run.go):
//
//	load      the same file of NDJSON, several times into an empty place; all but
//	          the last are killed with -9 right after the last row was
//	          acknowledged, opened again and asked (restart.go)
//	settle    background work ends
//	ask       Q1 to Q12 over 24 hours and over the last hour (questions.go,
//	          ask.go), and then for sizes (sizes.go)
//	restart   after a clean stop, after kill -9, and from disk alone with the
//	          page cache dropped
//	columns   kelp and DuckDB in memory load the same rows anew, from Arrow
//	          streams and from Parquet (columnar.go)
//
// Answers are held against those of the other systems (answer.go, verdict.go):
// counts equal, floats within 1e-9, approximations within a stated error of the
// exact answer. A wrong answer fails the run; a slow one does not.
//
// Clocks: a load runs from the first byte asked for to the last row queryable.
// A question runs until the whole answer is in the hands of who asked: kelp's
// includes HTTP and JSON, a peer's is the engine's call alone. CPU is that of
// /proc, in ticks of 10 ms.
//
// The package starts one goroutine per process to wait for it, and one to sample
// its memory; both end with the process. Run leaves nothing behind, whether it
// succeeds, fails or is cancelled.
package side
