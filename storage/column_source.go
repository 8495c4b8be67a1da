package storage

import "math"

// source is values on their way into a section: value i of vec stands in row
// at[i]. The rows that no value names are null.
type source struct {
	vec     *Vector
	n       int // values in vec
	rows    int
	at      []uint32   // nil: value i stands in row i, and every row has one
	weights []heavyRow // rows that weigh more than 1; nil: none
	part    bool       // of another column: no counts are kept
}

func (s *source) nulls() int { return s.rows - s.n }

// appendValid appends the bitmap of rows that are not null, if some are.
func (s *source) appendValid(dst []byte) []byte {
	if s.nulls() == 0 {
		return dst
	}
	return appendBitmapOf(dst, s.rows, s.at)
}

// valueOfRow returns, for each row, the index of its value, or -1; nil where
// row and index are the same.
func (s *source) valueOfRow(e *encoder) []int32 {
	if s.at == nil {
		return nil
	}
	e.inverse = grow(e.inverse, s.rows)
	if s.nulls() > 0 {
		for row := range e.inverse {
			e.inverse[row] = -1
		}
	}
	for i, row := range s.at {
		e.inverse[row] = int32(i)
	}
	return e.inverse
}

// textOfRow is the text of a row; inverse is what valueOfRow returned.
func (s *source) textOfRow(inverse []int32, row int) []byte {
	if inverse == nil {
		return s.vec.Text(row)
	}
	if i := inverse[row]; i >= 0 {
		return s.vec.Text(int(i))
	}
	return nil
}

// codesOfRows spreads the codes of values over the rows; null rows get the code
// after the last.
func (s *source) codesOfRows(d *dictBuilder, e *encoder) []uint16 {
	if s.at == nil {
		return d.codes
	}
	e.rowCodes = grow(e.rowCodes, s.rows)
	codes := e.rowCodes
	if s.nulls() > 0 {
		null := uint16(len(d.first))
		for row := range codes {
			codes[row] = null
		}
	}
	for i, row := range s.at {
		codes[row] = d.codes[i]
	}
	return codes
}

// intsOfRows returns the integer of every row. Null rows repeat the value before
// them, which makes them cheap to pack.
func (s *source) intsOfRows(e *encoder) []int64 {
	if s.at == nil {
		return s.vec.Ints[:s.n]
	}
	e.ints = grow(e.ints, s.rows)
	inverse := s.valueOfRow(e)
	last := s.vec.Ints[0]
	for row, i := range inverse {
		if i >= 0 {
			last = s.vec.Ints[i]
		}
		e.ints[row] = last
	}
	return e.ints
}

// zeroedNulls puts 0 into the null rows of what intsOfRows returned.
func zeroedNulls(s *source, ints []int64) []int64 {
	if s.nulls() == 0 {
		return ints
	}
	clear(ints)
	for i, row := range s.at {
		ints[row] = s.vec.Ints[i]
	}
	return ints
}

// floatsOfRows returns the float of every row in canonical form; null rows hold
// 0.
func (s *source) floatsOfRows(e *encoder) []float64 {
	e.floats = grow(e.floats, s.rows)
	floats := e.floats
	if s.at == nil {
		for row, x := range s.vec.Floats {
			floats[row] = canonicalFloat(x)
		}
		return floats
	}
	clear(floats)
	for i, row := range s.at {
		floats[row] = canonicalFloat(s.vec.Floats[i])
	}
	return floats
}

// canonicalNaN is the one NaN that blocks hold.
const canonicalNaN = 0x7ff8000000000001

// canonicalFloat makes equal floats have equal bits: one NaN, one zero.
func canonicalFloat(x float64) float64 {
	if x != x {
		return math.Float64frombits(canonicalNaN)
	}
	return x + 0 // -0 + 0 is 0
}

func floatBits(x float64) uint64 { return math.Float64bits(canonicalFloat(x)) }

// floatKey maps canonical floats to integers of the same order, NaN last.
func floatKey(x float64) int64 {
	b := int64(floatBits(x))
	return b ^ b>>63&math.MaxInt64
}

func floatOfKey(key int64) float64 {
	return math.Float64frombits(uint64(key ^ key>>63&math.MaxInt64))
}

func addSaturating(a, b uint64) uint64 {
	if sum := a + b; sum >= a {
		return sum
	}
	return math.MaxUint64
}

// Weight is the number of events that a row with this sample_rate stands for: an
// integer of at least 1, written as an integer or a float, else 1.
func Weight(rate Value) uint64 {
	switch {
	case rate.Type == TypeInt64 && rate.Int > 1:
		return uint64(rate.Int)
	case rate.Type == TypeFloat64 && rate.Float > 1 && rate.Float < 1<<63 && rate.Float == math.Trunc(rate.Float):
		return uint64(rate.Float)
	}
	return 1
}
