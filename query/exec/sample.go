package exec

import (
	"math"
	"math/rand/v2"

	"github.com/kelpdb/kelp/query"
)

// What a row draws depends on its block, of which leaf it is and its id there, and on
// its place in it, so the same question gives the same answer until blocks merge.

// sample selects the rows that SAMPLE takes for groups, out of those in sel (nil: all
// of the block). From one to the next it goes by gaps, so its cost is that of the rows
// taken.
func (c *chain) sample(v *blockView, sel bitmap, at *blockCover) bitmap {
	taken := bitmap(v.u64.take(words(v.rows)))
	taken.clear()
	r := rand.New(rand.NewPCG(v.drawSeed(), 0))
	rate := -math.Log1p(-c.r.share) // of rows taken as a process in time
	for row := 0; ; row++ {
		gap := r.ExpFloat64() / rate
		if gap >= float64(v.rows-row) {
			break
		}
		row += int(gap)
		taken.set(row)
	}
	if sel != nil {
		taken.and(sel)
	}
	at.sampled, at.drawn = true, taken.count()
	return taken
}

// draws are the numbers that the rows of the block have drawn, of 63 bits.
func (v *blockView) draws() []int64 {
	keys := v.i64.take(v.rows)
	seed := v.drawSeed()
	for row := range keys {
		keys[row] = int64(query.HashInt(int64(seed)+int64(row)) >> 1)
	}
	return keys
}

// drawOf is the number of one row.
func (v *blockView) drawOf(row int) int64 {
	return int64(query.HashInt(int64(v.drawSeed())+int64(row)) >> 1)
}

// drawSeed is another one for each block of a cluster: leaves that were born in the
// same second number their blocks alike, but each has a shard of its own.
func (v *blockView) drawSeed() uint64 {
	h := v.block.Header()
	seed := query.HashInt(int64(h.Shard))
	seed = query.HashInt(int64(seed + h.ID.Epoch))
	return query.HashInt(int64(seed + h.ID.Seq))
}
