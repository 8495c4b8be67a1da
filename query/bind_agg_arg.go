package query

import "math"

// countArg reads the whole number that an aggregate takes beside its value: the
// k of topk, the bins of a histogram.
func (b *binder) countArg(agg *Agg, e Expr, inner scope) error {
	what, most := "k of topk", topkMax
	if agg.Kind == AggHistogram {
		what, most = "number of bins", histogramBinsMax
	}
	n, err := b.expr(e, inner)
	if err != nil {
		return err
	}
	value, ok := FloatOf(n.Const)
	if n.Op != OpConst || !ok || value != math.Trunc(value) || value < 1 || value > float64(most) {
		err := errorAt(CodeBadRequest, e.Position(), "the %s is a constant from 1 to %d", what, most)
		if agg.Kind == AggTopK && n.Op != OpConst {
			return err.withHint("k comes first: topk(5, x)")
		}
		return err
	}
	agg.Param = value
	return nil
}
