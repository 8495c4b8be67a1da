package storage

// A constant column is its one value: 8 bytes for numbers, the bytes of a text.
//
//	+--------------+      +-----------+
//	| value (8)    |  or  | text (n)  |
//	+--------------+      +-----------+

// appendConstant encodes value 0 of a source.
func appendConstant(dst []byte, s *source) []byte {
	switch s.vec.Type {
	case TypeString:
		return append(dst, s.vec.Text(0)...)
	case TypeFloat64:
		return appendWord(dst, floatBits(s.vec.Floats[0]))
	default:
		return appendWord(dst, uint64(s.vec.Ints[0]))
	}
}

func openConstant(s section, o *opened) error {
	c := &codesReader{typ: s.typ, entries: 1, rows: s.rows, packed: s.data[:0]}
	switch {
	case s.typ == TypeList:
		return errMismatch
	case s.typ == TypeString:
		if len(s.data) > ValueBytesMax {
			return errMismatch
		}
		c.text = s.data
		c.ends = []uint32{uint32(len(s.data))}
	case len(s.data) != 8:
		return errShort
	case s.typ == TypeFloat64:
		c.floats = viewFloats(s.data, 1)
	default:
		c.ints = viewInts(s.data, 1)
	}
	o.codes = c
	return nil
}
