package exec

import (
	"math"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A coverer sums up what of the blocks was read.
type coverer struct {
	rng      query.Range
	last     bool // the range ends now: count what is later
	covered  uint64
	stats    query.Stats
	from, to int64
	newest   int64
	later    uint64
	drawn    uint64 // rows that SAMPLE took, out of drawnOf
	drawnOf  uint64
	skipped  []query.Skipped
	damaged  []*storage.Ref
}

// blockCover is what was read of one block.
type blockCover struct {
	rows     int
	in       int    // rows in range
	later    uint64 // rows behind the range
	sampled  bool   // drawn of the rows in range are read
	drawn    int
	from, to int64 // times of the first and last row in range
	matched  int
	bytes    uint64
	pruned   bool
}

// read is how many of the rows in range are read.
func (b *blockCover) read() int {
	if b.sampled {
		return b.drawn
	}
	return b.in
}

func (c *coverer) init(plan *query.Plan) {
	c.rng, c.last = plan.Range, plan.Last
	c.from, c.to, c.newest = math.MaxInt64, math.MinInt64, math.MinInt64
}

// see notes a block of the view, in range or not.
func (c *coverer) see(m *storage.Meta) {
	if m.Rows == 0 {
		return
	}
	c.newest = max(c.newest, m.MaxTime)
	if c.last && m.MinTime >= c.rng.To {
		c.later += uint64(m.Rows)
	}
}

// add notes a block that was read, or pruned by what is known of it.
func (c *coverer) add(b *blockCover) {
	c.covered += uint64(b.in)
	c.later += b.later
	if b.sampled {
		c.drawn += uint64(b.drawn)
		c.drawnOf += uint64(b.in)
	}
	c.stats.BytesScanned += b.bytes
	if b.in > 0 {
		c.from, c.to = min(c.from, b.from), max(c.to, b.to)
	}
	if b.pruned {
		c.stats.BlocksPruned++
		return
	}
	c.stats.BlocksScanned++
	c.stats.RowsScanned += uint64(b.read())
	c.stats.RowsMatched += uint64(b.matched)
}

// skip notes a block that is not read, and why.
func (c *coverer) skip(reason string, u *unit) {
	at := -1
	for i := range c.skipped {
		if c.skipped[i].Reason == reason {
			at = i
		}
	}
	if at < 0 {
		at = len(c.skipped)
		c.skipped = append(c.skipped, query.Skipped{Reason: reason})
	}
	s := &c.skipped[at]
	for bucket := range u.meta.Hist.All() {
		// A width near the end of time must not wrap round.
		end := bucket.From + bucket.Width
		if end < bucket.From {
			end = math.MaxInt64
		}
		if bucket.From < c.rng.To && end > c.rng.From {
			s.Hist = append(s.Hist, bucket)
		}
	}
	if reason == "damaged" && u.ref != nil {
		c.damaged = append(c.damaged, u.ref)
	}
}

// join adds what another coverer has summed up.
func (c *coverer) join(o *coverer) {
	c.covered += o.covered
	c.later += o.later
	c.drawn += o.drawn
	c.drawnOf += o.drawnOf
	c.stats.Add(o.stats)
	c.from, c.to, c.newest = min(c.from, o.from), max(c.to, o.to), max(c.newest, o.newest)
}
