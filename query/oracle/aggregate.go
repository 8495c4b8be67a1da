package oracle

import (
	"cmp"
	"math"
	"math/big"
	"slices"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// How far an answer may be from the exact one.
const (
	tolSum        = 1e-12 // relative: float sums
	tolSpread     = 1e-9  // relative: variance and stddev
	tolPercentile = 0.01
	tolDistinct   = 0.04 // five standard errors of 0.8%
)

// sample is one value that an aggregate takes in.
type sample struct {
	value  storage.Value
	weight int64
	time   int64
	by     storage.Value // arg_min, arg_max
}

// weight is how many events a row stands for.
func (o *oracle) weight(row Row) int64 {
	if o.sel.Raw {
		return 1
	}
	n := row[storage.SampleRateColumn]
	switch {
	case n.Type == storage.TypeInt64 && n.Int >= 1:
		return n.Int
	case n.Type == storage.TypeFloat64 && n.Float >= 1 && n.Float == math.Trunc(n.Float) && n.Float < 1<<62:
		return int64(n.Float)
	}
	return 1
}

// samples are the rows that pass the filter, with the argument's value; nulls
// are left out if there is an argument.
func (o *oracle) samples(e *query.Call, c ctx) []sample {
	var out []sample
	arg := len(e.Args) > 0 && e.Name != "count_if"
	var value query.Expr
	if arg {
		value = e.Args[0]
	}
	if e.Name == "topk" {
		value = e.Args[1]
	}
	for _, row := range c.group.rows {
		in := c.inner(row)
		if e.Filter != nil && !o.isTrue(e.Filter, in) || e.Name == "count_if" && !o.isTrue(e.Args[0], in) {
			continue
		}
		s := sample{weight: o.weight(row), time: row[storage.TimeColumn].Int}
		if arg {
			in.row = asStored(row)
			s.value = o.eval(value, in)
			// Of a column of several types numbers are what they are stored as.
			switch v := o.stored(value, in); {
			case v.Type == storage.TypeBool && sums(e.Name), v.Type == storage.TypeFloat64 && ofNumbers(e.Name):
				s.value = v
			}
			if isNull(s.value) {
				continue
			}
		}
		if e.Name == "arg_min" || e.Name == "arg_max" {
			if s.by = o.eval(e.Args[1], in); isNull(s.by) || s.by.Type == storage.TypeFloat64 && math.IsNaN(s.by.Float) {
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// sums tells the aggregates that add up.
func sums(name string) bool { return name == "sum" || name == "avg" || name == "rate" }

// ofNumbers tells the aggregates that take values in numeric context.
func ofNumbers(name string) bool {
	_, share := percentileShare(name)
	return share || sums(name) || name == "histogram" || name == "percentile" || name == "stddev" || name == "variance"
}

func (o *oracle) aggregate(e *query.Call, c ctx) storage.Value {
	samples := o.samples(e, c)
	if share, ok := percentileShare(e.Name); ok {
		r, _ := new(big.Rat).SetString(share)
		return o.percentile(samples, r)
	}
	switch e.Name {
	case "count":
		if e.Distinct {
			return storage.Int(distinct(samples))
		}
		return storage.Int(totalWeight(samples))
	case "count_if":
		return storage.Int(totalWeight(samples))
	case "hits":
		return storage.Int(int64(len(samples)))
	case "uniq":
		n := distinct(samples)
		o.abs += math.Floor(tolDistinct * float64(n))
		return storage.Int(n)
	case "uniq_exact":
		return storage.Int(distinct(samples))
	case "sum":
		if c.group.filled {
			return coerce(storage.Int(0), o.typeOf(e, c))
		}
		v, _ := o.sum(e, samples, c)
		return v
	case "avg":
		v, weight := o.sum(e, samples, c)
		if isNull(v) {
			return null
		}
		o.tol = max(o.tol, tolSum)
		return storage.Float(float(v) / float64(weight))
	case "variance", "stddev":
		return o.spread(samples, e.Name == "stddev")
	case "percentile":
		return o.percentile(samples, ratio(float(o.eval(e.Args[1], c.inner(nil)))))
	case "rate":
		return o.rate(e, samples, c)
	case "arg_min", "arg_max":
		return argOf(e.Name, samples)
	case "topk":
		return topOf(int(o.eval(e.Args[0], c.inner(nil)).Int), samples)
	case "histogram":
		bins := 20
		if len(e.Args) > 1 {
			bins = int(o.eval(e.Args[1], c.inner(nil)).Int)
		}
		return histogramOf(bins, samples)
	}
	return extreme(e.Name, samples)
}

// totalWeight counts events; past int64 it stays at the largest.
func totalWeight(samples []sample) int64 {
	n := new(big.Int)
	for _, s := range samples {
		n.Add(n, big.NewInt(s.weight))
	}
	if !n.IsInt64() {
		return math.MaxInt64
	}
	return n.Int64()
}

func distinct(samples []sample) int64 {
	seen := make(map[string]bool)
	for _, s := range samples {
		seen[keyText(s.value)] = true
	}
	return int64(len(seen))
}

// addend is a value in numeric context; to sums true is 1.
func addend(v storage.Value) storage.Value {
	if v.Type == storage.TypeBool {
		return storage.Int(v.Int)
	}
	return number(v)
}

// sum adds up exactly. What is not a finite number makes the sum what floats make of it.
func (o *oracle) sum(e *query.Call, samples []sample, c ctx) (storage.Value, int64) {
	total := new(big.Float).SetPrec(2400) // exact: any float64 times any weight fits
	special := 0.0
	var weight int64
	for _, s := range samples {
		n := addend(s.value)
		if isNull(n) {
			continue
		}
		weight += s.weight
		f := float(n)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			special += f
			continue
		}
		x := new(big.Float).SetPrec(2400).SetInt64(n.Int)
		if n.Type == storage.TypeFloat64 {
			x.SetFloat64(n.Float)
		}
		total.Add(total, x.Mul(x, new(big.Float).SetInt64(s.weight)))
	}
	if weight == 0 {
		return null, 0
	}
	whole := o.typeOf(e, c) == storage.TypeInt64 || e.Name == "rate" && o.typeOf(e.Args[0], c.inner(nil)) == storage.TypeInt64
	if whole && e.Name != "avg" {
		if n, acc := total.Int64(); acc == big.Exact {
			return storage.Int(n), weight
		}
		if e.Name == "sum" && !o.floats[e] {
			o.floats[e] = true
			clear(o.types)
		}
	}
	f, _ := total.Float64()
	if special != 0 {
		f = special
	}
	o.tol = max(o.tol, tolSum)
	return storage.Float(f), weight
}

// spread is the sample variance, weighted, or its root.
func (o *oracle) spread(samples []sample, root bool) storage.Value {
	var weight int64
	mean, square := new(big.Float).SetPrec(600), new(big.Float).SetPrec(600)
	var values []sample
	infinite := false // or not a number
	for _, s := range samples {
		if s.value = number(s.value); isNull(s.value) {
			continue
		}
		weight += s.weight
		if f := float(s.value); math.IsNaN(f) || math.IsInf(f, 0) {
			infinite = true
			continue
		}
		values = append(values, s)
		x := exactly(s.value)
		mean.Add(mean, x.Mul(x, new(big.Float).SetInt64(s.weight)))
	}
	if weight < 2 {
		return null
	}
	if infinite {
		return storage.Float(math.NaN())
	}
	mean.Quo(mean, new(big.Float).SetInt64(weight))
	for _, s := range values {
		d := exactly(s.value)
		d.Sub(d, mean)
		d.Mul(d, d)
		square.Add(square, d.Mul(d, new(big.Float).SetInt64(s.weight)))
	}
	v, _ := square.Quo(square, new(big.Float).SetInt64(weight-1)).Float64()
	m, _ := mean.Float64()
	o.tol = max(o.tol, tolSpread)
	o.abs += math.Abs(m) * 1e-12
	if root {
		v = math.Sqrt(v)
	}
	return storage.Float(v)
}

func exactly(v storage.Value) *big.Float {
	x := new(big.Float).SetPrec(600)
	if v.Type == storage.TypeInt64 {
		return x.SetInt64(v.Int)
	}
	return x.SetFloat64(v.Float)
}

// numbersOf is the samples that are numbers, NaN left out.
func numbersOf(samples []sample) []sample {
	var values []sample
	for _, s := range samples {
		if s.value = number(s.value); !isNull(s.value) && !math.IsNaN(float(s.value)) {
			values = append(values, s)
		}
	}
	return values
}

// percentile is the smallest value whose cumulative weight reaches the share of
// the total.
func (o *oracle) percentile(samples []sample, share *big.Rat) storage.Value {
	values := numbersOf(samples)
	if len(values) == 0 {
		return null
	}
	slices.SortFunc(values, func(a, b sample) int { return cmp.Compare(float(a.value), float(b.value)) })
	total := new(big.Rat).SetInt64(totalWeight(values))
	want := total.Mul(total, share)
	reached := new(big.Rat)
	o.tol = max(o.tol, tolPercentile)
	for _, s := range values {
		if reached.Add(reached, new(big.Rat).SetInt64(s.weight)); reached.Cmp(want) >= 0 {
			return storage.Float(float(s.value))
		}
	}
	panic("BUG: the share is above 1")
}

// rate divides by the width of the time bucket, else by the range.
func (o *oracle) rate(e *query.Call, samples []sample, c ctx) storage.Value {
	total := storage.Int(totalWeight(samples))
	if len(e.Args) > 0 {
		total, _ = o.sum(e, samples, c)
	}
	if c.group.filled {
		total = storage.Int(0)
	} else if isNull(total) || len(samples) == 0 {
		return null // over nothing only counts are 0
	}
	if o.ranking {
		return storage.Float(float(total))
	}
	from, to := o.from, o.to
	if from == math.MinInt64 {
		from = o.dataFrom
	}
	if to == math.MaxInt64 {
		to = o.dataTo
	} else if o.closed {
		to--
	}
	by := seconds(new(big.Int).Sub(big.NewInt(to), big.NewInt(from)))
	for _, k := range o.keys {
		if k.bucket != nil {
			by = k.bucket.seconds(k.bucket.start(c.row[storage.TimeColumn].Int))
			break
		}
	}
	if by <= 0 {
		return null
	}
	o.tol = max(o.tol, tolSum)
	return storage.Float(float(total) / by)
}

// extreme is min, max, any, first and last.
func extreme(name string, samples []sample) storage.Value {
	best := sample{}
	for _, s := range samples {
		if (name == "min" || name == "max") && s.value.Type == storage.TypeFloat64 && math.IsNaN(s.value.Float) {
			continue
		}
		if isNull(best.value) {
			best = s
			continue
		}
		c, t := order(s.value, best.value), cmp.Compare(s.time, best.time)
		better := c < 0
		switch name {
		case "max":
			better = c > 0
		case "first":
			better = t < 0 || t == 0 && c < 0
		case "last":
			better = t > 0 || t == 0 && c < 0
		}
		if better {
			best = s
		}
	}
	return best.value
}
