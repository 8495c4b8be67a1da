package parquet

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
)

// Physical types, by their number in the format.
const (
	physicalBool   = 0
	physicalInt32  = 1
	physicalInt64  = 2
	physicalInt96  = 3
	physicalFloat  = 4
	physicalDouble = 5
	physicalBytes  = 6
	physicalFixed  = 7
)

// Logical types.
const (
	logicalString    = 1
	logicalMap       = 2
	logicalList      = 3
	logicalEnum      = 4
	logicalDecimal   = 5
	logicalDate      = 6
	logicalTime      = 7
	logicalTimestamp = 8
	logicalInteger   = 10
	logicalNull      = 11
	logicalJSON      = 12
	logicalBSON      = 13
	logicalUUID      = 14
	logicalFloat16   = 15
)

// Converted types, which older writers use alone.
const (
	convertedUTF8            = 0
	convertedMap             = 1
	convertedMapKeyValue     = 2
	convertedList            = 3
	convertedEnum            = 4
	convertedDecimal         = 5
	convertedDate            = 6
	convertedTimeMillis      = 7
	convertedTimeMicros      = 8
	convertedTimestampMillis = 9
	convertedTimestampMicros = 10
	convertedUint8           = 11
	convertedUint64          = 14
	convertedJSON            = 19
	convertedInterval        = 21
)

// leaf is a column of the file.
type leaf struct {
	name     string // with dots
	physical int64
	width    int // bytes of a value of physicalFixed
	maxDef   uint8
	maxRep   uint8
	kind     leafKind
	scale    int            // of a decimal
	unit     arrow.TimeUnit // of a time or timestamp
}

// leafKind is what the values mean, and with that the type they get in Arrow.
type leafKind uint8

const (
	leafInt       leafKind = iota // int64
	leafUint                      // uint64
	leafFloat                     // float64, from the bits of one
	leafBool                      // bool
	leafText                      // utf8
	leafBinary                    // binary: text, or hexadecimal if it is not UTF-8
	leafFixed                     // binary of fixed size: hexadecimal
	leafUUID                      // utf8, with dashes
	leafInterval                  // utf8, as P1M2DT3.004S
	leafHalf                      // float16
	leafDecimal                   // decimal of 128 or 256 bits
	leafTimestamp                 // timestamp in unit, UTC
	leafDate                      // timestamp in s
	leafClock                     // time of day in unit
	leafNull                      // null
)

// words tells whether values are decoded to 64-bit words, else they are bytes.
// Of floats these are the bits of a float64, of int96 the nanoseconds.
func (l *leaf) words() bool { return l.physical != physicalBytes && l.physical != physicalFixed }

// newLeaf decides what the values of an element mean.
func newLeaf(name string, e *element, maxDef, maxRep int) (*leaf, error) {
	l := &leaf{name: name, physical: e.physical, maxDef: uint8(maxDef), maxRep: uint8(maxRep)}
	if e.physical < physicalBool || e.physical > physicalFixed {
		return nil, fmt.Errorf("its physical type is number %d, which is unknown", e.physical)
	}
	if e.physical == physicalFixed {
		if e.width < 1 || e.width > valueBytesMax {
			return nil, fmt.Errorf("its values have a fixed size of %d bytes", e.width)
		}
		l.width = int(e.width)
	}
	return l, l.setKind(e)
}

func (l *leaf) setKind(e *element) error {
	switch l.physical {
	case physicalBool:
		l.kind = leafBool
	case physicalFloat, physicalDouble:
		l.kind = leafFloat
	case physicalInt96:
		l.kind, l.unit = leafTimestamp, arrow.Nanosecond
	case physicalBytes:
		l.setBytesKind(e)
	case physicalFixed:
		l.setFixedKind(e)
	default:
		l.setIntKind(e)
	}
	if e.logical.kind == logicalNull {
		l.kind = leafNull
	}
	if e.logical.kind == logicalDecimal || e.logical.kind == 0 && e.converted == convertedDecimal {
		return l.setDecimal(e)
	}
	return nil
}

func (l *leaf) setBytesKind(e *element) {
	l.kind = leafBinary
	switch {
	case e.logical.kind == logicalString, e.logical.kind == logicalEnum, e.logical.kind == logicalJSON:
		l.kind = leafText
	case e.logical.kind == 0 && (e.converted == convertedUTF8 || e.converted == convertedEnum || e.converted == convertedJSON):
		l.kind = leafText
	}
}

