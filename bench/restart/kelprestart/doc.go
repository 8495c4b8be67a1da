// Command kelprestart measures starts of kelp over tables of the reference
// workload, half of them unmerged, and prints a Markdown table:
//
//	go run ./bench/restart/kelprestart -kelp bin/kelp -rows 10000000,40000000
package main
