//go:build race

package sim

// underRace: the race detector is on, which makes ten thousand leaves ten times slower.
// The run without it has them.
const underRace = true
