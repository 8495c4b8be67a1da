package parquet

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// What Arrow's writer and DuckDB do not write, by hand.

func TestStreamSplit(t *testing.T) {
	want := []float64{1.5, -2.25, 1e300}
	data := make([]byte, 24)
	for i, x := range want {
		for k := range 8 {
			data[k*3+i] = byte(math.Float64bits(x) >> (8 * k))
		}
	}
	d, err := newDecoder(&leaf{physical: physicalDouble}, encodingStreamSplit, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]int64, 3)
	if err := d.decodeWords(got); err != nil {
		t.Fatal(err)
	}
	for i, x := range want {
		if math.Float64frombits(uint64(got[i])) != x {
			t.Errorf("value %d is %g, want %g", i, math.Float64frombits(uint64(got[i])), x)
		}
	}
	if d.decodeWords(got[:1]) == nil {
		t.Error("a fourth value")
	}
}

func TestInt96(t *testing.T) {
	f := func(day uint32, of uint64, want int64) {
		t.Helper()
		b := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(nil, of), day)
		if got := nanoseconds(b); got != want {
			t.Errorf("day %d and %d ns: %d, want %d", day, of, got, want)
		}
	}
	f(2_440_588, 0, 0)
	f(2_440_587, 86_399_999_999_999, -1)
	f(2_461_367, 36_000_000_000_001, time.Date(2026, 11, 22, 10, 0, 0, 1, time.UTC).UnixNano())
	f(math.MaxUint32, 0, math.MaxInt64)
	f(0, 0, math.MinInt64)
	f(2_440_588, math.MaxUint64, math.MaxInt64)
}

func TestInterval(t *testing.T) {
	f := func(months, days, ms uint32, want string) {
		t.Helper()
		if got := interval(months, days, ms); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(0, 0, 0, "PT0S")
	f(14, 3, 4005, "P14M3DT4.005S")
	f(0, 3, 0, "P3D")
}

func TestHybrid(t *testing.T) {
	f := func(width uint, data []byte, want ...uint32) {
		t.Helper()
		h := newHybrid(data, width)
		got := make([]uint32, len(want))
		if err := decodeHybrid(&h, got); err != nil || !slices.Equal(got, want) {
			t.Errorf("%x: %v, %v, want %v", data, got, err, want)
		}
		var more [1]uint32
		if decodeHybrid(&h, more[:]) == nil {
			t.Errorf("%x has more than %v", data, want)
		}
	}
	f(3, []byte{0x06, 5}, 5, 5, 5)
	f(3, []byte{0x03, 0x88, 0xc6, 0xfa}, 0, 1, 2, 3, 4, 5, 6, 7) // the example of the format's description
	f(10, []byte{0x04, 0xff, 0x03, 0x02, 1, 0}, 1023, 1023, 1)
	f(0, []byte{0x04}, 0, 0)
	f(1, []byte{0x05, 0xff}, 1, 1, 1, 1, 1, 1, 1, 1) // two groups were promised
	f(32, []byte{0x02, 0xff, 0xff, 0xff, 0xff}, math.MaxUint32)
}

// The forms that lists have had in files of older writers.
func TestSchemaForms(t *testing.T) {
	text := func(name string, repetition int64) element {
		return element{name: name, physical: physicalBytes, repetition: repetition, converted: convertedUTF8}
	}
	group := func(name string, repetition, children, converted int64) element {
		return element{name: name, physical: -1, repetition: repetition, children: children, converted: converted}
	}
	f := func(want string, elements ...element) {
		t.Helper()
		root := group("root", required, 1, -1)
		leaves, fields, err := decodeSchema(append([]element{root}, elements...))
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			return
		}
		var got []string
		for _, f := range fields {
			got = append(got, f.name+" "+f.shape.arrowType(leaves).String())
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("got %s, want %s", s, want)
		}
	}
	f("l list<item: utf8, nullable>", group("l", optional, 1, convertedList), group("list", repeated, 1, -1), text("element", optional))
	f("l list<item: utf8, nullable>", group("l", optional, 1, convertedList), text("element", repeated))
	f("l list<item: utf8, nullable>", text("l", repeated))
	f("l list<item: struct<a: utf8>, nullable>", group("l", optional, 1, convertedList), group("array", repeated, 1, -1), text("a", optional))
	f("l list<item: struct<a: utf8>, nullable>", group("l", optional, 1, convertedList), group("l_tuple", repeated, 1, -1), text("a", optional))
	f("l list<item: struct<a: utf8, b: utf8>, nullable>", group("l", optional, 1, convertedList), group("list", repeated, 2, -1), text("a", optional), text("b", required))
	f("l list<item: struct<a: utf8>, nullable>", group("l", repeated, 1, -1), text("a", optional))
	f("m map<utf8, utf8, items_nullable>", group("m", optional, 1, convertedMapKeyValue), group("map", repeated, 2, -1), text("key", required), text("value", optional))
	f("g.a utf8; g.h.b utf8", group("g", optional, 2, -1), text("a", optional), group("h", required, 1, -1), text("b", optional))
	f("its schema ends within a group", group("g", optional, 2, -1), text("a", optional))
	f("nodes that are in no group", text("a", optional), text("b", optional))
	f("a group with nothing in it", group("g", optional, 0, -1))
	f(`column "x" cannot be read: its physical type is number 9`, element{name: "x", physical: 9})
	f(`column "x" cannot be read: it is a decimal that is stored in a way`, element{name: "x", physical: physicalFixed, width: 40, converted: convertedDecimal})
	f(`column "x" cannot be read: its values have a fixed size of 0 bytes`, element{name: "x", physical: physicalFixed, converted: -1})
	deep := slices.Repeat([]element{group("g", optional, 1, -1)}, 50)
	f("is nested deeper than", append(deep, text("a", optional))...)
}

