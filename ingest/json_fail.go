package ingest

import (
	"bytes"
	"fmt"
)

// failure is why a row cannot be read.
type failure uint8

const (
	failNone failure = iota
	failMore         // not a failure yet: the row goes on behind the buffer

	failEnd
	failValue
	failNumber
	failString
	failControl
	failEscape
	failColon
	failComma
	failName
	failArrayComma
	failComment
	failClosing

	failNumberRange
	failEmptyName
	failNameLong
	failColumns
	failValueLong
	failListLong
	failDepth
	failRowLong
	failNotObject
	failElementComma
	failElementMissing
	failStrayComma
	failArrayOpen
)

// notJSON tells whether the body breaks the grammar, rather than a limit.
func (f failure) notJSON() bool { return f <= failClosing }

func (f failure) String() string {
	switch f {
	case failEnd:
		return "the body ends inside a row"
	case failValue:
		return "expected a value"
	case failNumber:
		return "a number that JSON does not allow"
	case failString:
		return "a newline inside a string: write \\n"
	case failControl:
		return "a control character inside a string: write it as \\u00.."
	case failEscape:
		return "an escape that JSON does not know"
	case failColon:
		return "expected ':' after a name"
	case failComma:
		return "expected ',' or '}' after a field"
	case failName:
		return "expected a name in double quotes"
	case failArrayComma:
		return "expected ',' or ']' in an array"
	case failComment:
		return "JSON has no comments"
	case failClosing:
		return "a closing bracket where none is open"
	}
	return f.limit()
}

func (f failure) limit() string {
	switch f {
	case failNumberRange:
		return "number out of range: it is larger than a float64 can say; send it as a string"
	case failEmptyName:
		return "a field has an empty name"
	case failNameLong:
		return tooLong("the name of a field", NameBytesMax)
	case failColumns:
		return tooManyColumns
	case failValueLong:
		return tooLong("a value", ValueBytesMax)
	case failListLong:
		return "a list of more than 65,535 items"
	case failDepth:
		return fmt.Sprintf("nested deeper than %d", DepthMax)
	case failRowLong:
		return tooLong("the row", RowBytesMax)
	case failNotObject:
		return "a row must be an object, not "
	case failElementComma:
		return "expected ',' or ']' between the rows of an array"
	case failElementMissing:
		return "expected a row behind the ',' of an array"
	case failStrayComma:
		return "rows outside an array are not separated by commas"
	case failArrayOpen:
		return "the array of rows is not closed: the body may be cut short"
	}
	panic(fmt.Sprintf("BUG: failure %d", uint8(f)))
}

// failureText describes a failed row that starts at start, failed at at.
func failureText(f failure, buf []byte, start, at, end int) string {
	if !f.notJSON() {
		return f.String()
	}
	text := fmt.Sprintf("not JSON: %v, at byte %d of the row", f, at-start+1)
	near := buf[at:min(at+16, end)]
	if n := bytes.IndexByte(near, '\n'); n >= 0 {
		near = near[:n] // what follows is not the row's fault
	}
	if len(near) > 0 {
		text += ", near " + quote(near)
	}
	return text
}
