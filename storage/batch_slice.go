package storage

import "slices"

// A batch that mostly lies on one side of a limit is cut into slices of its rows:
// they share what it holds, where copying it value by value would take as much
// memory again.

// sliceClasses is cutBatch for rows of which those of each class follow one another,
// as those of a stream that comes near the clock. ok is false for others. The parts
// are to be read only, while the batch stays as it is.
func sliceClasses(b *Batch, arrival int64) (parts []batchPart, ok bool) {
	var from, to [len(timeClasses)]int
	last := -1
	for row, t := range b.times {
		class := slices.Index(timeClasses[:], timeClass(t, arrival))
		if class != last {
			if to[class] > 0 {
				return nil, false
			}
			from[class], last = row, class
		}
		to[class] = row + 1
	}
	for i, class := range timeClasses {
		if to[i] > 0 {
			parts = append(parts, cutColumns(batchPart{b.slice(from[i], to[i]), arrival, class})...)
		}
	}
	return parts, true
}

// slice returns rows [from, to) as a batch that shares the values of b. It is to be
// read only, while b stays as it is.
func (b *Batch) slice(from, to int) *Batch {
	part := NewBatch()
	part.times, part.rows = b.times[from:to:to], to-from
	for i := range b.slots {
		s := &b.slots[i]
		for t, v := range s.Vectors {
			if v == nil {
				continue
			}
			low, _ := slices.BinarySearch(v.Rows, uint32(from))
			high, _ := slices.BinarySearch(v.Rows, uint32(to))
			if low < high {
				part.slots[part.Slot([]byte(s.Name))].Vectors[t] = v.slice(low, high, uint32(from))
			}
		}
	}
	return part
}

// slice returns values [low, high), at least one, with their rows counted from first.
func (v *Vector) slice(low, high int, first uint32) *Vector {
	part := &Vector{Type: v.Type, Rows: sliceFrom(v.Rows, low, high, first)}
	switch {
	case v.Type == TypeFloat64:
		part.Floats = v.Floats[low:high:high]
	case v.Coded:
		part.sliceCodes(v, low, high)
	case v.Type == TypeString:
		part.sliceTexts(v, low, high)
	case v.Type == TypeList:
		from, _ := v.Items(low)
		_, to := v.Items(high - 1)
		part.Lists = sliceFrom(v.Lists, low, high, uint32(from))
		part.sliceTexts(v, from, to)
	default:
		part.Ints = v.Ints[low:high:high]
	}
	return part
}

// sliceTexts takes texts [low, high) of a vector that is not Coded.
func (v *Vector) sliceTexts(of *Vector, low, high int) {
	from, to := uint32(0), uint32(0)
	if low > 0 {
		from = of.Ends[low-1]
	}
	if high > 0 {
		to = of.Ends[high-1]
	}
	v.Bytes, v.Ends = of.Bytes[from:to:to], sliceFrom(of.Ends, low, high, from)
}

// sliceCodes takes values [low, high) of a Coded vector, and the entries that occur
// among them.
func (v *Vector) sliceCodes(of *Vector, low, high int) {
	v.Coded = true
	v.Codes = make([]uint16, 0, high-low)
	remap := make([]uint16, len(of.Ends)) // the new code of an entry, + 1: there are fewer than 65,536
	for _, code := range of.Codes[low:high] {
		if remap[code] == 0 {
			entry, ok := v.AppendEntry(textAt(of.Bytes, of.Ends, int(code)))
			if !ok {
				panic("BUG: a part has more entries than the whole")
			}
			remap[code] = entry + 1
		}
		v.Codes = append(v.Codes, remap[code]-1)
	}
	v.CountCodes(0)
}

// sliceFrom returns numbers [low, high) less by first.
func sliceFrom(numbers []uint32, low, high int, first uint32) []uint32 {
	if first == 0 {
		return numbers[low:high:high]
	}
	part := make([]uint32, high-low)
	for i, x := range numbers[low:high] {
		part[i] = x - first
	}
	return part
}
