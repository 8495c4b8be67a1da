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
	written [][]byte // pieces of lists by appendBuckets, each behind its length, the older first: to be applied to counts

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
	e := noEdges()
	for _, c := range list {
		e.see(c)
	}
	p.bound(&e)
	for _, c := range list {
		p.set(c)
	}
}

// takeWritten is take for buckets that appendBuckets wrote. They are checked now
// and read later, from a copy.
func (p *promise) takeWritten(src []byte) error {
	e := noEdges()
	if err := readBuckets(src, e.see); err != nil {
		return err
	}
	p.bound(&e)
	p.keep(src)
	return nil
}

// keep copies a list. A journal has one for every block, so many share a piece.
func (p *promise) keep(src []byte) {
	last, need := len(p.written)-1, len(src)+binary.MaxVarintLen64
	if last < 0 || cap(p.written[last])-len(p.written[last]) < need {
		room := 0
		if last >= 0 {
			room = min(2*cap(p.written[last]), promisePieceBytes)
		}
		p.written = append(p.written, make([]byte, 0, max(room, need)))
		last++
	}
	p.written[last] = appendPart(p.written[last], src)
}

// edges are those of changed buckets: of those that have rows, and of those that go.
type edges struct{ from, end, goneFrom, goneEnd int64 }

func noEdges() edges { return edges{math.MaxInt64, math.MinInt64, math.MaxInt64, math.MinInt64} }

func (e *edges) see(c storage.TimeCount) {
	if c.Rows > 0 {
		e.from, e.end = min(e.from, c.From), max(e.end, bucketEnd(c))
	} else {
		e.goneFrom, e.goneEnd = min(e.goneFrom, c.From), max(e.goneEnd, bucketEnd(c))
	}
}

// bound moves the edges by changed buckets. Where one at an edge goes and none
// that comes takes its place, as with a merge, the edge is not known any more.
func (p *promise) bound(e *edges) {
	if !p.some {
		p.from, p.end = e.from, e.end
	} else {
		p.loose = p.loose || e.goneFrom <= p.from && e.from > e.goneFrom || e.goneEnd >= p.end && e.end < e.goneEnd
		p.from, p.end = min(p.from, e.from), max(p.end, e.end)
	}
	p.some = p.some || e.from <= e.end
}

// unwrap applies what is still as it was written.
func (p *promise) unwrap() {
	if p.counts == nil {
		p.counts = make(map[bucket]uint64)
	}
	for _, piece := range p.written {
		r := bookReader{src: piece}
		for len(r.src) > 0 {
			if err := readBuckets(r.part(), p.set); err != nil || r.err != nil {
				panic("BUG: buckets changed after they were checked: " + errors.Join(err, r.err).Error())
			}
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
		e := noEdges()
		for k, rows := range p.counts {
			e.see(storage.TimeCount{From: k.From, Width: k.Width, Rows: rows})
		}
		p.bound(&e)
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
