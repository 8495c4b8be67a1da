package storage

import (
	"fmt"
	"unsafe"
)

// Batch is a run of at most RowsPerBlockMax rows in column form, as a decoder
// fills it, before it is encoded into a block.
//
// A decoder asks for the slot of a name once (Slot), sets values of the open
// row by slot and type, and closes the row with EndRow, or takes back all it
// has set with AbortRow. Setting a slot twice in one row keeps the last value,
// whatever the types. Nothing is allocated per field once the arrays have grown.
//
// A Batch is owned by one goroutine at a time; the bytes given to it are copied,
// but for what is lent to it (Vector.Lend).
type Batch struct {
	rows    int
	times   []int64
	slots   []Slot
	byName  map[string]int
	touched []int  // slots set in the open row
	stamp   uint64 // of the open row; no two rows of a batch's life have the same
}

// Slot holds the values of one name: one Vector for each type that occurred.
type Slot struct {
	Name    string
	Vectors [typesCount]*Vector // by Type; nil where the type did not occur
	last    Type                // type set in the row of that stamp
	row     uint64              // stamp of the last row that has it set; 0: none
}

// Vector is the non-null values of one stored column (name, type) of a batch:
// value i stands in row Rows[i].
type Vector struct {
	Type   Type
	Rows   []uint32  // ascending
	Ints   []int64   // TypeBool, TypeInt64, TypeTime
	Floats []float64 // TypeFloat64
	Bytes  []byte    // TypeString: the texts one after another; TypeList: the items
	Ends   []uint32  // TypeString: end of text i in Bytes; TypeList: end of item j in Bytes
	Lists  []uint32  // TypeList: end of list i, counted in items

	// Coded says that value i is text Codes[i] of Bytes and Ends, each of which
	// occurs; TypeString alone. CodedBytes is the length of all values together.
	Coded      bool
	Codes      []uint16
	CodedBytes int
	sizes      []uint32 // of the texts, as far as CountCodes needed them

	lent bool // some of the arrays are, or were, those of Lend or LendRows

	// So many elements of this array, which Rows were in, are their own index, but
	// for those that were appended since.
	counted   int
	countedIn *uint32
}

// Len is the number of values.
func (v *Vector) Len() int { return len(v.Rows) }

// Text returns text i of a string vector, or item i of a list vector. It
// points into the vector.
func (v *Vector) Text(i int) []byte {
	if v.Coded {
		i = int(v.Codes[i])
	}
	start := uint32(0)
	if i > 0 {
		start = v.Ends[i-1]
	}
	return v.Bytes[start:v.Ends[i]]
}

// Items returns the range of items [from, to) of list i.
func (v *Vector) Items(i int) (from, to int) {
	if i > 0 {
		from = int(v.Lists[i-1])
	}
	return from, int(v.Lists[i])
}

// Value returns value i as a Value that owns its memory.
func (v *Vector) Value(i int) Value {
	switch v.Type {
	case TypeFloat64:
		return Float(v.Floats[i])
	case TypeString:
		return String(string(v.Text(i)))
	case TypeList:
		from, to := v.Items(i)
		items := make([]string, 0, to-from)
		for j := from; j < to; j++ {
			items = append(items, string(v.Text(j)))
		}
		return List(items)
	default:
		return Value{Type: v.Type, Int: v.Ints[i]}
	}
}

// NewBatch returns an empty batch.
func NewBatch() *Batch { return &Batch{byName: make(map[string]int), stamp: 1} }

// Reset empties the batch and keeps its arrays and slots for the next rows.
func (b *Batch) Reset() {
	for i := range b.slots {
		for _, v := range b.slots[i].Vectors {
			if v != nil {
				v.takeBack()
				v.countRows()
				v.Rows, v.Ints, v.Floats = v.Rows[:0], v.Ints[:0], v.Floats[:0]
				v.Bytes, v.Ends, v.Lists = v.Bytes[:0], v.Ends[:0], v.Lists[:0]
				v.Coded, v.Codes, v.CodedBytes = false, v.Codes[:0], 0
			}
		}
	}
	b.rows, b.times = 0, b.times[:0]
	b.nextRow()
}

// countRows notes whether Rows count from 0 without a gap, as those of most columns
// do: then the next rows need not be written again.
func (v *Vector) countRows() {
	v.counted, v.countedIn = 0, nil
	if n := len(v.Rows); n > 0 && v.Rows[n-1] == uint32(n-1) { // they are ascending
		v.counted, v.countedIn = n, unsafe.SliceData(v.Rows)
	}
}

