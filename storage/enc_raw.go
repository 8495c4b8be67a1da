package storage

// A raw column is 8 bytes a row, after the bitmap of rows that are not null, if
// some are. Null rows hold 0.
//
//	+------------------------+--------------+-----+
//	| bitmap (8 x words)?    | value (8)    | ... |
//	+------------------------+--------------+-----+

// appendRaw encodes numbers: ints or floats has one for every row.
func appendRaw[T int64 | float64](dst []byte, s *source, values []T) []byte {
	dst = s.appendValid(dst)
	return appendBytesOf(dst, values)
}

func openRaw(s section, o *opened) error {
	if s.typ == TypeString || s.typ == TypeList {
		return errMismatch
	}
	if len(s.data) != s.rows*8 {
		return errShort
	}
	if s.typ == TypeFloat64 {
		o.floats = rawFloats(viewFloats(s.data, s.rows))
	} else {
		o.ints = rawInts(viewInts(s.data, s.rows))
	}
	return nil
}

type rawInts []int64

func (r rawInts) all([]int64) []int64 { return r }
func (r rawInts) at(row int) int64    { return r[row] }

type rawFloats []float64

func (r rawFloats) all([]float64) []float64 { return r }
func (r rawFloats) at(row int) float64      { return r[row] }
