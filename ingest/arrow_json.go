package ingest

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// appendJSON appends value i of an array as JSON text: for lists of other
// things than texts, and what is in them. ok is false once dst is longer than
// a value may be; every value adds at least a byte, so that this also ends a
// list of a billion nulls.
func (a *arrowArray) appendJSON(dst []byte, i int) (text []byte, ok bool) {
	if len(dst) > ValueBytesMax {
		return dst, false
	}
	a, i, ok = a.resolve(i)
	if !ok {
		return append(dst, "null"...), true
	}
	switch a.field.kind {
	case arrowBool:
		return strconv.AppendBool(dst, a.bool(i)), true
	case arrowInt, arrowDuration:
		n, ok := a.int(i)
		if !ok {
			return strconv.AppendUint(dst, a.unsigned(i), 10), true
		}
		return strconv.AppendInt(dst, n, 10), true
	case arrowFloat:
		return appendJSONFloat(dst, a.float(i)), true
	case arrowDecimal:
		return a.appendDecimal(dst, i), true
	case arrowDate, arrowTimestamp:
		return a.appendJSONTime(dst, i), true
	case arrowTime:
		return append(a.appendClock(append(dst, '"'), i), '"'), true
	case arrowStruct:
		return a.appendJSONStruct(dst, i)
	case arrowMap:
		return a.appendJSONMap(dst, i)
	case arrowList, arrowLargeList, arrowFixedSizeList:
		return a.appendJSONList(dst, i)
	}
	if len(a.bytes(i)) > ValueBytesMax {
		return dst, false
	}
	value, _ := a.appendText(nil, i)
	return appendJSONString(dst, value), true
}

func appendJSONFloat(dst []byte, x float64) []byte {
	switch {
	case math.IsNaN(x):
		return append(dst, `"NaN"`...)
	case math.IsInf(x, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(x, -1):
		return append(dst, `"-Infinity"`...)
	}
	return strconv.AppendFloat(dst, x, 'g', -1, 64)
}

func (a *arrowArray) appendJSONTime(dst []byte, i int) []byte {
	ns, ok := a.time(i)
	if !ok {
		n, _ := a.int(i)
		return strconv.AppendInt(dst, n, 10)
	}
	dst = append(dst, '"')
	return append(time.Unix(0, ns).UTC().AppendFormat(dst, time.RFC3339Nano), '"')
}

func (a *arrowArray) appendJSONStruct(dst []byte, i int) (text []byte, ok bool) {
	dst = append(dst, '{')
	for k := range a.children {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, []byte(a.field.children[k].name)), ':')
		if dst, ok = a.children[k].appendJSON(dst, i); !ok {
			return dst, false
		}
	}
	return append(dst, '}'), true
}

// appendJSONMap appends a map as an object, its keys as text.
func (a *arrowArray) appendJSONMap(dst []byte, i int) (text []byte, ok bool) {
	dst = append(dst, '{')
	keys, values := &a.children[0].children[0], &a.children[0].children[1]
	from, to := a.span(i)
	for k := from; k < to; k++ {
		if k > from {
			dst = append(dst, ',')
		}
		start := len(dst)
		if dst, ok = keys.appendJSON(dst, k); !ok {
			return dst, false
		}
		if dst[start] != '"' {
			dst = appendJSONString(dst[:start], append([]byte(nil), dst[start:]...))
		}
		dst = append(dst, ':')
		if dst, ok = values.appendJSON(dst, k); !ok {
			return dst, false
		}
	}
	return append(dst, '}'), true
}

func (a *arrowArray) appendJSONList(dst []byte, i int) (text []byte, ok bool) {
	dst = append(dst, '[')
	from, to := a.span(i)
	for k := from; k < to; k++ {
		if k > from {
			dst = append(dst, ',')
		}
		if dst, ok = a.children[0].appendJSON(dst, k); !ok {
			return dst, false
		}
	}
	return append(dst, ']'), true
}

// appendJSONString appends text in quotes, escaped; bytes that are not UTF-8
// become U+FFFD.
func appendJSONString(dst, text []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && n == 1 {
				dst = utf8.AppendRune(append(dst, text[from:i]...), utf8.RuneError)
				from = i + 1
			}
			i += n
			continue
		}
		dst = append(dst, text[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		from = i
	}
	return append(append(dst, text[from:]...), '"')
}
