package exec

import (
	"math"

	"github.com/kelpdb/kelp/query"
)

// cutByTime selects the rows of a block that are in the query's range. Of a block in
// the order of time they are neighbours, found by a search; of others every time is
// looked at.
func (c *chain) cutByTime(v *blockView, at *blockCover) (bitmap, error) {
	rng, sel := c.r.plan.Range, bitmap(v.u64.take(words(v.rows)))
	first, found, err := v.timesBelow(rng.From)
	if err != nil {
		return nil, err
	}
	if found {
		past, _, err := v.timesBelow(rng.To)
		if err != nil {
			return nil, err
		}
		return sel, c.cutRows(v, at, sel, first, max(first, past))
	}
	return sel, c.cutEach(v, at, sel, rng)
}

// timesBelow returns how many rows of the block are from before a time; ok is false
// unless these are the first ones for certain.
func (v *blockView) timesBelow(t int64) (rows int, ok bool, err error) {
	c := v.timeColumn()
	if rows, ok, err = c.Below(t); ok {
		v.touch(c)
	}
	return rows, ok, err
}

// cutRows selects the rows [first, past).
func (c *chain) cutRows(v *blockView, at *blockCover, sel bitmap, first, past int) error {
	sel.setRange(first, past)
	at.in, at.from, at.to = past-first, math.MaxInt64, math.MinInt64
	if c.r.plan.Last {
		at.later = uint64(v.rows - past)
	}
	if first == past {
		return nil
	}
	for _, row := range [2]int{first, past - 1} {
		t, err := v.timeColumn().ValueAt(row)
		if err != nil {
			return err
		}
		at.from, at.to = min(at.from, t.Int), max(at.to, t.Int)
	}
	return nil
}

// cutEach selects the rows in the range whatever their order.
func (c *chain) cutEach(v *blockView, at *blockCover, sel bitmap, rng query.Range) error {
	times, err := v.loadInts(v.timeColumn())
	if err != nil {
		return err
	}
	if rng.To <= rng.From {
		sel.clear()
	} else {
		maskInts(sel, times, rng.From, uint64(rng.To-1)-uint64(rng.From))
	}
	at.in, at.from, at.to = sel.count(), math.MaxInt64, math.MinInt64
	forEach(sel, func(row int) {
		at.from, at.to = min(at.from, times[row]), max(at.to, times[row])
	})
	if c.r.plan.Last {
		for _, t := range times {
			if t >= rng.To {
				at.later++
			}
		}
	}
	return nil
}
