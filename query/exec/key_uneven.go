package exec

// keyOfUneven gives ids to buckets of time of uneven width: months, and days of a
// zone. Times mostly ascend, so most lie in the bucket of the one before, and the
// calendar is asked once for each bucket.
func (g *grouper) keyOfUneven(v *blockView, plan *keyPlan, table *keyTable, rows []uint16) (blockKey, error) {
	times, err := v.loadInts(v.timeColumn())
	if err != nil {
		return blockKey{}, err
	}
	k := blockKey{ids: v.u32.take(len(rows))}
	var id uint32
	from, size := int64(0), uint64(0) // the present bucket; empty at first
	for i, r := range rows {
		if t := times[r]; uint64(t-from) >= size {
			start, end, ok := plan.Bounds(t)
			if !ok { // at the ends of time: whatever the expression makes of it
				return g.keyOfStored(v, plan, table, v.column(plan.columns[0]), rows)
			}
			id = table.idOfInt(start)
			from, size = start-plan.Shift, uint64(end)-uint64(start)
		}
		k.ids[i] = id
	}
	return k, nil
}
