package query

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// Merge makes one partial of several of the same plan. The result does not
// depend on their order or on how they are grouped into calls, but for float
// sums, which agree within 1e-12. The parts stay as they are and may be merged
// again; the result shares memory with them. A part that does not fit the plan
// is an error: parts come from other nodes.
func Merge(plan *Plan, parts []*Partial) (*Partial, error) {
	for _, p := range parts {
		if err := checkPartial(plan, p); err != nil {
			return nil, err
		}
	}
	out := newPartial(plan)
	for _, p := range parts {
		mergeReport(out, p)
	}
	if plan.Grouped {
		mergeGroups(plan, out, parts)
	} else {
		mergeRows(plan, out, parts)
	}
	markApprox(plan, out)
	finishReport(out)
	return out, nil
}

// newPartial is the partial of nothing: no rows, no leaves.
func newPartial(plan *Plan) *Partial {
	p := &Partial{From: timeMax, To: timeMin, Newest: timeMin}
	if !plan.Grouped {
		for _, o := range plan.Outputs {
			p.Rows = append(p.Rows, NewVec(o.Type))
		}
		return p
	}
	for _, k := range plan.Keys {
		p.Keys = append(p.Keys, NewVec(k.Type))
	}
	for i := range plan.Aggs {
		p.States = append(p.States, NewState(&plan.Aggs[i]))
	}
	if len(plan.Keys) == 0 {
		p.Groups = 1
		for _, s := range p.States {
			s.Grow(1)
		}
	}
	return p
}

// NewPartial is the answer of a Runner that has nothing: no groups but the one
// of a plan without keys, no rows, no time.
func NewPartial(plan *Plan) *Partial { return newPartial(plan) }

var errPartialShape = errors.New("cannot merge a partial result that another plan has made; are all nodes of one version?")

// checkPartial holds the shape of a partial against the plan.
func checkPartial(plan *Plan, p *Partial) error {
	if p == nil {
		return errPartialShape
	}
	if !plan.Grouped {
		return checkVecs(p.Rows, len(plan.Outputs), func(i int) storage.Type { return plan.Outputs[i].Type })
	}
	if err := checkVecs(p.Keys, len(plan.Keys), func(i int) storage.Type { return plan.Keys[i].Type }); err != nil {
		return err
	}
	if len(p.States) != len(plan.Aggs) {
		return errPartialShape
	}
	if len(plan.Keys) == 0 && p.Groups > 1 || len(p.Keys) > 0 && p.Keys[0].Len() != p.Groups {
		return errPartialShape
	}
	for i, s := range p.States {
		if s == nil || s.Len() != p.Groups || !stateFits(&plan.Aggs[i], s) {
			return fmt.Errorf("%w (aggregate %d)", errPartialShape, i)
		}
	}
	return nil
}

func checkVecs(cols []*Vec, want int, typeOf func(int) storage.Type) error {
	if len(cols) != want {
		return errPartialShape
	}
	for i, c := range cols {
		if c == nil || c.Type != typeOf(i) || c.Len() != cols[0].Len() || c.arrayLen() != c.Len() {
			return fmt.Errorf("%w (column %d)", errPartialShape, i)
		}
	}
	return nil
}

// mergeGroups gives every distinct key a group and folds all states into them.
func mergeGroups(plan *Plan, out *Partial, parts []*Partial) {
	if len(parts) == 1 && len(plan.Keys) > 0 {
		out.Groups, out.Keys, out.States = parts[0].Groups, slices.Clone(parts[0].Keys), slices.Clone(parts[0].States)
		return
	}
	total := 0
	for _, p := range parts {
		total += p.Groups
	}
	ids := newGroupIDs(out.Keys, total)
	for _, p := range parts {
		var to []uint32
		if len(plan.Keys) == 0 {
			to = make([]uint32, p.Groups)
		} else {
			to = ids.of(p.Keys, p.Groups)
			out.Groups = len(ids.hashes)
		}
		for a, s := range out.States {
			s.Grow(out.Groups)
			s.Merge(p.States[a], to)
		}
	}
}
