// Package oracle answers queries the slow and obvious way: one row at a time,
// straight from the syntax tree. It is for tests only: what the engine answers
// over blocks, workers and leaves is held against it.
//
// It is written from the description of the language and shares with the engine
// only the syntax tree and storage.Type and Value. Comparisons, casts, functions,
// aggregates and orders are its own: percentiles and distinct counts are exact
// here, and a Cell says how far an engine's answer may be from them.
//
// There are no goroutines. A Result owns what it holds.
package oracle
