package query

import (
	"fmt"

	"github.com/kelpdb/kelp/storage"
)

// fillBuckets adds the groups that FILL asks for: of every combination of the
// other keys, the time buckets of the range that it has no rows in. It returns
// which groups were added, nil if none. The partial stays as it is.
func fillBuckets(plan *Plan, p *Partial, env FinalEnv, res *Result) (*Partial, []bool) {
	key := fillKey(plan)
	starts, ok := fillStarts(plan, &plan.Keys[key], env)
	combos := otherCombos(p, key)
	if !ok || len(starts)*combos[0].Len() > fillGroupsMax-p.Groups {
		res.Warnings = append(res.Warnings, fmt.Sprintf("FILL would make more than %d groups and is left out; take wider buckets or a shorter range", fillGroupsMax))
		return p, nil
	}
	ids := newGroupIDs(emptyLike(p.Keys), p.Groups)
	to := ids.of(p.Keys, p.Groups)
	for _, start := range starts {
		combos[key] = repeated(storage.Time(start), combos[key].Len())
		ids.of(combos, combos[key].Len())
	}
	out := *p
	out.Groups, out.Keys, out.States = len(ids.hashes), ids.keys, make([]State, len(p.States))
	for a, s := range p.States {
		out.States[a] = NewState(&plan.Aggs[a])
		out.States[a].Grow(out.Groups)
		out.States[a].Merge(s, to)
	}
	filled := make([]bool, out.Groups)
	for g := p.Groups; g < out.Groups; g++ {
		filled[g] = true
	}
	return &out, filled
}

// fillKey is the one time bucket among the keys.
func fillKey(plan *Plan) int {
	for i, k := range plan.Keys {
		if k.TimeBucket {
			return i
		}
	}
	panic("BUG: FILL without a time bucket")
}

// otherCombos are the distinct combinations of all keys but one; in its place
// stands null. Without other keys there is one.
func otherCombos(p *Partial, but int) []*Vec {
	cols := make([]*Vec, len(p.Keys))
	copy(cols, p.Keys)
	n := p.Groups
	if len(cols) == 1 {
		n = 1
	}
	cols[but] = NewVec(p.Keys[but].Type)
	for range n {
		cols[but].Append(storage.Value{})
	}
	ids := newGroupIDs(emptyLike(p.Keys), n)
	ids.of(cols, n)
	return ids.keys
}

func repeated(x storage.Value, n int) *Vec {
	v := NewVec(x.Type)
	for range n {
		v.Append(x)
	}
	return v
}

// fillStarts lists the buckets that touch the range; false if they are too many.
// Where the range has a beginning and no end, it goes on to now; where it has
// no beginning, what was read stands for its open ends.
func fillStarts(plan *Plan, key *Key, env FinalEnv) ([]int64, bool) {
	from, last := plan.Range.From, plan.Range.To-1
	if plan.Range.To == openTo {
		last = env.To
		if from != openFrom {
			last = max(last, env.Now)
		}
	}
	if from == openFrom {
		from = env.From
		if env.From == 0 && env.To == 0 { // nothing was read
			return nil, true
		}
	}
	b := &key.buckets
	var starts []int64
	start, ok := b.start(from)
	for ok && start <= last && from <= last {
		if len(starts) == fillGroupsMax {
			return nil, false
		}
		starts = append(starts, start)
		start, ok = b.next(start)
	}
	return starts, true
}

// allFilled tells of each new group whether all groups that are folded into it
// were added by FILL; nil if FILL has added none.
func allFilled(filled []bool, items, to []uint32, groups int) []bool {
	if filled == nil {
		return nil
	}
	all := make([]bool, groups)
	for i := range all {
		all[i] = true
	}
	for at, g := range items {
		all[to[at]] = all[to[at]] && filled[g]
	}
	return all
}

// isFilled tells whether FILL has added the group.
func (r *groupRow) isFilled() bool { return r.filled != nil && r.filled[r.group] }

// filledSum is the sum of a group that FILL has added: 0 of its type.
func filledSum(plan *Plan, i int, s State) (storage.Value, bool) {
	if plan.Aggs[i].Kind != AggSum {
		return storage.Value{}, false
	}
	if plan.Aggs[i].Type == storage.TypeInt64 && !passesInt64(s) {
		return storage.Int(0), true
	}
	return storage.Float(0), true
}
