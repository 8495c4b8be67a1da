package main

import (
	"slices"
	"testing"
)

func TestShareMemory(t *testing.T) {
	f := func(total int64, held, want []int64) {
		t.Helper()
		if got := shareMemory(total, held); !slices.Equal(got, want) {
			t.Errorf("%d among leaves that hold %v: %v, want %v", total, held, got, want)
		}
	}
	f(1000, []int64{0}, []int64{1000})
	f(1000, []int64{0, 0, 0, 0}, []int64{250, 250, 250, 250})
	f(1000, []int64{400, 0}, []int64{500, 500})
	f(1000, []int64{600, 0}, []int64{750, 250})                   // one more leaf
	f(1000, []int64{200, 400, 0, 0}, []int64{250, 500, 125, 125}) // two more
	f(1200, []int64{256, 480, 0, 0}, []int64{320, 600, 140, 140}) // the second takes from the first's share
	f(1000, []int64{790, 0}, []int64{500, 500})                   // nothing left for the other
	f(400, []int64{400, 400}, []int64{200, 200})                  // less memory than before
	f(1000, []int64{400, 400}, []int64{500, 500})
	f(900, []int64{400, 400}, []int64{450, 450})
}
