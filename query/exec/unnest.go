package exec

import (
	"context"
	"errors"
	"slices"

	"github.com/kelpdb/kelp/query"
)

// itemPlan is the rows that have an item at one position of the list that the
// plan unnests, and their keys.
type itemPlan struct {
	has  *filter
	keys []keyPlan
}

func compileItems(plan *query.Plan, position int) itemPlan {
	keys, has := plan.ItemKeys(position)
	return itemPlan{has: compileFilter(has, true), keys: compileKeys(keys)}
}

// itemsAt returns the plan for a position, from 0; those of short lists are kept.
func (c *chain) itemsAt(position int) itemPlan {
	if position >= itemPlansMax {
		return compileItems(c.r.plan, position+1)
	}
	for len(c.items) <= position {
		c.items = append(c.items, compileItems(c.r.plan, len(c.items)+1))
	}
	return c.items[position]
}

// unnest takes the selected rows into the groups of all their items: once for each
// position, the rows that have an item there. What is beyond query.UnnestItemsMax is
// left out, and said so.
func (c *chain) unnest(v *blockView, sel bitmap) error {
	expired := v.expired
	defer func() { v.expired = expired }()
	for position := 0; ; position++ {
		if position > 0 && position%itemPassesMax == 0 {
			// What the passes took of the scratch adds up: begin the block anew.
			sel = slices.Clone(sel)
			bytes := v.bytes
			v.open(v.scratch, v.block)
			v.bytes = bytes
		}
		items := c.itemsAt(position)
		if err := items.has.restrict(v, sel); err != nil {
			return err
		}
		n := sel.count()
		if n == 0 {
			return nil
		}
		if position == query.UnnestItemsMax {
			v.warned |= query.WarnItems
			if c.state.cut == nil {
				c.state.cut = &query.Truncated{By: "rows", Limit: query.UnnestItemsMax}
			}
			return nil
		}
		c.state.grouper.plans = items.keys
		bits := bitmap(v.u64.take(len(sel)))
		copy(bits, sel)
		if err := c.groupRows(v, bits, n); err != nil {
			return err
		}
		// The block has begun to change the state: it is taken whole, unless nobody
		// waits for the answer.
		v.expired = func() bool { return false }
		if err := c.r.ctx.Err(); errors.Is(err, context.Canceled) {
			return err
		}
	}
}