// Rows is the number of closed rows.
func (b *Batch) Rows() int { return b.rows }

// Times is the time of each closed row, in nanoseconds since 1970.
func (b *Batch) Times() []int64 { return b.times }

// Slots is every name seen, in order of arrival; some may hold no value. The
// column `time` is not among them: it is Times.
func (b *Batch) Slots() []Slot { return b.slots }

// Bytes is about how much memory the values of the batch take. It looks at every
// slot.
func (b *Batch) Bytes() int {
	n := 8 * len(b.times)
	for i := range b.slots {
		for _, v := range b.slots[i].Vectors {
			if v != nil {
				n += 8*len(v.Rows) + v.textBytes()
			}
		}
	}
	return n
}

// Capacity is how many bytes the arrays of the batch take, full or empty.
func (b *Batch) Capacity() int {
	n := 8 * cap(b.times)
	for i := range b.slots {
		n += len(b.slots[i].Name) + slotBytes
		for _, v := range b.slots[i].Vectors {
			if v != nil {
				n += 4*(cap(v.Rows)+cap(v.Ends)+cap(v.Lists)) + 8*(cap(v.Ints)+cap(v.Floats)) + cap(v.Bytes) + 2*cap(v.Codes)
			}
		}
	}
	return n
}

// slotBytes is about what a slot takes beside its name and values: itself, an
// entry of the map of names, and one Vector.
const slotBytes = 350

// UsedSlots is the number of slots that hold a value.
func (b *Batch) UsedSlots() int {
	n := 0
	for i := range b.slots {
		if b.slots[i].Used() {
			n++
		}
	}
	return n
}

// Used tells whether the slot holds a value in any row.
func (s *Slot) Used() bool {
	for _, v := range s.Vectors {
		if v != nil && len(v.Rows) > 0 {
			return true
		}
	}
	return false
}

// SlotName returns the name of a slot.
func (b *Batch) SlotName(slot int) string { return b.slots[slot].Name }

// OpenColumns is the number of columns set in the open row so far.
func (b *Batch) OpenColumns() int { return len(b.touched) }

// Slot returns the slot of a name and makes one if there is none. name is
// copied when it is new. The name `time` has no slot: give the time to EndRow.
func (b *Batch) Slot(name []byte) int {
	if i, ok := b.byName[string(name)]; ok {
		return i
	}
	if string(name) == TimeColumn {
		panic("BUG: the column time has no slot")
	}
	i := len(b.slots)
	owned := string(name)
	b.slots = append(b.slots, Slot{Name: owned})
	b.byName[owned] = i
	return i
}

// open returns the vector to append a value of the open row to, after taking
// back a value set before in the same row.
func (b *Batch) open(slot int, t Type) *Vector {
	s := &b.slots[slot]
	if s.row == b.stamp {
		s.Vectors[s.last].pop()
	} else {
		s.row = b.stamp
		b.touched = append(b.touched, slot)
	}
	s.last = t
	v := s.Vectors[t]
	if v == nil {
		v = &Vector{Type: t}
		s.Vectors[t] = v
	}
	if v.Coded {
		v.MakePlain()
	}
	if n := len(v.Rows); n == b.rows && n < v.counted && unsafe.SliceData(v.Rows) == v.countedIn {
		v.Rows = v.Rows[:n+1]
	} else {
		v.Rows = append(v.Rows, uint32(b.rows))
	}
	return v
}

// pop takes the last value back.
func (v *Vector) pop() {
	n := len(v.Rows) - 1
	v.Rows = v.Rows[:n]
	switch v.Type {
	case TypeFloat64:
		v.Floats = v.Floats[:n]
	case TypeString:
		v.cutItems(n)
	case TypeList:
		from, _ := v.Items(n)
		v.Lists = v.Lists[:n]
		v.cutItems(from)
	default:
		v.Ints = v.Ints[:n]
	}
}

// cutItems drops the texts from index n on.
func (v *Vector) cutItems(n int) {
	end := uint32(0)
	if n > 0 {
		end = v.Ends[n-1]
	}
	v.Bytes, v.Ends = v.Bytes[:end], v.Ends[:n]
}

