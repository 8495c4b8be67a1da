package aggregator

import (
	"context"
	"math"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// Questions of what a move of an aggregate, or a selection of rows, is made of. They
// are answered by plain questions to the leaves, two for each column: of the rows now
// and before, or selected and not. What is made of the answers stands in
// query/change_factor.go.

const (
	// factorsShown is how many values are shown: more are not read.
	factorsShown = 20

	// factorColumnsMax is how many columns are looked at in one question.
	factorColumnsMax = 200

	// pairColumnsMax is of how many columns, those of the best values, the pairs are
	// looked at; pairGain is how much better than its better half a pair must score,
	// so that it says something that its halves do not.
	pairColumnsMax = 4
	pairGain       = 0.02

	// pairValuesMax is of how many values of a column, those that score best, pairs are
	// made where it has more: of two columns with hundreds of values each there are more
	// combinations than a block has rows.
	pairValuesMax = 48

	// askedAtOnce is how many of its questions one such question has under way.
	askedAtOnce = 4

	// A column is looked at unasked if it takes a table of manyRows at most so many
	// bytes a row: then its values are few. Those of smaller tables all are.
	manyRows            = 200_000
	textBytesNarrow     = 2.5  // codes of 16 bits and their dictionary
	numberBytesNarrow   = 1.25 // a wide number is a measure, no name
	factorColumnsNaming = 10   // of those that are left out so many are named
)

// A sifting looks for the values that tell two sides apart.
type sifting struct {
	a      *Aggregator
	ask    Ask
	run    *running
	change *query.Change
	// sql is the question for a side: 0 is now or selected, 1 before or the rest.
	sql func(side int, sets ...[]int) string
	// weigh turns what was found into shares, given the same for all rows.
	weigh func(all, f *query.Factor)

	answers [2]sideAnswer
	dropped []query.Stats // what answers have cost that nothing was made of
	all     query.Factor
}

// sideAnswer is what stands behind all questions of one side: of the least complete.
type sideAnswer struct {
	*Answer
	costs []query.Stats
}

// askSide asks one question of a side, and returns the answer for each of its sets.
func (s *sifting) askSide(ctx context.Context, side int, sets [][]int) ([]query.ChangeSide, *Answer, error) {
	ask := s.ask
	ask.SQL = s.sql(side, sets...)
	ask.everyGroup = true
	got, err := s.a.runBound(ctx, ask, s.run.progress)
	if err != nil {
		return nil, nil, err
	}
	ans, err := s.a.standing(got, s.run.id)
	if err != nil {
		return nil, nil, err
	}
	plan, p := got.plan, got.partial
	ans.Result = &query.Result{Truncated: p.Truncated, Warnings: slices.Concat(plan.Warnings, p.Warnings)}
	whole := query.ChangeSide{Plan: plan, Partial: p, Env: query.FinalEnv{Now: got.query.Now, From: ans.From, To: ans.To}}
	sides, err := whole.Split()
	return sides, ans, err
}

// A pass is some sets of columns that are asked for together, and what came of them.
type pass struct {
	sets    [][]int
	alls    []query.Factor
	found   [][]query.Factor // by set
	answers [2]*Answer
	dropped []query.Stats // what answers have cost that were too large together
}

// askPass asks both sides at once. If the sets take more memory together than there
// is, it asks for half of them at a time. Too many groups are those of one set: fewer
// sets would not help.
func (s *sifting) askPass(ctx context.Context, sets [][]int) ([]pass, error) {
	p := pass{sets: sets, alls: make([]query.Factor, len(sets)), found: make([][]query.Factor, len(sets))}
	var sides [2][]query.ChangeSide
	both, bothCtx := errgroup.WithContext(ctx)
	for side := range sides {
		both.Go(func() (err error) {
			sides[side], p.answers[side], err = s.askSide(bothCtx, side, sets)
			return err
		})
	}
	if err := both.Wait(); err != nil {
		return nil, err
	}
	for _, ans := range p.answers {
		if cut := ans.Result.Truncated; cut != nil && cut.By == "memory" && len(sets) > 1 {
			return s.askHalves(ctx, &p)
		}
	}
	var each errgroup.Group
	each.SetLimit(askedAtOnce)
	for i, by := range sets {
		each.Go(func() (err error) {
			p.alls[i], p.found[i], err = query.Factors(by, sides[0][i], sides[1][i])
			return err
		})
	}
	return []pass{p}, each.Wait()
}

// askHalves asks for what p was cut short of, half of it at a time.
func (s *sifting) askHalves(ctx context.Context, p *pass) ([]pass, error) {
	half := len(p.sets) / 2
	first, err := s.askPass(ctx, p.sets[:half])
	if err != nil {
		return nil, err
	}
	second, err := s.askPass(ctx, p.sets[half:])
	for _, ans := range p.answers {
		first[0].dropped = append(first[0].dropped, ans.Stats)
	}
	return append(first, second...), err
}

// factors asks both sides by some columns, each combination of bys.
func (s *sifting) factors(ctx context.Context, bys [][]int) ([]query.Factor, error) {
	asked := s.change.Passes(bys)
	passes := make([][]pass, len(asked))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(askedAtOnce / 2) // of two sides each
	for i, sets := range asked {
		group.Go(func() (err error) {
			passes[i], err = s.askPass(ctx, sets)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var list []query.Factor
	for _, p := range slices.Concat(passes...) {
		if s.answers[0].Answer == nil {
			s.all = p.alls[0]
		}
		for side := range s.answers {
			s.answers[side].add(p.answers[side])
		}
		s.dropped = append(s.dropped, p.dropped...)
		for i, found := range p.found {
			for f := range found {
				if s.weigh != nil {
					s.weigh(&p.alls[i], &found[f])
				}
			}
			list = append(list, found...)
		}
	}
	return list, nil
}

// add notes what stands behind one more answer.
func (s *sideAnswer) add(ans *Answer) {
	s.costs = append(s.costs, ans.Stats)
	if s.Answer == nil {
		s.Answer = ans
		return
	}
	warnings, cut := slices.Concat(s.Result.Warnings, ans.Result.Warnings), s.Result.Truncated
	if cut == nil {
		cut = ans.Result.Truncated
	}
	if ans.Completeness.Ratio < s.Completeness.Ratio {
		s.Answer = ans
	}
	s.Result.Warnings, s.Result.Truncated = warnings, cut
}

// stats is what all questions have cost.
func (s *sifting) stats() query.Stats {
	var sum query.Stats
	for _, c := range slices.Concat(s.answers[0].costs, s.answers[1].costs, s.dropped) {
		sum.Add(c)
	}
	return sum
}

// sift finds the values, and the pairs of values, that score best.
func (s *sifting) sift(ctx context.Context) ([]query.Factor, error) {
	done, err := s.a.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var bys [][]int
	for i := range s.change.By {
		bys = append(bys, []int{i})
	}
	singles, err := s.factors(ctx, bys)
	if err != nil {
		return nil, err
	}
	rankFactors(singles)
	asked := pairsOf(singles)
	s.narrow(singles, asked)
	pairs, err := s.factors(ctx, asked)
	if err != nil {
		return nil, err
	}
	pairs = slices.DeleteFunc(pairs, func(f query.Factor) bool {
		return slices.ContainsFunc(f.By, func(i int) bool { return s.change.By[i].IsOther(f.Values[slices.Index(f.By, i)]) })
	})
	score := make(map[string]float64, len(singles))
	for i := range singles {
		score[factorKey(singles[i].By, singles[i].Values)] = singles[i].Score
	}
	for _, p := range pairs {
		best := math.Inf(-1)
		for k := range p.By {
			half := score[factorKey(p.By[k:k+1], p.Values[k:k+1])] // 0: it was not among those weighed
			best = math.Max(best, half)
		}
		if p.Score >= best+pairGain {
			singles = append(singles, p)
		}
	}
	singles = slices.DeleteFunc(singles, func(f query.Factor) bool { return !(f.Score > 0) })
	rankFactors(singles)
	return singles[:min(len(singles), factorsShown)], nil
}

func rankFactors(list []query.Factor) {
	slices.SortFunc(list, func(a, b query.Factor) int { return query.CompareFactors(&a, &b) })
}

// factorKey names a combination of values.
func factorKey(by []int, values []storage.Value) string {
	var key []byte
	for i, v := range values {
		key = append(key, byte(by[i]), byte(by[i]>>8), byte(v.Type))
		key = query.AppendJSONValue(key, v)
	}
	return string(key)
}

// pairsOf is the pairs of the columns that the best values are of.
func pairsOf(ranked []query.Factor) (pairs [][]int) {
	var columns []int
	for i := range ranked {
		if c := ranked[i].By[0]; ranked[i].Score > pairGain && len(columns) < pairColumnsMax && !slices.Contains(columns, c) {
			columns = append(columns, c)
		}
	}
	slices.Sort(columns)
	for i, a := range columns {
		for _, b := range columns[i+1:] {
			pairs = append(pairs, []int{a, b})
		}
	}
	return pairs
}

// narrow leaves the columns of pairs only their best values, if they have many.
func (s *sifting) narrow(ranked []query.Factor, pairs [][]int) {
	values := make(map[int][]storage.Value)
	for i := range ranked {
		c := ranked[i].By[0]
		values[c] = append(values[c], ranked[i].Values[0])
	}
	for _, c := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(pairs...)))) {
		if list := values[c]; len(list) > pairValuesMax {
			s.change.Narrow(c, list, pairValuesMax)
		}
	}
}

// explainChange answers EXPLAIN CHANGE.
func (a *Aggregator) explainChange(ctx context.Context, ask Ask, stmt *query.ExplainChange) (*Answer, error) {
	return a.underWay(ctx, ask, func(ctx context.Context, ask Ask, run *running) (*Answer, error) {
		q := a.queryOf(&ask, stmt.Table)
		change, err := query.BindChange(stmt, q)
		if err != nil {
			return nil, err
		}
		s := &sifting{a: a, ask: ask, run: run, change: change}
		s.sql = func(side int, sets ...[]int) string {
			return change.SQL([2]query.Range{change.Present, change.Past}[side], sets...)
		}
		warnings, err := s.chooseColumns(ctx, stmt.All)
		if err != nil {
			return nil, err
		}
		list, err := s.sift(ctx)
		if err != nil {
			return nil, err
		}
		return s.answer(list, warnings), nil
	})
}

// queryOf is a query of a table as it is bound now, with the time fixed in ask.
func (a *Aggregator) queryOf(ask *Ask, table string) *query.Query {
	if ask.now == 0 {
		ask.now = a.cfg.Now().UnixNano()
	}
	schema, from, to, _ := a.book.schema(table)
	return &query.Query{SQL: ask.SQL, Now: ask.now, Zone: ask.TZ, Schema: schema, DataFrom: from, DataTo: to}
}

// chooseColumns takes all columns of few values, if all are asked for, and says
// which it leaves out.
func (s *sifting) chooseColumns(ctx context.Context, all bool) (warnings []string, err error) {
	if all {
		d, err := s.a.describe(ctx, s.change.Table)
		if err != nil {
			return nil, err
		}
		var names, wide []string
		for i := range d.Columns {
			switch c := &d.Columns[i]; {
			case !c.namesThings():
			case c.narrow(d.Rows):
				names = append(names, c.Name)
			default:
				wide = append(wide, c.Name)
			}
		}
		s.change.ByColumns(names)
		if len(wide) > 0 {
			more := ""
			if len(wide) > factorColumnsNaming {
				wide, more = wide[:factorColumnsNaming], " and others"
			}
			warnings = append(warnings, "columns of many values are left out: "+strings.Join(wide, ", ")+more+"; name them in BY to look at them")
		}
	}
	switch n := len(s.change.By); {
	case n == 0:
		return nil, badRequest("there is no column to explain the change by", "name some in BY")
	case n > factorColumnsMax:
		return nil, badRequest("there are more columns than can be looked at at once", "name some in BY, 200 at most")
	}
	return warnings, nil
}

// namesThings tells whether the values of a column are names of things, and not
// measures, lists or the columns that every row has.
func (c *columnJSON) namesThings() bool {
	named := false
	for t, share := range c.Types {
		switch {
		case share > 0 && (t == storage.TypeString.String() || t == storage.TypeBool.String() || t == storage.TypeInt64.String()):
			named = true
		case share > 0:
			return false
		}
	}
	return named && c.Name != storage.TimeColumn && c.Name != storage.SampleRateColumn
}

// narrow tells whether a column of so many rows has few values.
func (c *columnJSON) narrow(rows uint64) bool {
	most := textBytesNarrow
	if c.Types[storage.TypeInt64.String()] > 0 {
		most = numberBytesNarrow
	}
	return rows < manyRows || float64(c.Bytes) <= most*float64(rows)
}

// answer is the answer to EXPLAIN CHANGE: all rows first, then the values.
func (s *sifting) answer(list []query.Factor, warnings []string) *Answer {
	ans := s.answers[0].Answer
	past := s.answers[1].Answer
	res := newResult("column", storage.TypeString, "value", storage.TypeString, "and_column", storage.TypeString, "and_value", storage.TypeString,
		"score", storage.TypeFloat64, "share", storage.TypeFloat64, "expected", storage.TypeFloat64,
		"now", storage.TypeFloat64, "before", storage.TypeFloat64, "events", storage.TypeFloat64, "events_before", storage.TypeFloat64)
	for _, f := range append([]query.Factor{s.all}, list...) {
		var named [4]storage.Value
		for i := range f.By {
			named[2*i] = storage.String(s.change.By[f.By[i]].Name)
			if v := f.Values[i]; !v.IsNull() {
				named[2*i+1] = storage.String(query.CanonicalText(v))
			}
		}
		row := named[:]
		for _, x := range []float64{f.Score, f.Share, f.Expected, f.Now, f.Before, f.Events, f.EventsBefore} {
			row = append(row, floatOrNull(x))
		}
		addRow(res, row...)
	}
	res.Truncated = ans.Result.Truncated
	if res.Truncated == nil {
		res.Truncated = past.Result.Truncated
	}
	res.Warnings = slices.Concat(ans.Result.Warnings, past.Result.Warnings, warnings)
	if s.all.Now == s.all.Before {
		res.Warnings = append(res.Warnings, s.change.Name+" has not moved: there is nothing to explain")
	}
	slices.Sort(res.Warnings)
	res.Warnings = slices.Compact(res.Warnings)
	ans.Result, ans.Stats = res, s.stats()
	ans.Compare = &Compare{From: past.From, To: past.To, Completeness: past.Completeness}
	return ans
}

func floatOrNull(x float64) storage.Value {
	if x != x {
		return storage.Value{}
	}
	return storage.Float(x)
}
