// Package arenatest gives tests the arenas of storage/testdata/arena: small memory
// and data directories, one pair for each layout, written by that layout's own
// writer, with all that they hold in words beside them. An arena holds every
// encoding and every kind of edit in less than 128 KiB.
//
// Load reads one, Lay puts its files into a directory for a store to open, and
// Save makes one. An Arena is never changed after that and may be shared.
package arenatest
