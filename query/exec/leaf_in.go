package exec

import (
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// members is the constants of a long IN list over one column, to be found by
// hash: a list of ten thousand ids is a usual question.
type members struct {
	typ   storage.Type // of the column, and of all constants
	texts map[string]struct{}
	ints  map[int64]struct{}
	null  bool // the list has a null: a miss is unknown
}

// membersMin is the length of list from which on hashing is faster than comparing.
const membersMin = 8

func compileMembers(b *query.Bound) *members {
	if b.Op != query.OpIn || b.Args[0].Op != query.OpColumn || len(b.Set) < membersMin {
		return nil
	}
	m := &members{typ: b.Args[0].Type, null: b.SetNull}
	for _, x := range b.Set {
		if x.Type != m.typ {
			return nil
		}
	}
	switch m.typ {
	case storage.TypeString:
		m.texts = make(map[string]struct{}, len(b.Set))
		for _, x := range b.Set {
			m.texts[x.Str] = struct{}{}
		}
	case storage.TypeInt64, storage.TypeTime:
		m.ints = make(map[int64]struct{}, len(b.Set))
		for _, x := range b.Set {
			m.ints[x.Int] = struct{}{}
		}
	default:
		return nil
	}
	return m
}

// passesValue tells whether the leaf passes a value of its only column; row is
// one to ask the expression with.
func (l *leaf) passesValue(row *valueRow, x storage.Value) bool {
	m := l.members
	if m == nil || x.Type != m.typ {
		row.value = x
		return l.passes(row)
	}
	hit := false
	if m.typ == storage.TypeString {
		_, hit = m.texts[x.Str]
	} else {
		_, hit = m.ints[x.Int]
	}
	if hit || !m.null {
		return hit == l.want
	}
	return false
}
