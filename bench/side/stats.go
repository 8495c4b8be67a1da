package side

import (
	"slices"
	"time"
)

// median returns the middle of the values, of an even number the mean of the
// two in the middle; 0 of none.
func median[T time.Duration | float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// smallest returns the smallest value; 0 of none.
func smallest[T time.Duration | float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	return slices.Min(values)
}

// largest returns the largest value; 0 of none.
func largest[T time.Duration | float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	return slices.Max(values)
}
