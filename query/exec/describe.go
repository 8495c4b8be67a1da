package exec

import (
	"fmt"
	"slices"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// Explanation says how a plan would run over some blocks. It reads the rows of a few.
type Explanation struct {
	Blocks       int `json:"blocks"`
	BlocksPruned int `json:"blocks_pruned"` // out of range, or no row of theirs can match
	// BlocksHeader is the blocks that are answered from what their dictionaries
	// and headers keep.
	BlocksHeader int     `json:"blocks_header_only"`
	BlocksAway   int     `json:"blocks_unreadable"` // damaged or loading
	Rows         uint64  `json:"rows"`              // of the blocks that are not pruned
	Bytes        uint64  `json:"bytes"`             // to read, at most
	BytesPerRow  float64 `json:"bytes_per_row"`
	// The ways that conditions, keys and aggregates go, and in how many blocks:
	// constant, header, codes, ints, text, lists, row-wise.
	Filter     []string `json:"filter"`
	Keys       []string `json:"keys"`
	Aggregates []string `json:"aggregates"`
	// Cost is of each part of the work what it took over a few blocks, and what
	// that makes for all of them.
	Cost    []string `json:"cost"`
	Rowwise string   `json:"rows_wanted,omitempty"` // plans for rows: which, and when they stop
	Clauses []string `json:"clauses"`               // COMPARE and its kin
}

// Describe says how Run would go about a plan. The blocks are those of a pinned view.
func Describe(plan *query.Plan, blocks []*storage.Ref) Explanation {
	return describe(plan, unitsOf(blocks))
}

func describe(plan *query.Plan, units []unit) Explanation {
	d := &describer{plan: plan, filter: compileFilter(plan.Filter, true), paths: make(map[string]map[string]int)}
	r := &run{plan: plan}
	r.choose(units)
	if plan.Grouped {
		d.feeds = compileFeeds(plan)
		d.grouper = newGrouper(compileKeys(firstKeys(plan)), 1, noSpares())
	}
	d.out.Blocks = len(units)
	d.out.BlocksPruned = len(units) - len(r.units)
	s := new(scratch)
	view := newBlockView(plan.Columns, func() bool { return false })
	for i := range r.units {
		u := &r.units[i]
		err := storage.Guard(func() error {
			b, err := u.block(nil)
			if err != nil {
				return err
			}
			view.open(s, b)
			return d.block(view, u)
		})
		if err != nil {
			d.out.BlocksAway++
		}
	}
	if d.out.Rows > 0 {
		d.out.BytesPerRow = float64(d.out.Bytes) / float64(d.out.Rows)
	}
	m := newMeter(time.Now)
	m.measure(plan, r.units)
	d.out.Cost = m.lines(d.out.Rows)
	d.list()
	d.out.Clauses = plan.ClauseTexts()
	return d.out
}

// A describer follows the same decisions as a chain, and counts them.
type describer struct {
	plan    *query.Plan
	filter  *filter
	feeds   *feedPlan
	grouper *grouper
	out     Explanation
	paths   map[string]map[string]int // by piece of the plan, by path: blocks
	touched map[*storedColumn]bool
}

func (d *describer) note(piece, path string) {
	if d.paths[piece] == nil {
		d.paths[piece] = make(map[string]int)
	}
	d.paths[piece][path]++
}

// read counts the bytes of plan columns, each once in a block.
func (d *describer) read(v *blockView, columns ...int) {
	for _, i := range columns {
		for _, c := range v.column(i) {
			d.readStored(c)
		}
	}
}

func (d *describer) readStored(c *storedColumn) {
	if !d.touched[c] {
		d.touched[c] = true
		d.out.Bytes += uint64(c.Bytes())
	}
}

func (d *describer) block(v *blockView, u *unit) error {
	d.touched = make(map[*storedColumn]bool)
	cut := u.meta.MinTime < d.plan.Range.From || u.meta.MaxTime >= d.plan.Range.To
	verdict, err := d.filter.decide(v)
	if err != nil {
		return err
	}
	if verdict == noRows {
		d.out.BlocksPruned++
		return nil
	}
	d.out.Rows += uint64(v.rows)
	if cut {
		d.readStored(v.timeColumn())
	}
	if err := d.describeFilter(v, d.filter, verdict); err != nil {
		return err
	}
	if !d.plan.Grouped {
		for i := range d.plan.Outputs {
			d.read(v, columnsOf(nil, d.plan.Outputs[i].Expr)...)
		}
		return nil
	}
	return d.group(v, verdict == allRows && !cut)
}

// describeFilter notes the path of every condition.
func (d *describer) describeFilter(v *blockView, f *filter, verdict verdict) error {
	if f == nil {
		return nil
	}
	if f.op != filterLeaf {
		for _, arg := range f.args {
			of, err := arg.decide(v)
			if err != nil {
				return err
			}
			if verdict == allRows {
				of = allRows // whatever a single term says
			}
			if err := d.describeFilter(v, arg, of); err != nil {
				return err
			}
		}
		return nil
	}
	path := pathConstant
	if verdict == someRows {
		var err error
		if path, err = f.leaf.path(v); err != nil {
			return err
		}
		d.read(v, f.leaf.columns...)
	}
	d.note("filter "+describeLeaf(d.plan, f.leaf), path.String())
	return nil
}

// group notes the paths of keys and aggregates.
func (d *describer) group(v *blockView, all bool) error {
	header := false
	if all && d.feeds.countsOnly {
		s := &selection{view: v, n: v.rows}
		keys := make([]blockKey, 0, len(d.grouper.plans))
		coded := true
		for i := range d.grouper.plans {
			if path := d.grouper.plans[i].path(v); path != pathConstant && path != pathCodes {
				coded = false
				break
			}
			k, err := d.grouper.keyOf(v, i, s.rows)
			if err != nil {
				return err
			}
			keys = append(keys, k)
			coded = coded && k.size > 0
		}
		header = coded && d.grouper.assignHeader(s, keys)
		if header {
			d.out.BlocksHeader++
			d.out.Bytes += v.bytes
		}
	}
	for i := range d.grouper.plans {
		k := &d.grouper.plans[i]
		path := k.path(v).String()
		switch {
		case header && k.path(v) == pathCodes:
			path = "header"
		case k.TimeBucket && k.Width > 0 && path != pathConstant.String():
			d.readStored(v.timeColumn())
		case path != pathConstant.String():
			d.read(v, k.columns...)
		}
		d.note("key "+k.Name, path)
	}
	for i := range d.feeds.aggs {
		d.aggregate(v, &d.feeds.aggs[i], header)
	}
	if d.feeds.weighted && !header {
		for _, c := range v.weightColumns() {
			d.readStored(c)
		}
	}
	return nil
}

func (d *describer) aggregate(v *blockView, a *aggPlan, header bool) {
	in := &d.feeds.inputs[a.input]
	path := "groups"
	switch {
	case header:
		path = "header"
	case in.arg != nil:
		worst := pathConstant
		switch {
		case len(in.columns) > 1 && in.arith != nil:
			worst = pathArith
		case len(in.columns) > 1:
			worst = pathRows
		}
		for _, i := range in.columns {
			for _, c := range v.column(i) {
				worst = max(worst, pathOfArgument(in, c))
			}
		}
		d.read(v, in.columns...)
		path = worst.String()
	}
	if a.By != nil {
		d.read(v, d.feeds.inputs[a.value].columns...)
	}
	if f := d.feeds.filters[in.filter]; f != nil {
		d.read(v, f.columns(nil)...)
	}
	d.note("aggregate "+aggregateNames[a.Kind]+argumentName(d.plan, in), path)
}

// columns appends the plan columns a filter reads.
func (f *filter) columns(dst []int) []int {
	if f.op == filterLeaf {
		return append(dst, f.leaf.columns...)
	}
	for _, arg := range f.args {
		dst = arg.columns(dst)
	}
	return dst
}

func pathOfArgument(in *inputPlan, c *storedColumn) leafPath {
	switch {
	case c.shape == storage.ShapeCodes:
		return pathCodes
	case in.plain && (c.shape == storage.ShapeInts || c.shape == storage.ShapeFloats):
		return pathSpan
	case in.plain && c.shape == storage.ShapeText:
		return pathText
	case in.arith != nil && c.isNumber():
		return pathArith
	}
	return pathRows
}

// list writes the paths as lines, the same each time.
func (d *describer) list() {
	var lines []string
	for piece, paths := range d.paths {
		for path, n := range paths {
			lines = append(lines, fmt.Sprintf("%s: %s in %d blocks", piece, path, n))
		}
	}
	slices.Sort(lines)
	d.out.Filter, d.out.Keys, d.out.Aggregates = []string{}, []string{}, []string{}
	for _, line := range lines {
		switch {
		case line[0] == 'f':
			d.out.Filter = append(d.out.Filter, line[len("filter "):])
		case line[0] == 'k':
			d.out.Keys = append(d.out.Keys, line[len("key "):])
		default:
			d.out.Aggregates = append(d.out.Aggregates, line[len("aggregate "):])
		}
	}
	if !d.plan.Grouped {
		d.out.Rowwise = "all"
		if p := compileRows(d.plan); p.keep >= 0 {
			d.out.Rowwise = fmt.Sprintf("the best %d", p.keep)
			if p.time && p.desc {
				d.out.Rowwise += ", newest blocks first, until no older block can have one"
			}
		}
	}
}

var opNames = map[query.Op]string{
	query.OpEq: "=", query.OpNe: "<>", query.OpLt: "<", query.OpLe: "<=", query.OpGt: ">", query.OpGe: ">=",
	query.OpIn: "IN", query.OpBetween: "BETWEEN", query.OpLike: "LIKE", query.OpRegex: "~",
	query.OpIsNull: "IS NULL", query.OpIsNotNull: "IS NOT NULL",
	query.OpHasAny: "HAS ANY", query.OpHasAll: "HAS ALL", query.OpHasNone: "HAS NONE",
}

// describeLeaf names a condition by its columns and what it does.
func describeLeaf(plan *query.Plan, l *leaf) string {
	name := ""
	if !l.want {
		name = "NOT "
	}
	for i, c := range l.columns {
		if i > 0 {
			name += ", "
		}
		name += plan.Columns[c].Name
	}
	if op := opNames[l.expr.Op]; op != "" {
		name += " " + op
	}
	return name
}

var aggregateNames = map[query.AggKind]string{
	query.AggCount: "count", query.AggHits: "hits", query.AggSum: "sum", query.AggAvg: "avg",
	query.AggVariance: "variance", query.AggStddev: "stddev", query.AggPercentile: "percentile",
	query.AggMin: "min", query.AggMax: "max", query.AggFirst: "first", query.AggLast: "last",
	query.AggAny: "any", query.AggUniq: "uniq", query.AggUniqExact: "uniq_exact",
	query.AggArgMin: "arg_min", query.AggArgMax: "arg_max", query.AggHistogram: "histogram", query.AggTopK: "topk",
}

func argumentName(plan *query.Plan, in *inputPlan) string {
	name := "("
	for i, c := range in.columns {
		if i > 0 {
			name += ", "
		}
		name += plan.Columns[c].Name
	}
	return name + ")"
}
