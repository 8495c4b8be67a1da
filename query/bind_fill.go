package query

// bindFill binds FILL, once the keys are known.
func (b *binder) bindFill() error {
	if !b.sel.Fill {
		return nil
	}
	buckets := 0
	for _, k := range b.plan.Keys {
		if k.TimeBucket {
			buckets++
		}
	}
	switch buckets {
	case 0:
		return errorAt(CodeBadRequest, b.sel.FillPos, "FILL needs a time bucket in GROUP BY").withHint("group by time(1m), say")
	case 1:
		b.plan.Fill = true
		return nil
	}
	return errorAt(CodeBadRequest, b.sel.FillPos, "FILL needs a single time bucket in GROUP BY, here are %d", buckets)
}
