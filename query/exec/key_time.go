package exec

// bucket is the bucket of the column time that a time lies in, if they can be
// counted.
func (k *keyPlan) bucket(t int64) int64 {
	since := t - k.Origin
	b := since / k.Width
	if since%k.Width < 0 {
		b--
	}
	return b
}

// keyOfTime numbers the buckets of time in the block from its first one on.
func (g *grouper) keyOfTime(v *blockView, plan *keyPlan, table *keyTable, rows func() []uint16) (blockKey, error) {
	h := v.block.Header()
	first, last := plan.bucket(h.MinTime), plan.bucket(h.MaxTime)
	idOf := func(b int64) uint32 { return table.idOfInt(b*plan.Width + plan.Origin + plan.Shift) }
	if first == last {
		return blockKey{size: 1, resolve: func(int) uint32 { return idOf(first) }}, nil
	}
	if n := uint64(last) - uint64(first); n < localGroupsMax {
		k := blockKey{size: int(n) + 1, codes16: v.u16.take(v.rows)}
		k.resolve = func(code int) uint32 { return idOf(first + int64(code)) }
		return k, v.timeCodes(k.codes16, plan, first, int(n))
	}
	times, err := v.loadInts(v.timeColumn())
	if err != nil {
		return blockKey{}, err
	}
	selected := rows()
	k := blockKey{ids: v.u32.take(len(selected))}
	for i, r := range selected {
		k.ids[i] = idOf(plan.bucket(times[r]))
	}
	return k, nil
}

// edgeRows is for how many rows of a block there may be a border between buckets that
// is searched for: a search reads a run of about so many.
const edgeRows = 1024

// timeCodes writes the number of each row's bucket, counted from first; the block ends
// in bucket last. In a block in the order of time the rows of a bucket are neighbours,
// and where there are few buckets only their borders are searched for.
func (v *blockView) timeCodes(dst []uint16, plan *keyPlan, first int64, last int) error {
	if last <= len(dst)/edgeRows {
		done := 0
		for code := range last {
			past, ok, err := v.timesBelow((first+int64(code)+1)*plan.Width + plan.Origin)
			switch {
			case err != nil:
				return err
			case !ok:
				return v.timeCodesEach(dst, plan, first)
			}
			fill(dst[done:max(done, past)], uint16(code))
			done = max(done, past)
		}
		fill(dst[done:], uint16(last))
		return nil
	}
	return v.timeCodesEach(dst, plan, first)
}

func (v *blockView) timeCodesEach(dst []uint16, plan *keyPlan, first int64) error {
	times, err := v.loadInts(v.timeColumn())
	if err == nil {
		timeCodes(dst, times, plan, first)
	}
	return err
}

// fill sets all of dst to x, in doubling pieces.
func fill[T any](dst []T, x T) {
	if len(dst) == 0 {
		return
	}
	dst[0] = x
	for n := 1; n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
}

// timeCodes writes the number of each time's bucket, counted from first. Times
// mostly ascend, so most lie in the bucket of the one before, and no division is
// made.
func timeCodes(dst []uint16, times []int64, plan *keyPlan, first int64) {
	code := uint16(0)
	from, size := int64(0), uint64(0) // the present bucket; empty at first
	for i, t := range times {
		if uint64(t-from) >= size {
			b := plan.bucket(t)
			code = uint16(b - first)
			from, size = b*plan.Width+plan.Origin, uint64(plan.Width)
		}
		dst[i] = code
	}
}
