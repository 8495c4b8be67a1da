package ingest

import (
	"io"
	"sync"

	"github.com/kelpdb/kelp/storage"
)

// Pool keeps decoders of JSON from body to body, with their buffers, batches and
// the names they have met: a body of one row would otherwise spend most of its
// time on making them. What a decoder yields does not depend on the bodies
// before. Those of Arrow come in large bodies, and are kept one a processor, as long
// as bodies come: getting tens of MiB afresh for each would cost more than reading
// it. CSV passes through.
//
// The zero value is an empty pool. It is safe for concurrent use.
type Pool struct {
	mu    sync.Mutex
	free  []*Decoder // the last used last; at most pooledDecodersMax
	bytes int        // what they hold, at most pooledBytesMax

	arrow storage.Shelf[*Decoder]
}

// Take returns a decoder of a body, as NewDecoder does. Of those in the pool it
// takes the one that was last used with the same label, say the table's name:
// its rows are most likely to have the same columns.
func (p *Pool) Take(r io.Reader, label string, o Options) (*Decoder, error) {
	o, err := o.checked()
	if err != nil {
		return nil, err
	}
	var d *Decoder
	switch o.Format {
	case JSON:
		d = p.take(label)
	case ArrowStream:
		d, _ = p.arrow.Take()
	}
	if d == nil {
		d = &Decoder{label: label}
	}
	return d, d.open(r, o)
}

func (p *Pool) take(label string) *Decoder {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.free) - 1; i >= 0; i-- {
		if d := p.free[i]; d.label == label {
			p.dropLocked(i)
			return d
		}
	}
	return nil
}

func (p *Pool) dropLocked(i int) {
	d := p.free[i]
	copy(p.free[i:], p.free[i+1:])
	p.free[len(p.free)-1] = nil
	p.free = p.free[:len(p.free)-1]
	p.bytes -= d.held
}

// Put gives a decoder back. Neither it nor its chunks may be used afterwards,
// and all of its chunks have been recycled or are left to the collector. What
// would take the pool past its limits pushes out what was used longest ago.
func (p *Pool) Put(d *Decoder) {
	switch rows := d.source.(type) {
	case *arrowRows:
		d.held = rows.trim()
		d.trim(pooledArrowMax)
		p.arrow.Put(d)
		return
	case *jsonRows:
		rows.trim()
		d.held = len(rows.w.buf) + 8*cap(rows.marks) + cap(rows.scratch) + cap(rows.repaired) + rows.names.bytes()
		// A body of one chunk needs one batch; one of many finds the second soon.
		d.trim(pooledBytesMax / 8)
	default:
		return
	}
	if d.held > pooledBytesMax/2 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.free) > 0 && (len(p.free) >= pooledDecodersMax || p.bytes+d.held > pooledBytesMax) {
		p.dropLocked(0)
	}
	p.free = append(p.free, d)
	p.bytes += d.held
}

// trim lets go of the body and of batches that take what is held past most, but for
// the first, and counts what remains.
func (d *Decoder) trim(most int) {
	d.chunker.options.Now, d.chunker.batch = nil, nil
	kept := d.free[:0]
	for _, c := range d.free {
		if size := c.Batch.Capacity() + cap(c.body); len(kept) < 1 || d.held+size < most {
			d.held += size
			kept = append(kept, c)
		}
	}
	clear(d.free[len(kept):])
	d.free = kept
}
