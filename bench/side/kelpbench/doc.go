// Command kelpbench measures kelp and its peers side by side and writes a page
// of Markdown (bench/side says how):
//
//	make build
//	(cd bench/peers && npm install --no-save)
//	go run ./bench/side/kelpbench -kelp bin/kelp -rows 200000
//
// It ends with status 1 if a system answers wrongly, and never because one is
// slow. Ctrl-C stops what runs and removes what was written.
package main
