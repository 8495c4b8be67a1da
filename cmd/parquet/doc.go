// Package parquet reads Parquet files row group by row group and turns them
// into Arrow IPC streams that one ingest call each can carry.
//
// Nouns: leaf (a column of the file, with a physical type), chunk (a leaf's
// values in one row group), page (what a chunk consists of, compressed alone),
// entry (a place in a leaf: its repetition and definition level, and a value
// if it is not null), field (what becomes one column of kelp: a leaf, or a list
// or map with all leaves within), part (rows of one Arrow stream).
//
//	file    | PAR1 | chunks of row group 1 | chunks of row group 2 | ... | footer | uint32 its bytes | PAR1 |
//	chunk   | dictionary page, if any | data page | data page | ...
//	page    | header | its bytes, compressed
//	page v1   bytes: uint32 n, repetition levels (n) | uint32 n, definition levels (n) | values     all compressed
//	page v2   bytes: repetition levels | definition levels | values                                 values compressed
//
// Footer and headers are structures of Thrift's compact protocol (thrift.go).
// Levels that can only be 0 are not stored.
//
// # Why not Arrow's own reader
//
// It trusts what a file says: of 4,000 files with one flipped byte each, it
// panicked on 40, on 4 of them on goroutines of its own where nothing can
// recover, and a page whose levels end early makes it loop for ever. It has
// neither lz4_raw nor byte_stream_split, and adds 14 MB to the program. Tests
// use it to write what this package must read.
//
// # Memory
//
// Of each column there is one page, its dictionary, and the values of up to
// BatchRows rows in memory, and of the file its footer without statistics. What
// a header claims is held against the bytes that are there, and against the
// limits in limits.go, before anything is allocated.
//
// # Rows
//
// Groups become names with dots, so that only lists and maps need levels to be
// put together (assemble.go). What the values become in kelp is decided where
// Arrow streams are read, by package ingest; leaf.go says which Arrow type
// stands for which of Parquet's. Where a file is cut into parts depends on its
// bytes alone.
//
// # Goroutines
//
// None. A Reader belongs to one goroutine; the parts it returns share nothing
// with it.
package parquet
