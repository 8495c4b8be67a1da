package storage

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"
	"unsafe"
)

// TimeCount is a bucket of a histogram of rows by time: Rows rows have
// From <= time < From+Width, in nanoseconds. Width is one of TimeWidths and
// From a multiple of it, but for the one bucket that would begin before the
// smallest int64: that begins there.
type TimeCount struct {
	From, Width int64
	Rows        uint64
}

// A Hist is the buckets of a block's histogram, ascending, as the edit that adds the
// block has them (edit_codec.go): some nine bytes each, of which a leaf has hundreds of
// thousands that it is hardly ever asked for. The zero value has none.
type Hist struct{ packed string }

// packHist makes a Hist.
func packHist(list []TimeCount) Hist {
	if len(list) == 0 {
		return Hist{}
	}
	packed := binary.AppendUvarint(nil, uint64(len(list)))
	widths, from := TimeWidths(), int64(0)
	for _, h := range list {
		i := slices.Index(widths[:], h.Width)
		if i < 0 {
			panic(fmt.Sprintf("BUG: bucket of width %d", h.Width))
		}
		packed = append(packed, byte(i))
		packed = binary.AppendVarint(packed, h.From-from)
		packed = binary.AppendUvarint(packed, h.Rows)
		from = h.From
	}
	return Hist{string(packed)}
}

// All gives the buckets.
func (h Hist) All() iter.Seq[TimeCount] {
	return func(yield func(TimeCount) bool) {
		if h.packed == "" {
			return
		}
		r := editReader{src: unsafe.Slice(unsafe.StringData(h.packed), len(h.packed))} // which only reads
		r.eachBucket(yield)
		if r.err != nil {
			panic("BUG: a histogram has changed since it was checked: " + r.err.Error())
		}
	}
}

// TimeWidths returns the widths of buckets, finest first. Each divides the next.
func TimeWidths() [7]int64 {
	return [7]int64{
		int64(time.Second), int64(10 * time.Second), int64(time.Minute), int64(10 * time.Minute),
		int64(time.Hour), int64(24 * time.Hour), int64(36_500 * 24 * time.Hour),
	}
}

// bucketStart is the start of the bucket of a width that t falls into.
func bucketStart(t, width int64) int64 {
	past := t % width
	if past < 0 {
		past += width
	}
	if t < math.MinInt64+past {
		return math.MinInt64
	}
	return t - past
}

// histogram counts times, in ascending order, in buckets that are not empty, of the
// finest width that allows it: at most one for histBucketRows rows, but at least
// histBucketsMin and at most histBucketsMax.
func histogram(sorted []int64) []TimeCount {
	var most [histBucketsMax]TimeCount
	buckets := most[:min(histBucketsMax, max(histBucketsMin, len(sorted)/histBucketRows))]
	for _, width := range TimeWidths() {
		if n, ok := countByTime(buckets, sorted, width); ok {
			return slices.Clone(buckets[:n])
		}
	}
	panic("BUG: int64 nanoseconds do not fit the widest buckets")
}

func countByTime(buckets []TimeCount, sorted []int64, width int64) (int, bool) {
	n := 0
	for len(sorted) > 0 {
		if n == len(buckets) {
			return 0, false
		}
		from := bucketStart(sorted[0], width)
		past, _ := slices.BinarySearchFunc(sorted, from, func(t, from int64) int {
			if bucketStart(t, width) <= from {
				return -1
			}
			return 1
		})
		buckets[n] = TimeCount{From: from, Width: width, Rows: uint64(past)}
		n++
		sorted = sorted[past:]
	}
	return n, true
}
