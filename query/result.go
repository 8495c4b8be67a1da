package query

import (
	"github.com/kelpdb/kelp/storage"
)

// Result is the answer to a query: what is shown of it, in order.
type Result struct {
	Columns     []ResultColumn
	Cols        []*Vec // one per column, of its type
	Rows        int
	Other       *Other     // WITH OTHER folded something
	Truncated   *Truncated // the answer is cut by something that was not asked for
	Approximate []string   // names of columns that hold approximations
	Bucket      *Bucket    // the first column that is a time bucket of fixed width
	Warnings    []string
}

// ResultColumn is the name and type of a column.
type ResultColumn struct {
	Name string
	Type storage.Type
}

// Other says which rows stand for all the groups that WITH OTHER folded.
type Other struct {
	Rows   []int
	Groups int
}

// Bucket says which column is a time bucket, and how wide it is.
type Bucket struct {
	Column  string
	WidthMs int64
}

// FinalEnv is what the last step needs beside plan and partial. Where the
// plan's range is open, From and To are the times of the first and last row that
// was read, in ns: a rate divides by what lies between.
type FinalEnv struct {
	Now      int64
	From, To int64
}

// resultTable is what can become rows of a result: items, each with a value
// for every output, that are sorted, cut and shown.
type resultTable struct {
	plan  *Plan
	types []storage.Type // of the outputs, after what their values made of them
	whole []*Vec         // of the outputs that are there as a column; else nil
	eval  func(output, item int) storage.Value
}

// value is the value of an output for an item, of the output's type or null.
func (t *resultTable) value(output, item int) storage.Value {
	if c := t.whole[output]; c != nil {
		return c.Value(item)
	}
	return fit(t.eval(output, item), t.types[output])
}

// fit makes a value one of its column.
func fit(v storage.Value, t storage.Type) storage.Value {
	if v = Coerce(v, t); v.Type != t {
		return storage.Value{}
	}
	return v
}

// show appends the chosen items to the visible columns of the result.
func (t *resultTable) show(res *Result, items []uint32) {
	res.Rows = len(items)
	for o := range t.plan.Outputs {
		out := &t.plan.Outputs[o]
		if out.Hidden {
			continue
		}
		col := NewVec(t.types[o])
		for _, i := range items {
			if c := t.whole[o]; c != nil {
				col.AppendFrom(c, int(i))
				continue
			}
			col.Append(t.value(o, int(i)))
		}
		res.Columns = append(res.Columns, ResultColumn{Name: out.Name, Type: col.Type})
		res.Cols = append(res.Cols, col)
	}
}
