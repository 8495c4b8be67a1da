package storage

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	f := func(width time.Duration, times ...int64) {
		t.Helper()
		slices.Sort(times)
		buckets := histogram(times)
		if got := time.Duration(buckets[0].Width); got != width {
			t.Errorf("buckets of %v, want %v", got, width)
		}
		checkBuckets(t, buckets, times)
	}
	second := int64(time.Second)
	f(time.Second, 0)
	f(time.Second, -1, 0, 1)
	f(time.Second, math.MinInt64)
	f(time.Second, math.MaxInt64, math.MinInt64)
	// 64 buckets of a second, and rows of 1970 beside rows of today.
	var full, few []int64
	for i := range int64(64) {
		few = append(few, i*second*1000)
		full = append(full, slices.Repeat(few[i:], histBucketRows)...)
	}
	f(time.Second, full...)
	f(time.Second, few[:histBucketsMin]...)
	f(24*time.Hour, few...) // 64 rows have 8 buckets at most
	f(time.Second, 5, 1_790_000_000*second, 1_790_000_001*second)
	full = append(full, 64_000*second)
	f(time.Hour, full...)
	var years []int64
	for i := range int64(100) {
		years = append(years, i*365*24*3600*second)
	}
	f(36_500*24*time.Hour, years...)
	f(36_500*24*time.Hour, append(years, math.MaxInt64, math.MinInt64, -1, math.MinInt64+1)...)
}

func TestHistogramOfRandomTimes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 500 {
		times := make([]int64, 1+r.IntN(300))
		shift := r.IntN(63)
		for i := range times {
			times[i] = int64(r.Uint64()) >> shift
		}
		slices.Sort(times)
		checkBuckets(t, histogram(times), times)
	}
}

// checkBuckets counts the times of each bucket one by one.
func checkBuckets(t *testing.T, buckets []TimeCount, times []int64) {
	t.Helper()
	if len(buckets) > histBucketsMax {
		t.Errorf("%d buckets", len(buckets))
	}
	total := uint64(0)
	for i, b := range buckets {
		if b.From%b.Width != 0 && b.From != math.MinInt64 || b.Width != buckets[0].Width || i > 0 && b.From <= buckets[i-1].From {
			t.Errorf("bucket %+v", b)
		}
		rows := uint64(0)
		for _, at := range times {
			if at < b.From || i+1 < len(buckets) && at >= buckets[i+1].From {
				continue
			}
			rows++
			if uint64(at)-uint64(b.From) >= uint64(b.Width) {
				t.Errorf("time %d lies past bucket %+v", at, b)
			}
		}
		if rows != b.Rows {
			t.Errorf("bucket %+v has %d rows", b, rows)
		}
		total += rows
	}
	if total != uint64(len(times)) {
		t.Errorf("buckets hold %d of %d rows", total, len(times))
	}
}

// TestMetaHistogram holds that unsorted rows of a cheap block count as well.
func TestMetaHistogram(t *testing.T) {
	batch := NewBatch()
	times := []int64{5e9, 1e9, 1e9 + 1, 3e9, -1}
	for _, at := range times {
		batch.EndRow(at)
	}
	for _, richness := range []Richness{Cheap, Rich} {
		_, meta := sealed(t, batch, BlockOptions{Richness: richness})
		want := []TimeCount{{-1e9, 1e9, 1}, {1e9, 1e9, 2}, {3e9, 1e9, 1}, {5e9, 1e9, 1}}
		if !slices.Equal(slices.Collect(meta.Hist.All()), want) || meta.MinTime != -1 || meta.MaxTime != 5e9 {
			t.Errorf("%+v", meta)
		}
	}
	if !slices.Equal(batch.Times(), times) {
		t.Error("the batch was sorted")
	}
}
