package exec

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A rowPlan is a plan for rows, worked out once per query.
type rowPlan struct {
	plan    *query.Plan
	keep    int64 // rows that are enough, the best by Plan.Order; -1: all
	outputs [][]int
	// first is the plan column of the first ORDER BY term if rows can be left out
	// by it before anything else is decoded: a number or time as it is stored. -1: none.
	first int
	desc  bool
	time  bool // it is the column time
	draw  int  // the output that SAMPLE draws by; -1: none
	// worst is the key of the worst row that can still be among the best, by the
	// first term: shared by all chains, it only gets stricter.
	worst atomic.Int64
}

func compileRows(plan *query.Plan) *rowPlan {
	p := &rowPlan{plan: plan, keep: query.RowsWanted(plan), first: -1, draw: -1}
	p.worst.Store(math.MaxInt64)
	for i := range plan.Outputs {
		p.outputs = append(p.outputs, columnsOf(nil, plan.Outputs[i].Expr))
	}
	if plan.Sample != nil {
		p.draw = plan.Sample.Draw
		return p
	}
	if p.keep < 0 || len(plan.Order) == 0 {
		return p
	}
	term := plan.Order[0]
	out := plan.Outputs[term.Output]
	if out.Expr.Op != query.OpColumn || term.Digits12 || out.Type != plan.Columns[out.Expr.Index].Type {
		return p
	}
	switch out.Type {
	case storage.TypeInt64, storage.TypeTime:
		p.first, p.desc = out.Expr.Index, term.Desc
		p.time = plan.Columns[p.first].Name == storage.TimeColumn
	}
	if p.desc {
		p.worst.Store(math.MinInt64)
	}
	return p
}

// tighten makes worst stricter.
func (p *rowPlan) tighten(key int64) {
	for {
		now := p.worst.Load()
		if p.desc && key <= now || !p.desc && key >= now || p.worst.CompareAndSwap(now, key) {
			return
		}
	}
}

// A rowCollector gathers the rows of one chain.
type rowCollector struct {
	*rowPlan
	part *query.Partial
	text int // bytes of text held
}

func newRowCollector(p *rowPlan) *rowCollector {
	return &rowCollector{rowPlan: p, part: query.NewPartial(p.plan)}
}

func (c *rowCollector) rows() int {
	if len(c.part.Rows) == 0 {
		return 0
	}
	return c.part.Rows[0].Len()
}

// skips tells whether no row of a block can be among the best; newest is the time
// of its newest row.
func (c *rowCollector) skips(newest int64) bool {
	return c.keep == 0 || c.time && c.desc && newest < c.worst.Load()
}

// add takes the selected rows of a block, as far as they can be among the best.
func (c *rowCollector) add(v *blockView, sel bitmap, dirty *bool) error {
	if err := c.preselect(v, sel); err != nil {
		return err
	}
	rows := appendPositions(v.u16.take(v.rows)[:0], sel)
	if len(rows) == 0 {
		return nil
	}
	cells := make([]*query.Vec, len(c.outputs))
	for i := range c.outputs {
		var err error
		if cells[i], err = c.output(v, i, sel, rows); err != nil {
			return err
		}
	}
	*dirty = true
	for i, column := range cells {
		for k := range rows {
			c.part.Rows[i].AppendFrom(column, k)
		}
		for _, text := range column.Strs {
			c.text += len(text)
		}
	}
	c.learn()
	return c.compact()
}

// output evaluates one output for the rows; the values own their memory.
func (c *rowCollector) output(v *blockView, i int, sel bitmap, rows []uint16) (*query.Vec, error) {
	for _, col := range c.outputs[i] {
		for _, s := range v.column(col) {
			if readsAlone(s, len(rows), v.rows) {
				v.touch(s)
			} else if err := v.load(s, sel); err != nil {
				return nil, err
			}
		}
	}
	out := &c.plan.Outputs[i]
	cells := query.NewVec(out.Type)
	if i == c.draw {
		for _, r := range rows {
			cells.Append(storage.Int(v.drawOf(int(r))))
		}
		return cells, nil
	}
	row := &loneRow{blockRow: blockRow{view: v}, of: len(rows)}
	for k, r := range rows {
		if k%pollRows == 0 && v.expired() {
			return nil, errExpired
		}
		row.row = int(r)
		cells.Append(owned(keyValue(out.Expr.Eval(row), out.Type)))
		if row.err != nil {
			return nil, row.err
		}
	}
	return cells, nil
}