// shortText is the length up to which a text is copied as an array of that
// length: most are as short, and a call costs more than the bytes.
const shortText = 32

// appendShort appends text. Of a short one, what lies behind it in its array is
// copied as well, behind the end of dst.
func appendShort(dst, text []byte) []byte {
	n := len(dst)
	if len(text) <= shortText && cap(text) >= shortText && cap(dst)-n >= shortText {
		*(*[shortText]byte)(dst[n : n+shortText]) = *(*[shortText]byte)(text[:shortText])
		return dst[:n+len(text)]
	}
	return append(dst, text...)
}

// SetInt sets an int64 in the open row.
func (b *Batch) SetInt(slot int, x int64) {
	v := b.open(slot, TypeInt64)
	v.Ints = append(v.Ints, x)
}

// SetTime sets a time, in nanoseconds since 1970, in the open row.
func (b *Batch) SetTime(slot int, ns int64) {
	v := b.open(slot, TypeTime)
	v.Ints = append(v.Ints, ns)
}

// SetBool sets a bool in the open row.
func (b *Batch) SetBool(slot int, x bool) {
	v := b.open(slot, TypeBool)
	if x {
		v.Ints = append(v.Ints, 1)
	} else {
		v.Ints = append(v.Ints, 0)
	}
}

// SetFloat sets a float64 in the open row.
func (b *Batch) SetFloat(slot int, x float64) {
	v := b.open(slot, TypeFloat64)
	v.Floats = append(v.Floats, x)
}

// SetString sets a text in the open row. text is valid UTF-8 and is copied; what
// lies behind it, up to its capacity, may be read.
func (b *Batch) SetString(slot int, text []byte) {
	v := b.open(slot, TypeString)
	v.Bytes = appendShort(v.Bytes, text)
	v.Ends = append(v.Ends, uint32(len(v.Bytes)))
}

// SetList sets an empty list in the open row; AppendItem fills it.
func (b *Batch) SetList(slot int) {
	v := b.open(slot, TypeList)
	v.Lists = append(v.Lists, uint32(len(v.Ends)))
}

// AppendItem appends an item to the list set last in this slot and row.
func (b *Batch) AppendItem(slot int, text []byte) {
	v := b.slots[slot].Vectors[TypeList]
	v.Bytes = appendShort(v.Bytes, text)
	v.Ends = append(v.Ends, uint32(len(v.Bytes)))
	v.Lists[len(v.Lists)-1] = uint32(len(v.Ends))
}

// Unset takes back the value of a slot in the open row, if it has one.
func (b *Batch) Unset(slot int) {
	s := &b.slots[slot]
	if s.row != b.stamp {
		return
	}
	s.Vectors[s.last].pop()
	s.row = 0
	for i := len(b.touched) - 1; i >= 0; i-- { // the slot was set a moment ago
		if b.touched[i] == slot {
			b.touched = append(b.touched[:i], b.touched[i+1:]...)
			return
		}
	}
}

// SetValue sets a value of any type in the open row. A null sets nothing.
func (b *Batch) SetValue(slot int, v Value) {
	switch v.Type {
	case TypeNull:
	case TypeBool:
		b.SetBool(slot, v.Int != 0)
	case TypeInt64:
		b.SetInt(slot, v.Int)
	case TypeTime:
		b.SetTime(slot, v.Int)
	case TypeFloat64:
		b.SetFloat(slot, v.Float)
	case TypeString:
		b.SetString(slot, []byte(v.Str))
	case TypeList:
		b.SetList(slot)
		for _, item := range v.List {
			b.AppendItem(slot, []byte(item))
		}
	default:
		panic(fmt.Sprintf("BUG: value of %v", v.Type))
	}
}

// EndRow closes the open row with its time, in nanoseconds since 1970.
func (b *Batch) EndRow(timeNs int64) {
	if b.rows >= RowsPerBlockMax {
		panic("BUG: more rows than a block takes")
	}
	b.times = append(b.times, timeNs)
	b.rows++
	b.nextRow()
}

// AbortRow takes back all that was set in the open row.
func (b *Batch) AbortRow() {
	for _, slot := range b.touched {
		s := &b.slots[slot]
		s.Vectors[s.last].pop()
	}
	b.nextRow()
}

// nextRow opens a row in which nothing is set.
func (b *Batch) nextRow() {
	b.touched = b.touched[:0]
	b.stamp++
}
