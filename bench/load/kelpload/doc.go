// Command kelpload sends the reference workload, or a file of NDJSON, to a
// running kelp, verifies every receipt and prints the speed:
//
//	go run ./bench/load/kelpload -rows 10000000 -c 2 -ahead
package main