// preselect takes rows out of sel that cannot be among the best by the first
// term, or what they have drawn, alone: those worse than worst, and those beyond the best of the block.
func (c *rowCollector) preselect(v *blockView, sel bitmap) error {
	worst := c.worst.Load()
	if c.all(worst) && int64(sel.count()) <= c.keep {
		return nil
	}
	keys, err := c.firstKeys(v)
	if keys == nil {
		return err
	}
	mask := bitmap(v.u64.take(len(sel)))
	c.maskBetter(mask, keys, worst)
	sel.and(mask)
	n := sel.count()
	if int64(n) <= c.keep {
		return nil
	}
	best := v.i64.take(n)[:0]
	forEach(sel, func(row int) { best = append(best, keys[row]) })
	c.maskBetter(mask, keys, nthBest(best, int(c.keep), c.desc))
	sel.and(mask)
	return nil
}

// all tells whether worst leaves no row out.
func (c *rowCollector) all(worst int64) bool {
	if c.desc {
		return worst == math.MinInt64
	}
	return worst == math.MaxInt64
}

// firstKeys is what the rows of a block are chosen by before anything else is
// decoded; nil: nothing.
func (c *rowCollector) firstKeys(v *blockView) ([]int64, error) {
	if c.draw >= 0 {
		return v.draws(), nil
	}
	if c.first < 0 {
		return nil, nil
	}
	stored := v.column(c.first)
	if len(stored) != 1 || stored[0].NullCount() > 0 {
		return nil, nil
	}
	return v.loadInts(stored[0])
}

// maskBetter sets the rows whose key is at least as good as worst.
func (c *rowCollector) maskBetter(dst bitmap, keys []int64, worst int64) {
	if c.desc {
		maskInts(dst, keys, worst, uint64(math.MaxInt64)-uint64(worst))
	} else {
		maskInts(dst, keys, math.MinInt64, uint64(worst)-1<<63)
	}
}

// nthBest returns the n-th best of the keys (n from 1), which it puts in disorder.
func nthBest(keys []int64, n int, desc bool) int64 {
	slices.Sort(keys)
	if desc {
		return keys[len(keys)-n]
	}
	return keys[n-1]
}

// learn finds out how good a row must be now that there are enough.
func (c *rowCollector) learn() {
	by := c.draw
	if by < 0 {
		if c.first < 0 {
			return
		}
		by = c.plan.Order[0].Output
	}
	if int64(c.rows()) < c.keep || c.keep == 0 {
		return
	}
	keys := c.part.Rows[by]
	if len(keys.Nulls) > 0 {
		return
	}
	c.tighten(nthBest(slices.Clone(keys.Ints), int(c.keep), c.desc))
}

// compact drops rows that cannot be among the best, if they have become many.
func (c *rowCollector) compact() error {
	if c.keep < 0 || int64(c.rows())-c.keep <= c.keep/2+64 {
		return nil
	}
	best, err := query.Merge(c.plan, []*query.Partial{c.part})
	if err != nil {
		return err
	}
	c.part.Rows = best.Rows
	c.text = 0
	for _, column := range c.part.Rows {
		for _, s := range column.Strs {
			c.text += len(s)
		}
	}
	return nil
}

// bytes is about the memory held.
func (c *rowCollector) bytes() int {
	n := c.text
	for _, column := range c.part.Rows {
		n += 8*(cap(column.Ints)+cap(column.Floats)) + 16*cap(column.Strs)
		for _, list := range column.Lists {
			n += 24 + 32*len(list)
		}
	}
	return n
}
