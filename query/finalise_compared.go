package query

import (
	"math"
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// FinaliseCompared makes the answer of COMPARE out of the present's merged
// partial and of that of the range moved back: a full outer join by the keys.
// env is the present's. Errors are those of Finalise.
func FinaliseCompared(plan *Plan, present, past *Partial, env FinalEnv) (*Result, error) {
	for _, p := range []*Partial{present, past} {
		if err := checkPartial(plan, p); err != nil {
			return nil, err
		}
	}
	both := *plan
	both.Aggs = slices.Concat(plan.Aggs, plan.Aggs)
	return Finalise(&both, joinCompared(&both, present.scaled(plan), past.scaled(plan)), env)
}

// joinCompared is a partial with the groups of both; its states are the
// present's, then the past's. Groups that one has not are empty in its states.
func joinCompared(both *Plan, present, past *Partial) *Partial {
	out := newPartial(both)
	mergeReport(out, present)
	out.Truncated = worseTruncation(out.Truncated, past.Truncated)
	out.Warnings = append(out.Warnings, past.Warnings...)
	aggs := len(both.Aggs) / 2
	for _, i := range past.Approx {
		out.Approx = append(out.Approx, i+aggs)
	}
	halves := []*Partial{present, past}
	ids := newGroupIDs(out.Keys, present.Groups+past.Groups)
	to := make([][]uint32, len(halves))
	for i, p := range halves {
		if len(both.Keys) == 0 {
			to[i] = make([]uint32, p.Groups)
			continue
		}
		to[i] = ids.of(p.Keys, p.Groups)
		out.Groups = len(ids.hashes)
	}
	for a, s := range out.States {
		s.Grow(out.Groups)
		s.Merge(halves[a/aggs].States[a%aggs], to[a/aggs])
	}
	return out
}

// twinAgg is the same aggregate in the other of the ranges that COMPARE reads;
// i itself without COMPARE.
func (p *Plan) twinAgg(i int) int {
	if p.Compare == nil {
		return i
	}
	return (i + len(p.Aggs)/2) % len(p.Aggs)
}

// evalChange is (now - before) / |before|: null if that is no number, or before
// is 0.
func (b *Bound) evalChange(r Row) storage.Value {
	now, before := b.Args[0].Eval(r), b.Args[1].Eval(r)
	x, isNumber := changeNumber(now)
	y, wasNumber := changeNumber(before)
	if !isNumber || !wasNumber || y == 0 {
		return storage.Value{}
	}
	diff := x - y
	if now.Type == storage.TypeInt64 && before.Type == storage.TypeInt64 {
		if d, ok := subInt64(now.Int, before.Int); ok { // as floats large ones lose it
			diff = float64(d)
		}
	}
	return storage.Float(diff / math.Abs(y))
}

func changeNumber(v storage.Value) (float64, bool) {
	if v.Type != storage.TypeInt64 && v.Type != storage.TypeFloat64 {
		return 0, false // a text that reads as a number, or a time
	}
	return FloatOf(v)
}
