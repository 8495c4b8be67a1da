package wire

import (
	"encoding/binary"
	"errors"
	"math"
)

// errShort says that a payload ends early or claims more than it holds.
var errShort = errors.New("a message ends within a field, or counts more than it holds")

// Numbers are varints, texts are a length and bytes; a payload is its fields
// one after another. appendX and the same calls of reader stand in one order.

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// reader takes fields off a payload. After the first that does not fit all
// further ones are zero and err is set: callers look at it once, and before
// they trust a count.
type reader struct {
	src []byte
	err error
}

func (r *reader) fail() {
	r.err, r.src = errShort, nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.src)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.src = r.src[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.src)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.src = r.src[n:]
	return v
}

func (r *reader) byte() byte {
	if len(r.src) == 0 {
		r.fail()
		return 0
	}
	b := r.src[0]
	r.src = r.src[1:]
	return b
}

func (r *reader) bool() bool { return r.byte() != 0 }

// text is an owned text of at most textBytesMax.
func (r *reader) text() string { return r.textLike("") }

// textLike is text, and was itself if it is the same.
func (r *reader) textLike(was string) string {
	n := r.uvarint()
	if n > uint64(len(r.src)) || n > textBytesMax {
		r.fail()
		return ""
	}
	s := r.src[:n]
	r.src = r.src[n:]
	if string(s) == was {
		return was
	}
	return string(s)
}

// count is a number of things that take each bytes at least: at most limit,
// and never more than what is left can hold.
func (r *reader) count(limit, each int) int {
	n := r.uvarint()
	if n > uint64(limit) || n > uint64(len(r.src)/each) {
		r.fail()
		return 0
	}
	return int(n)
}

// size is a number of things that come later, at most limit.
func (r *reader) size(limit int) int {
	n := r.uvarint()
	if n > uint64(limit) || n > math.MaxInt {
		r.fail()
		return 0
	}
	return int(n)
}
