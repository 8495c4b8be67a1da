// Command kelpgen writes the reference workload, or a part of it, to standard
// output:
//
//	go run ./bench/gen/kelpgen -rows 1000000 -end 2026-11-22T12:00:00Z > events.ndjson
//
// Two goroutines per processor make chunks and one writes them in order.
package main
