package query

import (
	"maps"

	"github.com/zeebo/xxh3"
)

// A SchemaPool gives equal schemas the same map, so that those of thousands of
// tables with the same columns take the memory of one. It remembers the last few.
// The zero value is an empty pool; it belongs to one goroutine at a time.
type SchemaPool struct {
	known   map[uint64]Schema
	columns int // of all
}

// poolColumnsMax is how many columns the schemas in a pool have together: 64 bytes
// each, name included. With more it begins anew.
const poolColumnsMax = 50_000

// Share returns an equal schema that was shared before, or s itself. Neither may be
// changed any more.
func (p *SchemaPool) Share(s Schema) Schema {
	if len(s) == 0 || len(s) > poolColumnsMax {
		return s
	}
	sum := uint64(len(s))
	for name, types := range s {
		sum += xxh3.HashStringSeed(name, uint64(types))
	}
	if known, ok := p.known[sum]; ok && maps.Equal(known, s) {
		return known
	}
	if p.known == nil || p.columns+len(s) > poolColumnsMax {
		p.known, p.columns = make(map[uint64]Schema), 0
	}
	p.known[sum] = s
	p.columns += len(s)
	return s
}
