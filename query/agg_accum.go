package query

import "math"

// floatSums are sums of floats, one per group, each with the rounding errors
// it made so far beside it (compensated summation after Neumaier, by Knuth's
// TwoSum, which needs no branch). The error of the result is that of one
// rounding plus n² ε² of the sum of magnitudes, so the order of rows and of
// merges does not show within 1e-12.
type floatSums struct {
	Sum, Err []float64
}

func (f *floatSums) grow(n int) {
	f.Sum, f.Err = growSlice(f.Sum, n), growSlice(f.Err, n)
}

// add adds x to the sum of group g.
func (f *floatSums) add(g uint32, x float64) {
	s := f.Sum[g]
	t := s + x
	back := t - s
	f.Sum[g] = t
	f.Err[g] += (s - (t - back)) + (x - back)
}

// addProduct adds x*y, with what the product itself rounds away.
func (f *floatSums) addProduct(g uint32, x, y float64) {
	p := x * y
	f.add(g, p)
	f.Err[g] += math.FMA(x, y, -p)
}

// merge adds the sum of group i of src to group g.
func (f *floatSums) merge(g uint32, src *floatSums, i int) {
	f.add(g, src.Sum[i])
	f.Err[g] += src.Err[i]
}

// value is the sum of group g. Infinities and NaN make the errors NaN; the sum
// itself is right then.
func (f *floatSums) value(g int) float64 {
	if s := f.Sum[g]; s-s != 0 {
		return s
	}
	return f.Sum[g] + f.Err[g]
}

func (f *floatSums) bytes() int { return 8 * (cap(f.Sum) + cap(f.Err)) }
