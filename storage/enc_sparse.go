package storage

import "encoding/binary"

// sparseReader says which rows the values of a sparse column stand in.
type sparseReader struct {
	rows    int
	present []uint16 // ascending
}

// codes spreads the codes of the values over all rows; it makes new memory.
func (r *sparseReader) codes(values *codesReader) Codes {
	codes := Codes{Rows: r.rows, Entries: values.entries, HasNull: true, Width: max(1, codeWidth(values.entries+1))}
	switch {
	case codes.Width <= 8:
		codes.Width = 8
		codes.Packed = make([]byte, r.rows+tailBytes)
		for i := range codes.Packed[:r.rows] {
			codes.Packed[i] = byte(values.entries)
		}
		for i, row := range r.present {
			codes.Packed[row] = byte(codeAt(values.packed, values.width, i))
		}
	default:
		codes.Packed = make([]byte, 2*r.rows+tailBytes)
		for i := range r.rows {
			binary.LittleEndian.PutUint16(codes.Packed[2*i:], uint16(values.entries))
		}
		for i, row := range r.present {
			binary.LittleEndian.PutUint16(codes.Packed[2*int(row):], uint16(codeAt(values.packed, values.width, i)))
		}
	}
	codes.Packed = codes.Packed[: len(codes.Packed)-tailBytes : len(codes.Packed)]
	return codes
}
