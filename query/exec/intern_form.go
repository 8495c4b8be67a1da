package exec

import "github.com/kelpdb/kelp/storage"

// formOf returns the number of a form in the table, a new one if there is room;
// -1 if strings of this form are to be looked up as such. Forms that could share a
// string are not taken both, so that a string has one number only.
func (t *byteTable) formOf(form *storage.TextForm) int {
	for i := range t.forms {
		if t.forms[i].form.Equal(form) {
			return i
		}
	}
	if len(t.forms) == formsMax {
		return -1
	}
	for i := range t.forms {
		if !t.forms[i].form.Apart(form) {
			return -1
		}
	}
	f := formTable{form: *form}
	var buf []byte
	for id := range t.refs {
		if uint32(id+1) == t.null {
			continue
		}
		buf = t.appendAt(buf[:0], id)
		if number, ok := form.Parse(buf); ok {
			f.put(number, uint32(id))
		}
	}
	t.forms = append(t.forms, f)
	return len(t.forms) - 1
}

// idOfNumber is id for the string of a number.
func (t *byteTable) idOfNumber(form int, number int64, grow bool) uint32 {
	f := &t.forms[form]
	if id := f.get(number); id != 0 {
		return id - 1
	}
	if !grow {
		return noID
	}
	id := uint32(len(t.refs))
	t.refs = append(t.refs, textRef{a: refNumber | uint64(form), b: uint64(number)})
	f.put(number, id)
	return id
}

// idsAt writes the ids of the numbers of rows, ascending.
func (t *byteTable) idsAt(dst []uint32, form int, numbers []int64, rows []uint16, grow bool) {
	f := &t.forms[form]
	f.expectAll(numbers, rows, len(t.refs))
	dst = dst[:len(rows)]
	direct, low := f.direct, uint64(f.low)
	for i, r := range rows {
		v := numbers[r]
		if at := uint64(v) - low; at < uint64(len(direct)) {
			if id := direct[at]; id != 0 {
				dst[i] = id - 1
				continue
			}
		}
		dst[i] = t.idOfNumber(form, v, grow)
	}
}

// nullID is id for null.
func (t *byteTable) nullID(grow bool) uint32 {
	if t.null == 0 && grow {
		t.refs = append(t.refs, textRef{})
		t.null = uint32(len(t.refs))
	}
	return t.null - 1
}

// join adds the strings of another table and returns the id of each of them here.
func (t *byteTable) join(from *byteTable, grow bool) []uint32 {
	ids := make([]uint32, len(from.refs))
	forms := make([]int, len(from.forms))
	for i := range forms {
		forms[i] = t.formOf(&from.forms[i].form)
		if at := forms[i]; at >= 0 && len(from.forms[i].direct) > 0 {
			f := &from.forms[i]
			t.forms[at].expect(f.low, f.low+int64(len(f.direct)-1), len(from.refs), len(t.refs))
		}
	}
	var buf []byte
	for i, r := range from.refs {
		switch {
		case uint32(i+1) == from.null:
			ids[i] = t.nullID(grow)
			continue
		case r.a&refNumber != 0:
			if form := forms[r.a&^refNumber]; form >= 0 {
				ids[i] = t.idOfNumber(form, int64(r.b), grow)
				continue
			}
		}
		buf = from.appendAt(buf[:0], i)
		ids[i] = t.id(buf, grow)
	}
	return ids
}
