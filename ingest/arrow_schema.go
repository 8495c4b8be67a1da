package ingest

import (
	"fmt"
)

// arrowKind is a type of Arrow, by the number it has in the format.
type arrowKind uint8

const (
	arrowNull            arrowKind = 1
	arrowInt             arrowKind = 2
	arrowFloat           arrowKind = 3
	arrowBinary          arrowKind = 4
	arrowUtf8            arrowKind = 5
	arrowBool            arrowKind = 6
	arrowDecimal         arrowKind = 7
	arrowDate            arrowKind = 8
	arrowTime            arrowKind = 9
	arrowTimestamp       arrowKind = 10
	arrowList            arrowKind = 12
	arrowStruct          arrowKind = 13
	arrowFixedSizeBinary arrowKind = 15
	arrowFixedSizeList   arrowKind = 16
	arrowMap             arrowKind = 17
	arrowDuration        arrowKind = 18
	arrowLargeBinary     arrowKind = 19
	arrowLargeUtf8       arrowKind = 20
	arrowLargeList       arrowKind = 21
	arrowBinaryView      arrowKind = 23
	arrowUtf8View        arrowKind = 24
)

func (k arrowKind) String() string {
	names := map[arrowKind]string{11: "interval", 14: "union", 22: "run-end encoded", 25: "list view", 26: "large list view"}
	if name, ok := names[k]; ok {
		return name
	}
	return fmt.Sprintf("number %d", uint8(k))
}

// arrowField is a field of a schema.
type arrowField struct {
	name     string
	kind     arrowKind
	bits     int   // arrowInt, arrowFloat, arrowDecimal: of a value; arrowFixedSizeBinary: eight times its bytes
	signed   bool  // arrowInt
	unit     int64 // nanoseconds of arrowTimestamp, arrowTime and arrowDuration; of arrowDate: those of a day or a ms
	scale    int   // arrowDecimal: digits behind the point
	size     int   // arrowFixedSizeList: items
	children []arrowField

	// A dictionary-encoded field is stored as its indices; kind and children
	// are those of the dictionary's values.
	encoded bool
	id      int64
	index   *arrowField
}

// arrowTimeUnits are SECOND, MILLISECOND, MICROSECOND, NANOSECOND in ns.
var arrowTimeUnits = [4]int64{1e9, 1e6, 1e3, 1}

// arrowSchemaReader counts the fields of a schema.
type arrowSchemaReader struct{ fields int }

// decodeArrowSchema reads the table of a schema.
func decodeArrowSchema(t flatTable) ([]arrowField, error) {
	endianness, err := t.int(0, 2, 0)
	if err != nil {
		return nil, err
	}
	if endianness != 0 {
		return nil, fmt.Errorf("it is big-endian; send little-endian")
	}
	var r arrowSchemaReader
	return r.children(t, 1, 1)
}

// children reads the fields in vector n of a table.
func (r *arrowSchemaReader) children(t flatTable, n, depth int) (fields []arrowField, err error) {
	if depth > DepthMax {
		return nil, fmt.Errorf("its fields are nested deeper than %d", DepthMax)
	}
	err = t.tables(n, func(_, count int, sub flatTable) error {
		if r.fields++; r.fields > arrowFieldsMax {
			return fmt.Errorf("it has more than %d fields", arrowFieldsMax)
		}
		f, err := r.field(sub, depth)
		if err != nil {
			return err
		}
		fields = append(fields, f)
		return nil
	})
	return fields, err
}

func (r *arrowSchemaReader) field(t flatTable, depth int) (f arrowField, err error) {
	name, _, err := t.vector(0, 1)
	if err != nil {
		return f, err
	}
	if len(name) > NameBytesMax {
		return f, fmt.Errorf("%s", tooLong("the name of a field", NameBytesMax))
	}
	f.name = string(appendValid(nil, name))
	kind, err := t.int(2, 1, 0)
	if err != nil {
		return f, err
	}
	f.kind = arrowKind(kind)
	detail, ok, err := t.table(3)
	if err != nil {
		return f, err
	}
	if !ok {
		return f, fmt.Errorf("field %s has no type", quote(name))
	}
	if err := f.decodeType(detail); err != nil {
		return f, fmt.Errorf("field %s: %w", quote(name), err)
	}
	if f.children, err = r.children(t, 5, depth+1); err != nil {
		return f, err
	}
	if err := f.checkChildren(); err != nil {
		return f, fmt.Errorf("field %s: %w", quote(name), err)
	}
	if err := f.decodeDictionary(t); err != nil {
		return f, fmt.Errorf("field %s: %w", quote(name), err)
	}
	return f, nil
}

