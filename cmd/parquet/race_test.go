//go:build race

package parquet

// underRace: the race detector is on, which makes tests of one goroutine some ten
// times slower and finds nothing in them. They ask less then; the run without it
// asks everything.
const underRace = true
