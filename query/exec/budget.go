package exec

import (
	"sync/atomic"

	"github.com/kelpdb/kelp/query"
)

// A budget is the memory that the groups, states and rows of all queries of a pool
// may take together. Each query has its own limit too; but many at once, each within
// its own, must not take the process down. When it is used up, the queries that hold
// more than a fair part of it take no more groups or rows, and say so; small ones go on.
type budget struct {
	max  int64 // bytes
	held atomic.Int64
}

// hold notes that the chain's state holds so many bytes now, and cuts it short if that
// is more than it may.
func (c *chain) hold(bytes int64) {
	b := c.r.budget
	all := b.held.Add(bytes - c.held)
	c.held = bytes
	if all > b.max-sparesMax {
		c.r.spares.yield()
	}
	switch {
	case bytes > c.share():
		c.blocked = true
		c.state.cut = &query.Truncated{By: "memory", Limit: c.r.lim.Bytes}
	case all > b.max && bytes > b.max/budgetParts/int64(c.of):
		c.blocked = true
		c.state.cut = &query.Truncated{By: "memory", Limit: b.max}
	}
}

// release gives back what the chains of a query held.
func (b *budget) release(chains []*chain) {
	for _, c := range chains {
		b.held.Add(-c.held)
		c.held = 0
	}
}
