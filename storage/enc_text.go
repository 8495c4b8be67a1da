package storage

import (
	"errors"
)

// A text column is the ends of the texts and the texts, one after another,
// after the bitmap of rows that are not null, if some are.
//
//	+---------------------+---------+-----+-----------+
//	| bitmap (8 x words)? | end (4) | ... | texts (n) |
//	+---------------------+---------+-----+-----------+

func appendPlainText(dst []byte, s *source, e *encoder) []byte {
	dst = s.appendValid(dst)
	inverse := s.valueOfRow(e)
	end := uint32(0)
	for row := range s.rows {
		end += uint32(len(s.textOfRow(inverse, row)))
		dst = appendUint32(dst, end)
	}
	for row := range s.rows {
		dst = append(dst, s.textOfRow(inverse, row)...)
	}
	return dst
}

func openPlainText(s section, o *opened) error {
	if len(s.data) < s.rows*4 {
		return errShort
	}
	r := plainText{ends: viewUint32(s.data, s.rows), bytes: s.data[s.rows*4:]}
	if !endsFit(r.ends, len(r.bytes)) {
		return errTextEnds
	}
	if o.valid != nil {
		last := uint32(0)
		for row, end := range r.ends {
			if end != last && !bitSet(o.valid, row) {
				return errLengths
			}
			last = end
		}
	}
	o.text = r
	return nil
}

var errTextEnds = errors.New("ends of texts are out of order or past the data")

// endsFit tells whether ends never fall and the last is exactly size.
func endsFit(ends []uint32, size int) bool {
	last := uint32(0)
	for _, end := range ends {
		if end < last {
			return false
		}
		last = end
	}
	return int(last) == size
}

type plainText struct {
	bytes []byte
	ends  []uint32
}

func (r plainText) all(_ []uint64, _ *TextBuf) (Text, error) {
	return Text{Bytes: r.bytes, Ends: r.ends}, nil
}

func (r plainText) appendAt(dst []byte, row int) ([]byte, error) {
	return append(dst, textAt(r.bytes, r.ends, row)...), nil
}
