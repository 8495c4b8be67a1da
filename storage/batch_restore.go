package storage

import (
	"fmt"
	"unicode/utf8"
)

// RestoreBatch makes a batch of columns that come from another process, and
// takes them over. They are checked for all that a Batch otherwise sees to by
// itself: what no decoder could have built is an error.
func RestoreBatch(times []int64, slots []Slot) (*Batch, error) {
	if len(times) > RowsPerBlockMax {
		return nil, fmt.Errorf("a batch of %d rows; at most %d", len(times), RowsPerBlockMax)
	}
	b := &Batch{rows: len(times), times: times, slots: slots, byName: make(map[string]int, len(slots)), stamp: 1}
	var taken []uint64 // rows of the slot that hold a value
	for i := range slots {
		s := &slots[i]
		if _, twice := b.byName[s.Name]; twice || s.Name == "" || s.Name == TimeColumn ||
			len(s.Name) > ColumnNameBytesMax || !utf8.ValidString(s.Name) {
			return nil, fmt.Errorf("a batch with a column named %.100q", s.Name)
		}
		b.byName[s.Name] = i
		if taken == nil {
			taken = make([]uint64, (len(times)+63)/64)
		}
		clear(taken)
		for t, v := range s.Vectors {
			if v == nil {
				continue
			}
			if err := v.check(Type(t), len(times), taken); err != nil {
				return nil, fmt.Errorf("column %.100q of a batch: %w", s.Name, err)
			}
		}
	}
	return b, nil
}

// check holds a vector against its type and the rows of its batch, and marks its
// rows as taken.
func (v *Vector) check(t Type, rows int, taken []uint64) error {
	if v.Type != t || t == TypeNull || v.Coded {
		return fmt.Errorf("a vector of %v in the place of %v", v.Type, t)
	}
	last := int64(-1)
	for _, row := range v.Rows {
		if int64(row) <= last || int(row) >= rows {
			return fmt.Errorf("row %d after row %d of %d", row, last, rows)
		}
		last = int64(row)
		if taken[row>>6]&(1<<(row&63)) != 0 {
			return fmt.Errorf("two values in row %d", row)
		}
		taken[row>>6] |= 1 << (row & 63)
	}
	n := len(v.Rows)
	ints, floats, lists, ends := 0, 0, 0, 0
	switch t {
	case TypeFloat64:
		floats = n
	case TypeString:
		ends = n
	case TypeList:
		if lists, ends = n, 0; n > 0 && len(v.Lists) == n {
			ends = int(v.Lists[n-1])
		}
	default:
		ints = n
	}
	if len(v.Ints) != ints || len(v.Floats) != floats || len(v.Lists) != lists || len(v.Ends) != ends {
		return fmt.Errorf("arrays that do not fit %d values of %v", n, t)
	}
	if t == TypeBool {
		for _, x := range v.Ints {
			if x&^1 != 0 {
				return fmt.Errorf("the bool %d", x)
			}
		}
	}
	return v.checkText()
}

// checkText holds the texts and lists of a vector against the limits.
func (v *Vector) checkText() error {
	from := uint32(0)
	for _, end := range v.Lists {
		if end < from || end-from > ListItemsMax {
			return fmt.Errorf("a list of %d items", int64(end)-int64(from))
		}
		from = end
	}
	start := uint32(0)
	for _, end := range v.Ends {
		if end < start || int64(end) > int64(len(v.Bytes)) || end-start > ValueBytesMax {
			return fmt.Errorf("a text of %d bytes", int64(end)-int64(start))
		}
		if !utf8.Valid(v.Bytes[start:end]) {
			return fmt.Errorf("a text that is not UTF-8")
		}
		start = end
	}
	if int(start) != len(v.Bytes) {
		return fmt.Errorf("%d bytes of text that belong to no value", len(v.Bytes)-int(start))
	}
	return nil
}
