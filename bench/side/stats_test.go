package side

import (
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	f := func(want float64, values ...float64) {
		t.Helper()
		before := append([]float64(nil), values...)
		if got := median(values); got != want {
			t.Errorf("median(%v) = %v, want %v", values, got, want)
		}
		for i := range before {
			if before[i] != values[i] {
				t.Errorf("median changed its argument: %v, was %v", values, before)
			}
		}
	}
	f(0)
	f(3, 3)
	f(2, 3, 1)
	f(2, 9, 1, 2)
	f(2.5, 4, 1, 2, 3)
	if got := median([]time.Duration{4, 1, 3}); got != 3 {
		t.Errorf("of durations: %v", got)
	}
}

func TestSmallestAndLargest(t *testing.T) {
	values := []time.Duration{5, 2, 9}
	if smallest(values) != 2 || largest(values) != 9 {
		t.Errorf("%v and %v of %v", smallest(values), largest(values), values)
	}
	if smallest[time.Duration](nil) != 0 || largest[float64](nil) != 0 {
		t.Error("of nothing: not 0")
	}
}
