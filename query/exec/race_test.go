//go:build race

package exec

// underRace: the race detector is on, which makes random tests ten times slower.
// They ask less then; the run without it asks everything.
const underRace = true