func (l *leaf) setFixedKind(e *element) {
	l.kind = leafFixed
	switch {
	case e.logical.kind == logicalUUID && l.width == 16:
		l.kind = leafUUID
	case e.logical.kind == logicalFloat16 && l.width == 2:
		l.kind = leafHalf
	case e.converted == convertedInterval && l.width == 12:
		l.kind = leafInterval
	}
}

func (l *leaf) setIntKind(e *element) {
	l.kind = leafInt
	narrow := l.physical == physicalInt32
	switch e.logical.kind {
	case logicalDate:
		if narrow {
			l.kind = leafDate
		}
	case logicalTime:
		if unit := timeUnit(e.logical.unit); narrow == (unit == arrow.Millisecond) {
			l.kind, l.unit = leafClock, unit
		}
	case logicalTimestamp:
		l.kind, l.unit = leafTimestamp, timeUnit(e.logical.unit)
	case logicalInteger:
		if !e.logical.signed {
			l.kind = leafUint
		}
	case 0:
		l.setConverted(e.converted)
	}
}

func (l *leaf) setConverted(converted int64) {
	narrow := l.physical == physicalInt32
	switch {
	case converted == convertedDate && narrow:
		l.kind = leafDate
	case converted == convertedTimeMillis && narrow:
		l.kind, l.unit = leafClock, arrow.Millisecond
	case converted == convertedTimeMicros && !narrow:
		l.kind, l.unit = leafClock, arrow.Microsecond
	case converted == convertedTimestampMillis:
		l.kind, l.unit = leafTimestamp, arrow.Millisecond
	case converted == convertedTimestampMicros:
		l.kind, l.unit = leafTimestamp, arrow.Microsecond
	case converted >= convertedUint8 && converted <= convertedUint64:
		l.kind = leafUint
	}
}

func timeUnit(number int64) arrow.TimeUnit {
	switch number {
	case 1:
		return arrow.Millisecond
	case 2:
		return arrow.Microsecond
	}
	return arrow.Nanosecond
}

// decimalBytesMax is the width of Arrow's widest decimal.
const decimalBytesMax = 32

func (l *leaf) setDecimal(e *element) error {
	scale := e.scale
	if e.logical.kind == logicalDecimal {
		scale = e.logical.scale
	}
	switch {
	case scale < 0 || scale > 76:
		return fmt.Errorf("it is a decimal with %d digits behind the point", scale)
	case l.physical == physicalInt32, l.physical == physicalInt64, l.physical == physicalBytes:
	case l.physical == physicalFixed && l.width <= decimalBytesMax:
	default:
		return fmt.Errorf("it is a decimal that is stored in a way kelp cannot read: cast it to double or text")
	}
	l.kind, l.scale = leafDecimal, int(scale)
	return nil
}

// decimalBits is the width of the Arrow type of a decimal.
func (l *leaf) decimalBits() int {
	if l.words() || l.physical == physicalFixed && l.width <= 16 {
		return 128
	}
	return 256
}

// arrowType is the type that the values have in the stream.
func (l *leaf) arrowType() arrow.DataType {
	switch l.kind {
	case leafUint:
		return arrow.PrimitiveTypes.Uint64
	case leafFloat:
		return arrow.PrimitiveTypes.Float64
	case leafBool:
		return arrow.FixedWidthTypes.Boolean
	case leafText, leafUUID, leafInterval:
		return arrow.BinaryTypes.String
	case leafBinary:
		return arrow.BinaryTypes.Binary
	case leafFixed:
		return &arrow.FixedSizeBinaryType{ByteWidth: l.width}
	case leafHalf:
		return arrow.FixedWidthTypes.Float16
	case leafDecimal:
		if l.decimalBits() == 128 {
			return &arrow.Decimal128Type{Precision: 38, Scale: int32(l.scale)}
		}
		return &arrow.Decimal256Type{Precision: 76, Scale: int32(l.scale)}
	case leafTimestamp:
		return &arrow.TimestampType{Unit: l.unit, TimeZone: "UTC"}
	case leafDate:
		return &arrow.TimestampType{Unit: arrow.Second, TimeZone: "UTC"}
	case leafClock:
		if l.unit == arrow.Millisecond {
			return arrow.FixedWidthTypes.Time32ms
		}
		return &arrow.Time64Type{Unit: l.unit}
	case leafNull:
		return arrow.Null
	}
	return arrow.PrimitiveTypes.Int64
}