// Two levels of a list, as older writers store them: a page by hand.
func TestListOfTwoLevels(t *testing.T) {
	l := &leaf{name: "l.element", physical: physicalInt64, maxDef: 2, maxRep: 1, kind: leafInt}
	values := []byte{}
	for _, n := range []uint64{7, 8, 9} {
		values = binary.LittleEndian.AppendUint64(values, n)
	}
	// Rows [7 8], null, [], [9].
	reps := []byte{3, 0b00000010}          // 0 1 0 0 0
	defs := []byte{3, 0b01_00_10_10, 0b10} // 2 2 0 1 2
	c := &column{file: &source{}, leaf: l, values: &plain{leaf: l, data: values}, left: 5, step: batchRowsMax,
		reps: newHybrid(reps, 1), defs: newHybrid(defs, 2)}
	item := &shape{kind: shapeLeaf, def: 2, leaves: 1}
	s := &shape{kind: shapeList, def: 1, rep: 1, filled: 2, children: []*shape{item}, leaves: 1}
	n := newNested(field{"l", s}, []*leaf{l})
	n.rows.cursors[0].column = c
	for range 4 {
		if err := n.rows.row(s, n.build); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	out.WriteString(n.build.NewArray().String())
	if got, want := out.String(), "[[7 8] (null) [] [9]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := n.rows.row(s, n.build); err == nil {
		t.Error("a fifth row")
	}
}

// A list that claims more than there are bytes is no list.
func TestThriftLists(t *testing.T) {
	for _, claim := range [][]byte{{0x5c}, {0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}} {
		c := &compact{buf: append(claim, 0, 0)}
		if n, _ := c.list(); n != 0 || c.err == nil {
			t.Errorf("%x: a list of %d, %v", claim, n, c.err)
		}
	}
	c := &compact{buf: []byte{0x2c, 0, 0}}
	if n, kind := c.list(); n != 2 || kind != thriftStruct || c.err != nil {
		t.Errorf("%d of kind %d, %v", n, kind, c.err)
	}
}