// decodeType reads the details of the field's type.
func (f *arrowField) decodeType(t flatTable) error {
	switch f.kind {
	case arrowNull, arrowUtf8, arrowLargeUtf8, arrowBinary, arrowLargeBinary, arrowUtf8View, arrowBinaryView,
		arrowBool, arrowList, arrowLargeList, arrowStruct, arrowMap:
		return nil
	case arrowInt:
		return f.decodeInt(t)
	case arrowFloat:
		precision, err := t.int(0, 2, 0)
		if err != nil || precision < 0 || precision > 2 {
			return orUnknown(err, "precision", precision)
		}
		f.bits = 16 << precision
		return nil
	case arrowDecimal:
		scale, err := t.int(1, 4, 0)
		if err != nil || scale < -100 || scale > 100 {
			return orUnknown(err, "scale of a decimal", scale)
		}
		bits, err := t.int(2, 4, 128)
		if err != nil || bits != 128 && bits != 256 {
			return orUnknown(err, "width of a decimal", bits)
		}
		f.scale, f.bits = int(scale), int(bits)
		return nil
	case arrowDate:
		unit, err := t.int(0, 2, 1)
		if err != nil || unit < 0 || unit > 1 {
			return orUnknown(err, "unit of a date", unit)
		}
		f.bits, f.unit = 32, 86_400e9
		if unit == 1 {
			f.bits, f.unit = 64, 1e6
		}
		return nil
	case arrowTime, arrowTimestamp, arrowDuration:
		return f.decodeTime(t)
	case arrowFixedSizeBinary, arrowFixedSizeList:
		size, err := t.int(0, 4, 0)
		if err != nil || size < 0 || size > ValueBytesMax {
			return orUnknown(err, "size", size)
		}
		f.size, f.bits = int(size), int(size)*8
		return nil
	}
	return fmt.Errorf("its type (%v) cannot be read: cast it to a usual one or drop it", f.kind)
}

func orUnknown(err error, what string, n int64) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("a %s of %d cannot be read", what, n)
}

func (f *arrowField) decodeInt(t flatTable) error {
	bits, err := t.int(0, 4, 0)
	if err != nil || bits != 8 && bits != 16 && bits != 32 && bits != 64 {
		return orUnknown(err, "width of an integer", bits)
	}
	signed, err := t.int(1, 1, 0)
	f.bits, f.signed = int(bits), signed != 0
	return err
}

func (f *arrowField) decodeTime(t flatTable) error {
	missing := int64(0) // the format's defaults: s, but ms for times of day and durations
	if f.kind != arrowTimestamp {
		missing = 1
	}
	unit, err := t.int(0, 2, missing)
	if err != nil || unit < 0 || unit > 3 {
		return orUnknown(err, "unit of a time", unit)
	}
	f.unit, f.bits = arrowTimeUnits[unit], 64
	if f.kind == arrowTime {
		bits, err := t.int(1, 4, 32)
		if err != nil || bits != 32 && bits != 64 {
			return orUnknown(err, "width of a time", bits)
		}
		f.bits = int(bits)
	}
	return nil
}

// checkChildren refuses types with the wrong number of children.
func (f *arrowField) checkChildren() error {
	want := 0
	switch f.kind {
	case arrowStruct:
		return nil
	case arrowList, arrowLargeList, arrowFixedSizeList:
		want = 1
	case arrowMap:
		want = 1
		if len(f.children) == 1 && (f.children[0].kind != arrowStruct || len(f.children[0].children) != 2) {
			return fmt.Errorf("a map whose entries are not pairs")
		}
	}
	if len(f.children) != want {
		return fmt.Errorf("it has %d children, its type has %d", len(f.children), want)
	}
	return nil
}

func (f *arrowField) decodeDictionary(t flatTable) error {
	d, ok, err := t.table(4)
	if err != nil || !ok {
		return err
	}
	if f.id, err = d.int(0, 8, 0); err != nil {
		return err
	}
	index, ok, err := d.table(1)
	if err != nil {
		return err
	}
	f.encoded = true
	f.index = &arrowField{kind: arrowInt, bits: 32, signed: true}
	if ok {
		return f.index.decodeInt(index)
	}
	return nil
}
