package aggregator

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/kelpdb/kelp/storage"
)

// promise is how many rows a leaf has promised for a table, by bucket of time.
// A table of a day has tens of thousands of buckets, and of those that come from
// the journal mostly nobody asks: the leaf itself answers. So they stay as they
// were written until somebody does. The book's mutex guards it.
type promise struct {
	counts  map[bucket]uint64
	written [][]byte // by appendBuckets, the older first: to be applied to counts

	// The smallest start and largest end of a bucket; exact unless loose.
	from, end int64
	some      bool // there has been a bucket
	loose     bool // one at an edge has gone
}

// bucket names a TimeCount.
type bucket struct{ From, Width int64 }

// take applies changed buckets, each named once; those of no rows go.
func (p *promise) take(list []storage.TimeCount) {
	p.unwrap()
	p.bound(func(see func(storage.TimeCount)) {
		for _, c := range list {
			see(c)
		}
	})
	for _, c := range list {
		p.set(c)
	}
}

// takeWritten is take for buckets that appendBuckets wrote. They are checked now
// and read later; src must not change.
func (p *promise) takeWritten(src []byte) error {
	var err error
	p.bound(func(see func(storage.TimeCount)) { err = readBuckets(src, see) })
	if err == nil {
		p.written = append(p.written, src)
	}
	return err
}

// bound moves the edges by changed buckets. Where one at an edge goes and none
// that comes takes its place, as with a merge, the edge is not known any more.
func (p *promise) bound(each func(see func(storage.TimeCount))) {
	from, end := int64(math.MaxInt64), int64(math.MinInt64)
	goneFrom, goneEnd := from, end
	each(func(c storage.TimeCount) {
		if c.Rows > 0 {
			from, end = min(from, c.From), max(end, bucketEnd(c))
		} else {
			goneFrom, goneEnd = min(goneFrom, c.From), max(goneEnd, bucketEnd(c))
		}
	})
	if !p.some {
		p.from, p.end = from, end
	} else {
		p.loose = p.loose || goneFrom <= p.from && from > goneFrom || goneEnd >= p.end && end < goneEnd
		p.from, p.end = min(p.from, from), max(p.end, end)
	}
	p.some = p.some || from <= end
}

// unwrap applies what is still as it was written.
func (p *promise) unwrap() {
	if p.counts == nil {
		p.counts = make(map[bucket]uint64)
	}
	for _, src := range p.written {
		if err := readBuckets(src, p.set); err != nil {
			panic("BUG: buckets changed after they were checked: " + err.Error())
		}
	}
	p.written = nil
}

func (p *promise) set(c storage.TimeCount) {
	k := bucket{c.From, c.Width}
	if c.Rows == 0 {
		delete(p.counts, k)
	} else {
		p.counts[k] = c.Rows
	}
}

// buckets are the rows by bucket. The map is the promise's own.
func (p *promise) buckets() map[bucket]uint64 {
	p.unwrap()
	return p.counts
}

// bounds are the start of the first bucket and the end of the last; from > end:
// there is none.
func (p *promise) bounds() (from, end int64) {
	if p.loose {
		p.unwrap()
		p.some, p.loose = false, false
		p.bound(func(see func(storage.TimeCount)) {
			for k, rows := range p.counts {
				see(storage.TimeCount{From: k.From, Width: k.Width, Rows: rows})
			}
		})
	}
	if !p.some {
		return math.MaxInt64, math.MinInt64
	}
	return p.from, p.end
}

// Buckets are written one after the other, each as
//
//	varint from - the from before (wrapping), uvarint width XOR the width before,
//	uvarint rows
//
// so that a bucket of the width before it takes about eight bytes.
func appendBuckets(dst []byte, list []storage.TimeCount) []byte {
	from, width := int64(0), int64(0)
	for _, c := range list {
		dst = binary.AppendVarint(dst, c.From-from)
		dst = binary.AppendUvarint(dst, uint64(c.Width^width))
		dst = binary.AppendUvarint(dst, c.Rows)
		from, width = c.From, c.Width
	}
	return dst
}

// errBuckets says that bytes are not what appendBuckets writes.
var errBuckets = errors.New("buckets of time are cut short")

// readBuckets calls see with each bucket in src.
func readBuckets(src []byte, see func(storage.TimeCount)) error {
	var c storage.TimeCount
	for len(src) > 0 {
		from, n := binary.Varint(src)
		width, m := binary.Uvarint(src[max(n, 0):])
		if n <= 0 || m <= 0 {
			return errBuckets
		}
		rows, k := binary.Uvarint(src[n+m:])
		if k <= 0 {
			return errBuckets
		}
		src = src[n+m+k:]
		c.From, c.Width, c.Rows = c.From+from, c.Width^int64(width), rows
		see(c)
	}
	return nil
}

// listOf is the buckets in src as a list.
func listOf(src []byte) (list []storage.TimeCount, err error) {
	err = readBuckets(src, func(c storage.TimeCount) { list = append(list, c) })
	return list, err
}
