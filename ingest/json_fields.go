package ingest

import (
	"bytes"
	"encoding/binary"
)

// nameHead is how many bytes of a name, with quotes and colon, are compared at
// once.
const nameHead = 16

// jsonField is a name in an object of a certain path, as rows have shown it.
type jsonField struct {
	quoted []byte    // `"name":` as it stands in the body; nil if that is not unique
	head   [2]uint64 // its first 16 bytes
	mask   [2]uint64 // all ones where head has a byte
	short  bool      // that is all of it
	name   []byte    // full, with dots
	rank   uint8     // time field, see rowTimes
	slot   int       // in the batch of chunk gen
	gen    uint64
	body   uint64      // the last that showed it; in another one it is as good as new
	object *jsonObject // for values that are objects; made when first met
	next   *jsonField  // what followed it last time, a guess
}

// jsonObject is the path of an object: the row itself, or a field's value.
type jsonObject struct {
	prefix []byte // full name and a dot; nil for the row
	fields map[string]*jsonField
	first  *jsonField // what came first last time, a guess
}

// jsonNames is all names a decoder has met: a tree of objects and fields. What
// it kept from bodies before only saves work: a name counts as new until the
// body itself has shown it, so that the limits fall where they fall without.
type jsonNames struct {
	root  *jsonObject
	kept  int    // fields in the tree
	known int    // of them shown by the body
	fresh int    // of them new in the open row
	gen   uint64 // of the chunk
	body  uint64
}

func newJSONNames() *jsonNames {
	return &jsonNames{root: newJSONObject(nil), body: 1}
}

func newJSONObject(prefix []byte) *jsonObject {
	return &jsonObject{prefix: prefix, fields: make(map[string]*jsonField)}
}

// beginBody makes all names new.
func (s *jsonNames) beginBody() {
	s.body++
	s.known, s.fresh = 0, 0
}

// bytes is about what the tree takes.
func (s *jsonNames) bytes() int { return s.kept * pooledNameBytes }

// beginChunk makes all slots unknown: the chunk has another batch.
func (s *jsonNames) beginChunk() { s.gen++ }

// beginRow forgets all names if they have become too many.
func (s *jsonNames) beginRow() {
	s.fresh = 0
	if s.known > fieldsKnownMax {
		s.root = newJSONObject(nil)
		s.known, s.kept = 0, 0
	}
}

// match tells whether buf goes on with the field's name and colon.
func (f *jsonField) match(buf []byte, i int) bool {
	return f.matchHead(buf, i) && (f.short || f.matchLong(buf[i:]))
}

// matchHead is all of match for the 16 bytes that nearly all names fit in, and
// small enough to be inlined.
func (f *jsonField) matchHead(buf []byte, i int) bool {
	lo, hi := binary.LittleEndian.Uint64(buf[i:]), binary.LittleEndian.Uint64(buf[i+8:])
	return (lo^f.head[0])&f.mask[0]|(hi^f.head[1])&f.mask[1] == 0
}

// matchLong is the rest of match for the names that are longer, or have no form
// of their own.
func (f *jsonField) matchLong(buf []byte) bool {
	return len(f.quoted) > 0 && bytes.HasPrefix(buf, f.quoted)
}

// setQuoted notes the form of the name in the body.
func (f *jsonField) setQuoted(quoted []byte) {
	f.quoted, f.short = quoted, len(quoted) <= nameHead
	var head, mask [nameHead]byte
	for i := range copy(head[:], quoted) {
		mask[i] = 0xFF
	}
	for i := range f.head {
		f.head[i] = binary.LittleEndian.Uint64(head[8*i:])
		f.mask[i] = binary.LittleEndian.Uint64(mask[8*i:])
	}
}

// meet tells whether a field that was matched may be taken: not where it would
// be one new name too many.
func (s *jsonNames) meet(f *jsonField) bool {
	if f.body == s.body {
		return true
	}
	if s.fresh >= ColumnsPerRowMax {
		return false
	}
	f.body = s.body
	s.known++
	s.fresh++
	return true
}

// field returns the field of a name, which is not escaped any more. quoted is
// its form in the body with quotes, nil if it is not to be compared. What it
// returns is nil, with a reason, if the name breaks a limit.
func (s *jsonNames) field(o *jsonObject, name, quoted []byte, c *chunker) (*jsonField, failure) {
	if f, ok := o.fields[string(name)]; ok {
		if !s.meet(f) {
			return nil, failColumns
		}
		return f, failNone
	}
	switch {
	case len(name) == 0:
		return nil, failEmptyName
	case len(o.prefix)+len(name) > NameBytesMax:
		return nil, failNameLong
	case s.fresh >= ColumnsPerRowMax:
		return nil, failColumns
	}
	f := &jsonField{body: s.body}
	// One allocation for both forms of the name.
	full := make([]byte, 0, len(o.prefix)+len(name)+len(quoted)+1)
	full = append(append(full, o.prefix...), name...)
	if quoted != nil {
		both := append(append(full, quoted...), ':')
		f.setQuoted(both[len(full):])
	}
	f.name = full[:len(full):len(full)]
	f.rank = c.times.rank(string(f.name))
	o.fields[string(name)] = f
	s.kept++
	s.known++
	s.fresh++
	return f, failNone
}

// slotOf returns the field's slot in the chunk's batch.
func (s *jsonNames) slotOf(f *jsonField, c *chunker) int {
	if f.gen != s.gen {
		f.gen = s.gen
		f.slot = c.slot(f.name)
	}
	return f.slot
}

// objectOf returns the path of a field's value.
func (f *jsonField) objectOf() *jsonObject {
	if f.object == nil {
		f.object = newJSONObject(append(bytes.Clone(f.name), '.'))
	}
	return f.object
}
