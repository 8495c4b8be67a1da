package ingest

import (
	"encoding/binary"
	"errors"
)

// Arrow describes its messages in flatbuffers. A table is
//
//	table   | int32 distance back to its vtable | fields inline ...
//	vtable  | uint16 own bytes | uint16 table bytes | uint16 per field: where in the table, 0 absent
//	vector  | uint32 count | elements
//	string  a vector of bytes; tables, vectors and strings are reached by a uint32 distance forwards
//
// flatTable checks every step against the bytes that are there; nothing is
// allocated by what they claim. The bytes of a table are not among what it
// checks: writers share vtables between tables of different size.
type flatTable struct {
	buf    []byte
	pos    int // of the table
	vtable []byte
}

var errFlat = errors.New("its description is damaged (an offset leads outside)")

// flatRoot returns the table a buffer starts with.
func flatRoot(buf []byte) (flatTable, error) {
	if len(buf) < 4 {
		return flatTable{}, errFlat
	}
	return flatAt(buf, int64(binary.LittleEndian.Uint32(buf)))
}

func flatAt(buf []byte, pos int64) (flatTable, error) {
	if pos < 0 || pos+4 > int64(len(buf)) {
		return flatTable{}, errFlat
	}
	v := pos - int64(int32(binary.LittleEndian.Uint32(buf[pos:])))
	if v < 0 || v+4 > int64(len(buf)) {
		return flatTable{}, errFlat
	}
	vsize := int64(binary.LittleEndian.Uint16(buf[v:]))
	if vsize < 4 || v+vsize > int64(len(buf)) {
		return flatTable{}, errFlat
	}
	return flatTable{buf: buf, pos: int(pos), vtable: buf[v+4 : v+vsize]}, nil
}

// field returns the bytes of inline field n, nil if it is absent.
func (t flatTable) field(n, width int) ([]byte, error) {
	if 2*n+2 > len(t.vtable) {
		return nil, nil
	}
	at := int(binary.LittleEndian.Uint16(t.vtable[2*n:]))
	if at == 0 {
		return nil, nil
	}
	if t.pos+at+width > len(t.buf) {
		return nil, errFlat
	}
	return t.buf[t.pos+at : t.pos+at+width], nil
}

// int returns integer field n of width bytes, missing if it is absent.
func (t flatTable) int(n, width int, missing int64) (int64, error) {
	b, err := t.field(n, width)
	if b == nil {
		return missing, err
	}
	switch width {
	case 1:
		return int64(int8(b[0])), nil
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(b))), nil
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b))), nil
	}
	return int64(binary.LittleEndian.Uint64(b)), nil
}

// follow returns where the distance in field n leads, -1 if it is absent.
func (t flatTable) follow(n int) (int64, error) {
	b, err := t.field(n, 4)
	if b == nil {
		return -1, err
	}
	at := int64(binary.LittleEndian.Uint16(t.vtable[2*n:])) + int64(t.pos)
	return at + int64(binary.LittleEndian.Uint32(b)), nil
}

// table returns the table of field n; ok is false if it is absent.
func (t flatTable) table(n int) (sub flatTable, ok bool, err error) {
	at, err := t.follow(n)
	if at < 0 || err != nil {
		return flatTable{}, false, err
	}
	sub, err = flatAt(t.buf, at)
	return sub, err == nil, err
}

// vector returns the elements of vector field n, width bytes each.
func (t flatTable) vector(n, width int) (data []byte, count int, err error) {
	_, data, count, err = t.vectorAt(n, width)
	return data, count, err
}

func (t flatTable) vectorAt(n, width int) (at int64, data []byte, count int, err error) {
	at, err = t.follow(n)
	if at < 0 || err != nil {
		return 0, nil, 0, err
	}
	if at+4 > int64(len(t.buf)) {
		return 0, nil, 0, errFlat
	}
	items := int64(binary.LittleEndian.Uint32(t.buf[at:]))
	at += 4
	if items*int64(width) > int64(len(t.buf))-at {
		return 0, nil, 0, errFlat
	}
	return at, t.buf[at : at+items*int64(width)], int(items), nil
}

// tables calls f with each table of vector field n.
func (t flatTable) tables(n int, f func(i, count int, sub flatTable) error) error {
	at, data, count, err := t.vectorAt(n, 4)
	if err != nil {
		return err
	}
	for i := range count {
		sub, err := flatAt(t.buf, at+int64(4*i)+int64(binary.LittleEndian.Uint32(data[4*i:])))
		if err == nil {
			err = f(i, count, sub)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
