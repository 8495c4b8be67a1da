package query

import (
	"context"
	"sync"

	"github.com/kelpdb/kelp/storage"
)

// Runner answers queries: a leaf over its own tables, an aggregator over other
// Runners, a remote node, a fault in a test. It is called concurrently. It
// returns in time for ctx's deadline with what it has; an error means that
// nothing at all can be said.
type Runner interface {
	Run(ctx context.Context, q *Query) (*Partial, error)
}

// Query is what travels to Runners: the text, and all that binding needs beside
// it, so that every node makes the identical Plan. Now, Zone and Schema are
// fixed by the root.
type Query struct {
	SQL    string
	Now    int64  // ns since 1970; what now() and LAST mean
	Zone   string // default time zone of the request; "" is UTC
	Schema Schema // the types of the table's columns over the whole cluster
	// DataFrom and DataTo are the times, in ns, of the oldest and newest row as
	// the root knows them: time(auto) over an open range needs them. Both 0: unknown.
	DataFrom, DataTo int64
	// InRange is how many rows the root knows of in the range, for SAMPLE; 0: unknown.
	InRange   uint64
	Shards    []uint64 // answer for these shards only; nil: all the Runner has
	IsEarlier bool     // of a COMPARE the range that is moved back

	// Tail asks for new rows alone; the zero Tail for all there are.
	Tail Tail

	// Progress is told how the query comes along; nil: nobody watches. It stays
	// in the process.
	Progress *Progress

	// Refined is called when some of the leaves have answered and others have not,
	// with what makes a partial of those that have; nil: nobody wants to know. It stays
	// in the process, and holds up the query while it runs.
	Refined func(soFar func() (*Partial, error))

	// Sole says that the answer is merged with no other that has groups, so that
	// groups that will not be shown may be left out. It does not travel: a Runner
	// that asks others takes it back if it asks more than one.
	Sole bool

	once sync.Once
	plan *Plan
	err  error
}

// A Tail is one who follows a table, and how often it has asked: a leaf answers over the
// rows that were committed since the round before, and for the same round again over the
// same rows. Round 1 is the beginning and has none.
type Tail struct {
	ID    string // "": none
	Round uint64
}

// Plan parses and binds the query, once.
func (q *Query) Plan() (*Plan, error) {
	q.once.Do(func() { q.plan, q.err = bindText(q) })
	return q.plan, q.err
}

// Schema says of every column which types its rows have.
type Schema map[string]storage.TypeSet

// ClusterType is the one type a column is grouped, ordered and returned as:
// the single type it has; float64 for integers and floats; else string.
// TypeNull stands for no type at all (an unknown column).
func ClusterType(types storage.TypeSet) storage.Type {
	single := storage.TypeNull
	for t := storage.TypeBool; t <= storage.TypeList; t++ {
		if !types.Has(t) {
			continue
		}
		switch {
		case single == storage.TypeNull:
			single = t
		case single == storage.TypeInt64 && t == storage.TypeFloat64:
			single = storage.TypeFloat64
		default:
			return storage.TypeString
		}
	}
	return single
}
