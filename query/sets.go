package query

import (
	"errors"

	"github.com/kelpdb/kelp/storage"
)

// GROUP BY GROUPING SETS ((a), (b, c)) is several groupings of the same rows in one
// pass: every row goes to one group of each set. In a Partial the groups of all sets
// stand together; a last key says which set a group is of, and the keys that its set
// does not have are null. So partials merge and travel as any others do.

// setsMax bounds the sets of one query: each has states of its own.
const setsMax = 200

// groupingSets reads what follows GROUP BY if it is sets.
func (p *parser) groupingSets(s *Select) error {
	p.next()
	p.next()
	if !p.acceptOp("(") {
		return p.expected("`(` and the sets")
	}
	s.Sets = [][]int{}
	err := p.list(func() error {
		var set []int
		item := func() error {
			g, err := p.groupItem()
			set = append(set, len(s.GroupBy))
			s.GroupBy = append(s.GroupBy, g)
			return err
		}
		var err error
		if p.acceptOp("(") {
			if !p.acceptOp(")") {
				if err = p.list(item); err == nil && !p.acceptOp(")") {
					err = p.expected("`)`")
				}
			}
		} else {
			err = item()
		}
		s.Sets = append(s.Sets, set)
		return err
	})
	if err == nil && !p.acceptOp(")") {
		err = p.expected("`)` behind the sets")
	}
	return err
}

// bindSets makes keys of the sets, once all else is bound.
func (b *binder) bindSets() error {
	s := b.sel
	if s.Sets == nil {
		return nil
	}
	refuse := func(pos Pos, what string) error {
		return errorAt(CodeBadRequest, pos, "GROUPING SETS cannot stand with %s", what)
	}
	switch {
	case len(s.Sets) > setsMax:
		return errTooMany(s.Pos, "sets are grouped by", len(s.Sets), setsMax)
	case s.Fill:
		return refuse(s.FillPos, "FILL")
	case b.plan.Limit.WithOther:
		return refuse(b.other, "WITH OTHER")
	case s.Sample != nil:
		return refuse(s.Sample.Pos, "SAMPLE")
	case s.Compare != nil:
		return refuse(s.Compare.Pos, "COMPARE")
	}
	for i, at := range b.groupKeys {
		switch k := &b.plan.Keys[at]; {
		case k.TimeBucket:
			return refuse(s.GroupBy[i].Expr.Position(), "time buckets")
		case unnestIn(k.Expr) != nil:
			return refuse(s.GroupBy[i].Expr.Position(), "UNNEST")
		}
	}
	b.plan.Grouped = true
	for _, set := range s.Sets {
		keys := []int{}
		for _, at := range set {
			keys = append(keys, b.groupKeys[at])
		}
		b.plan.Sets = append(b.plan.Sets, keys)
	}
	b.plan.Keys = append(b.plan.Keys, Key{Expr: &Bound{Op: OpGroupingSet, Type: storage.TypeInt64}, Type: storage.TypeInt64, Name: "grouping set"})
	return nil
}

// canSplit tells whether the groups of a plan's partials can be taken apart.
func canSplit(plan *Plan) bool {
	for i := range plan.Aggs {
		if _, can := NewState(&plan.Aggs[i]).(picker); !can {
			return false
		}
	}
	return true
}

// Split returns the sides of each set that was asked for in one pass. What stands
// behind the answer is behind each of them. An error says that groups are of no set
// that there is: partials come from other nodes.
func (s *ChangeSide) Split() ([]ChangeSide, error) {
	plan, p := s.Plan, s.Partial
	if plan.Sets == nil {
		return []ChangeSide{*s}, nil
	}
	if err := checkPartial(plan, p); err != nil {
		return nil, err
	}
	number := p.Keys[len(p.Keys)-1]
	groups := make([][]uint32, len(plan.Sets))
	for g := range p.Groups {
		set := number.Value(g)
		if set.IsNull() || set.Int < 0 || set.Int >= int64(len(groups)) {
			return nil, errors.New("a leaf has answered with a grouping set that was not asked for; are all nodes of one version?")
		}
		groups[set.Int] = append(groups[set.Int], uint32(g))
	}
	var sides []ChangeSide
	for i, set := range plan.Sets {
		own, part := *plan, *p
		own.Sets, own.Keys = nil, nil
		part.Keys = nil
		for _, k := range set {
			own.Keys = append(own.Keys, plan.Keys[k])
			column := NewVec(plan.Keys[k].Type)
			for _, g := range groups[i] {
				column.Append(p.Keys[k].Value(int(g)))
			}
			part.Keys = append(part.Keys, column)
		}
		part.Groups, part.States = len(groups[i]), PickGroups(p.States, groups[i])
		sides = append(sides, ChangeSide{Plan: &own, Partial: &part, Env: s.Env})
	}
	return sides, nil
}
