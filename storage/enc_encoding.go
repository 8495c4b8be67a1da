package storage

import (
	"errors"
	"fmt"
)

// Encoding says how the values of a stored column are written. The numbers are
// part of the format. The set is closed: a new encoding adds a number, a file
// enc_NAME.go with its appendNAME and openNAME, a line in the tables below and a
// place in chooseEncoding. Callers see a Shape only.
type Encoding uint8

const (
	EncConstant Encoding = 1 // one value for all rows
	EncDict     Encoding = 2 // sorted dictionary, codes of 1, 2, 4, 8 or 16 bits
	EncRaw      Encoding = 3 // 8 bytes a value
	EncFOR      Encoding = 4 // frame of reference: integers in runs of 1,024
	EncDelta    Encoding = 5 // ascending integers: differences in runs of 1,024
	EncText     Encoding = 6 // texts one after another
	EncZstd     Encoding = 7 // texts in compressed frames
	EncList     Encoding = 8 // lengths and items
	EncSparse   Encoding = 9 // the rows that are not null, and their values

	// since version 2
	EncALP      Encoding = 10 // floats that are decimals: integers over a power of ten
	EncAffix    Encoding = 11 // texts that are a number between affixes
	EncHexID    Encoding = 12 // texts that differ in hexadecimal digits only
	EncTemplate Encoding = 13 // texts of templates: constants once, variables as columns
	EncBase     Encoding = 14 // a dictionary, one code in all rows but a few

	encodingsEnd   = 15
	encodingsEndV1 = 10
)

var encodingNames = [encodingsEnd]string{
	"", "constant", "dict", "raw", "for", "delta", "text", "zstd", "list", "sparse", "alp", "affix", "hexid", "template", "base",
}

// known tells whether blocks of a version may have the encoding.
func (e Encoding) known(version uint16) bool {
	return e > 0 && e < encodingsEnd && e.since() <= version
}

// since is the first version of blocks with the encoding.
func (e Encoding) since() uint16 {
	if e >= encodingsEndV1 {
		return 2
	}
	return blockVersionOldest
}

// EncodingNames returns the name of each encoding, by its number.
func EncodingNames() [encodingsEnd]string { return encodingNames }

func (e Encoding) String() string {
	if e > 0 && e < encodingsEnd {
		return encodingNames[e]
	}
	return fmt.Sprintf("encoding(%d)", uint8(e))
}

// Shape is how the values of a column reach a kernel.
type Shape uint8

const (
	ShapeCodes  Shape = iota // Codes: constant and dictionary
	ShapeInts                // Ints: bool, int64, time
	ShapeFloats              // Floats
	ShapeText                // Text
	ShapeLists               // Lists
)

func (s Shape) String() string {
	switch s {
	case ShapeCodes:
		return "codes"
	case ShapeInts:
		return "ints"
	case ShapeFloats:
		return "floats"
	case ShapeText:
		return "text"
	case ShapeLists:
		return "lists"
	}
	return fmt.Sprintf("shape(%d)", uint8(s))
}

// shapeOf is the shape of a column of a type in an encoding.
func shapeOf(t Type, e Encoding) Shape {
	switch {
	case t == TypeList:
		return ShapeLists
	case e == EncConstant || e == EncDict || e == EncBase:
		return ShapeCodes
	case t == TypeString:
		return ShapeText
	case t == TypeFloat64:
		return ShapeFloats
	}
	return ShapeInts
}

// section is the encoded form of rows values of one type: a stored column, or a
// part of one (the lengths of a list, its items, the values of a sparse column).
// data has tailBytes readable bytes after its length.
type section struct {
	typ   Type
	enc   Encoding
	inner Encoding
	rows  int
	nulls int
	data  []byte
	front *codesReader // of a dictionary whose front lies in the head; else nil
}

// opened is a section whose bounds are all checked. Exactly one of the readers
// is set, as the shape says.
type opened struct {
	rows   int
	valid  []uint64 // rows that are not null; nil where none is null, and with codes
	codes  *codesReader
	ints   intsReader
	floats floatsReader
	text   textReader
	lists  *listsReader
	sparse *sparseReader // in addition, for sparse columns
}

// intsReader reads integers. Nothing can fail: bounds were checked on opening.
type intsReader interface {
	// all returns the values of all rows, in buf if it is large enough and the
	// values do not lie in the block as they are. Null rows hold 0.
	all(buf []int64) []int64
	// at returns the value of one row, which is not null.
	at(row int) int64
}

// floatsReader is intsReader for float64.
type floatsReader interface {
	all(buf []float64) []float64
	at(row int) float64
}

// textReader reads texts. Decompression may fail.
type textReader interface {
	// all returns the texts of the rows in sel (nil: all rows); other rows are
	// empty.
	all(sel []uint64, buf *TextBuf) (Text, error)
	// appendAt appends the text of one row.
	appendAt(dst []byte, row int) ([]byte, error)
}

// equalReader is a textReader that seeks a text without decoding any.
type equalReader interface {
	// equal sets the bits of the rows whose text is want, and clears those of
	// the others; null rows get any. dst has a bit for every row.
	equal(dst []uint64, want []byte)
}

// containReader is a textReader that knows of rows that cannot hold a literal.
type containReader interface {
	// mayContain sets the bits of the rows whose text may hold the literal, which
	// is not empty, and clears those of the others; null rows get any. dst has a
	// bit for every row.
	mayContain(dst []uint64, literal []byte)
}

var (
	errShort    = errors.New("column data is cut short")
	errMismatch = errors.New("encoding does not fit the type")
)

// open checks the structure of a section.
func (s section) open() (opened, error) {
	o := opened{rows: s.rows}
	if s.enc != EncConstant && s.enc != EncDict && s.enc != EncBase && s.enc != EncSparse && s.nulls > 0 {
		n := bitmapWords(s.rows) * 8
		if len(s.data) < n {
			return o, errShort
		}
		o.valid = viewWords(s.data, n/8)
		if countOnes(o.valid) != s.rows-s.nulls || s.rows%64 != 0 && o.valid[len(o.valid)-1]>>(s.rows%64) != 0 {
			return o, errors.New("bitmap of nulls does not match their number")
		}
		s.data = s.data[n:]
	}
	var err error
	switch {
	case s.enc == EncConstant && s.nulls == 0:
		err = openConstant(s, &o)
	case s.enc == EncDict:
		err = openDict(s, &o)
	case s.enc == EncRaw:
		err = openRaw(s, &o)
	case s.enc == EncFOR:
		err = openFOR(s, &o)
	case s.enc == EncDelta:
		err = openDelta(s, &o)
	case s.enc == EncZstd && s.typ == TypeString:
		err = openZstd(s, &o)
	case s.enc == EncSparse:
		err = openSparse(s, &o)
	case s.enc == EncText && s.typ == TypeString:
		err = openPlainText(s, &o)
	case s.enc == EncList && s.typ == TypeList:
		err = openList(s, &o)
	case s.enc == EncALP:
		err = openALP(s, &o)
	case s.enc == EncAffix && s.typ == TypeString:
		err = openAffix(s, &o)
	case s.enc == EncHexID && s.typ == TypeString:
		err = openHexID(s, &o)
	case s.enc == EncTemplate && s.typ == TypeString:
		err = openTemplates(s, &o)
	case s.enc == EncBase:
		err = openBase(s, &o)
	default:
		err = errMismatch
	}
	return o, err
}
