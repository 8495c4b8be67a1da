package parquet

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/decimal256"
	"github.com/apache/arrow/go/v15/arrow/float16"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

const secondsOfDay = 86_400

// array makes an Arrow array of cells [from, to). It shares nothing with them.
func (l *leaf) array(c *cells, from, to int) arrow.Array {
	switch l.kind {
	case leafInt, leafUint, leafFloat, leafTimestamp, leafDate:
		valid, nulls := l.validity(c, from, to)
		words := append(make([]int64, 0, to-from), c.words[from:to]...)
		if l.kind == leafDate {
			for i := range words {
				words[i] *= secondsOfDay
			}
		}
		data := memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(words))
		return array.MakeFromData(array.NewData(l.arrowType(), to-from, []*memory.Buffer{valid, data}, nil, nulls, 0))
	case leafText, leafBinary:
		valid, nulls := l.validity(c, from, to)
		size := 0
		for _, b := range c.bytes[from:to] {
			size += len(b)
		}
		offsets, text := make([]int32, 1, to-from+1), make([]byte, 0, size)
		for _, b := range c.bytes[from:to] {
			text = append(text, b...)
			offsets = append(offsets, int32(len(text)))
		}
		buffers := []*memory.Buffer{valid, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(text)}
		return array.MakeFromData(array.NewData(l.arrowType(), to-from, buffers, nil, nulls, 0))
	}
	b := array.NewBuilder(memory.DefaultAllocator, l.arrowType())
	for i := from; i < to; i++ {
		if c.defs != nil && c.defs[i] < l.maxDef {
			b.AppendNull()
		} else {
			l.append(b, c, i)
		}
	}
	return b.NewArray()
}

// validity returns the bitmap of what is not null, nil if all is.
func (l *leaf) validity(c *cells, from, to int) (*memory.Buffer, int) {
	if l.maxDef == 0 {
		return nil, 0
	}
	bits := make([]byte, (to-from+7)/8)
	nulls := to - from
	for i, d := range c.defs[from:to] {
		if d == l.maxDef {
			bits[i>>3] |= 1 << (i & 7)
			nulls--
		}
	}
	if nulls == 0 {
		return nil, 0
	}
	return memory.NewBufferBytes(bits), nulls
}

// append appends cell i, which is not null, and returns how many bytes of text
// it has.
func (l *leaf) append(b array.Builder, c *cells, i int) int {
	switch b := b.(type) {
	case *array.Int64Builder:
		b.Append(c.words[i])
	case *array.Uint64Builder:
		b.Append(uint64(c.words[i]))
	case *array.Float64Builder:
		b.Append(math.Float64frombits(uint64(c.words[i])))
	case *array.BooleanBuilder:
		b.Append(c.words[i] != 0)
	case *array.TimestampBuilder:
		n := c.words[i]
		if l.kind == leafDate {
			n *= secondsOfDay
		}
		b.Append(arrow.Timestamp(n))
	case *array.Time32Builder:
		b.Append(arrow.Time32(c.words[i]))
	case *array.Time64Builder:
		b.Append(arrow.Time64(c.words[i]))
	case *array.NullBuilder:
		b.AppendNull()
	case *array.StringBuilder:
		if l.kind == leafText {
			b.BinaryBuilder.Append(c.bytes[i]) // without a string in between
		} else {
			b.Append(l.text(c.bytes[i]))
		}
		return len(c.bytes[i])
	case *array.BinaryBuilder:
		b.Append(c.bytes[i])
		return len(c.bytes[i])
	case *array.FixedSizeBinaryBuilder:
		b.Append(c.bytes[i])
		return len(c.bytes[i])
	case *array.Float16Builder:
		b.Append(float16.FromBits(binary.LittleEndian.Uint16(c.bytes[i])))
	case *array.Decimal128Builder:
		b.Append(l.decimal128(c, i))
	case *array.Decimal256Builder:
		n := signExtended(c.bytes[i])
		b.Append(decimal256.New(n[0], n[1], n[2], n[3]))
	default:
		panic(fmt.Sprintf("BUG: no values of kind %d go to %T", l.kind, b))
	}
	return 0
}

func (l *leaf) decimal128(c *cells, i int) decimal128.Num {
	if l.words() {
		return decimal128.FromI64(c.words[i])
	}
	n := signExtended(c.bytes[i])
	return decimal128.New(int64(n[2]), n[3])
}

// signExtended returns the 256 bits of a number whose high byte comes first,
// as words of which the high one comes first.
func signExtended(b []byte) (n [4]uint64) {
	var wide [decimalBytesMax]byte
	if len(b) > 0 && b[0]&0x80 != 0 {
		for i := range wide {
			wide[i] = 0xff
		}
	}
	copy(wide[len(wide)-len(b):], b)
	for i := range n {
		n[i] = binary.BigEndian.Uint64(wide[8*i:])
	}
	return n
}

// text returns a value that is written as text.
func (l *leaf) text(b []byte) string {
	if l.kind == leafUUID {
		x := hex.EncodeToString(b)
		return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
	}
	return interval(binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:]))
}

// interval writes a duration as ISO 8601 does.
func interval(months, days, ms uint32) string {
	out := []byte("P")
	if months > 0 {
		out = append(strconv.AppendUint(out, uint64(months), 10), 'M')
	}
	if days > 0 {
		out = append(strconv.AppendUint(out, uint64(days), 10), 'D')
	}
	if ms > 0 || len(out) == 1 {
		out = append(out, 'T')
		out = append(strconv.AppendFloat(out, float64(ms)/1000, 'f', -1, 64), 'S')
	}
	return string(out)
}
