package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// A bucket of time travels as the code of its width, its number and its rows.
// The number is From / Width, rounded down: From is a multiple, but for the
// bucket that would begin before the smallest int64 and begins there.

// checkCounts returns an error for a bucket that cannot be encoded.
func checkCounts(hist []storage.TimeCount) error {
	for _, c := range hist {
		if _, _, ok := bucketNumber(c); !ok {
			return fmt.Errorf("a bucket of time from %d of width %d is none of storage's", c.From, c.Width)
		}
	}
	return nil
}

// bucketNumber is the code of a bucket's width and the number of the bucket.
func bucketNumber(c storage.TimeCount) (code int, number int64, ok bool) {
	widths := storage.TimeWidths()
	if code = slices.Index(widths[:], c.Width); code < 0 {
		return 0, 0, false
	}
	number = c.From / c.Width
	if c.From%c.Width == 0 {
		return code, number, true
	}
	return code, number - 1, c.From == math.MinInt64
}

// bucketFrom is where the bucket of a number begins.
func bucketFrom(number, width int64) (from int64, ok bool) {
	if number == math.MinInt64/width-1 && math.MinInt64%width != 0 {
		return math.MinInt64, true
	}
	from = number * width
	return from, from/width == number
}

// appendCounts encodes buckets that checkCounts has passed.
func appendCounts(dst []byte, hist []storage.TimeCount) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(hist)))
	for _, c := range hist {
		code, number, ok := bucketNumber(c)
		if !ok {
			panic(fmt.Sprintf("BUG: a bucket of time from %d of width %d was not checked", c.From, c.Width))
		}
		dst = append(dst, byte(code))
		dst = binary.AppendVarint(dst, number)
		dst = binary.AppendUvarint(dst, c.Rows)
	}
	return dst
}

// readCounts decodes buckets: whatever comes, they are ones there can be.
func readCounts(r *reader) []storage.TimeCount {
	widths := storage.TimeWidths()
	n := r.count(countsMax, 3)
	if n == 0 {
		return nil
	}
	hist := make([]storage.TimeCount, n)
	for i := range hist {
		code, number := r.byte(), r.varint()
		if int(code) >= len(widths) {
			r.fail()
			return nil
		}
		from, ok := bucketFrom(number, widths[code])
		if !ok {
			r.fail()
			return nil
		}
		hist[i] = storage.TimeCount{From: from, Width: widths[code], Rows: r.uvarint()}
	}
	return hist
}
