//go:build !linux

package storage

// openDirect is the flag of files that are read around the page cache: here there
// is none.
const openDirect = 0
