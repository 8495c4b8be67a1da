//go:build !linux

package storage

// openDirect is the flag of files that are read around the page cache: here there
// is none.
const openDirect = 0

// hugePage is what memory of newReadMemory is aligned to, if there is some.
const hugePage = diskDirectAlign

// newReadMemory: no memory is better than the heap's where the page cache is read.
func newReadMemory() []byte { return nil }

func freeReadMemory([]byte) {}
