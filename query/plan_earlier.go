package query

import (
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// Compared is COMPARE: the plan is run twice, the second time over the range
// moved back, and the results are joined by their keys.
type Compared struct {
	Back int64 // ns by which the range is moved back
}

// Earlier is the same query over the range that COMPARE moves back.
func (q *Query) Earlier() *Query {
	return &Query{SQL: q.SQL, Now: q.Now, Zone: q.Zone, Schema: q.Schema, DataFrom: q.DataFrom, DataTo: q.DataTo,
		Shards: q.Shards, IsEarlier: true, Progress: q.Progress}
}

// earlier is the plan over the range moved back. Conditions and keys see every
// time moved forward, so buckets and conditions on time mean the same as in the
// present; the arguments of aggregates see times as they are stored.
func (p *Plan) earlier() *Plan {
	m := &mover{back: p.Compare.Back, columns: p.Columns, made: make(map[*Bound]*Bound)}
	past := *p
	past.Range = Range{From: subClamped(p.Range.From, m.back), To: subClamped(p.Range.To, m.back)}
	past.Last = false // what is later than the present range is no part of the past one
	past.Filter = m.moved(p.Filter)
	past.Keys = slices.Clone(p.Keys)
	for i := range past.Keys {
		k := &past.Keys[i]
		k.Expr = m.moved(k.Expr)
		if k.TimeBucket {
			k.Shift = m.back
		}
		if k.Width > 0 {
			k.Origin = floorMod(k.Origin-floorMod(m.back, k.Width), k.Width)
		}
	}
	past.Aggs = slices.Clone(p.Aggs)
	for i := range past.Aggs {
		past.Aggs[i].Filter = m.moved(p.Aggs[i].Filter)
	}
	return &past
}

// floorMod is what floorDiv leaves: from 0 to b - 1.
func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// mover moves times of expressions over columns forward.
type mover struct {
	back    int64
	columns []ColumnRef
	made    map[*Bound]*Bound // what aliases share stays shared
}

// moved is the expression with the column time moved forward. Comparisons of
// it with constants move the constants back instead: they stay what kernels are
// fast at.
func (m *mover) moved(e *Bound) *Bound {
	if e == nil || !e.any(m.isTime) {
		return e
	}
	if made, ok := m.made[e]; ok {
		return made
	}
	made := m.movedConstants(e)
	switch {
	case made != nil:
	case m.isTime(e):
		args := []*Bound{constant(storage.Int(0), e.Pos), constant(storage.Int(m.back), e.Pos), e}
		made = &Bound{Op: OpCall, Type: storage.TypeTime, Args: args, Func: timeShift(), Pos: e.Pos}
	default:
		copied := *e
		copied.Args = make([]*Bound, len(e.Args))
		for i, arg := range e.Args {
			copied.Args[i] = m.moved(arg)
		}
		made = &copied
	}
	m.made[e] = made
	return made
}

func (m *mover) isTime(e *Bound) bool {
	return e.Op == OpColumn && m.columns[e.Index].Name == storage.TimeColumn
}

// movedConstants moves the constants that time is compared with; nil if the
// expression is no such comparison.
func (m *mover) movedConstants(e *Bound) *Bound {
	switch e.Op {
	case OpEq, OpNe, OpLt, OpLe, OpGt, OpGe, OpBetween:
	case OpIn:
		return m.movedSet(e)
	default:
		return nil
	}
	copied := *e
	copied.Args = slices.Clone(e.Args)
	for i, arg := range e.Args {
		if m.isTime(arg) {
			continue
		}
		at, ok := int64(0), isTimeConst(arg)
		if ok {
			at, ok = subInt64(arg.Const.Int, m.back)
		}
		if !ok {
			return nil
		}
		copied.Args[i] = constant(storage.Time(at), arg.Pos)
	}
	return &copied
}

func (m *mover) movedSet(e *Bound) *Bound {
	if !m.isTime(e.Args[0]) {
		return nil
	}
	copied := *e
	copied.Set = slices.Clone(e.Set)
	for i, v := range e.Set {
		at, ok := subInt64(v.Int, m.back)
		if !ok || v.Type != storage.TypeTime {
			return nil
		}
		copied.Set[i] = storage.Time(at)
	}
	return &copied
}
