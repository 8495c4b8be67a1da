package query

import (
	"unicode/utf8"

	"github.com/kelpdb/kelp/storage"
)

// AppendJSONValue appends a value as answers carry it: numbers and bools as
// they are, NaN and infinities as the strings "NaN", "Infinity", "-Infinity",
// times as RFC 3339 in UTC with nanoseconds as needed, lists as arrays.
// Bytes that are not UTF-8 become U+FFFD.
func AppendJSONValue(dst []byte, v storage.Value) []byte {
	switch v.Type {
	case storage.TypeNull:
		return append(dst, "null"...)
	case storage.TypeFloat64:
		if v.Float-v.Float != 0 { // NaN or infinite
			dst = append(dst, '"')
			return append(appendFloat(dst, v.Float), '"')
		}
		return appendFloat(dst, v.Float)
	case storage.TypeTime:
		dst = append(dst, '"')
		return append(appendTime(dst, v.Int), '"')
	case storage.TypeString:
		return AppendJSONString(dst, v.Str)
	case storage.TypeList:
		return appendJSONList(dst, v.List)
	}
	return AppendText(dst, v)
}

func appendJSONList(dst []byte, items []string) []byte {
	dst = append(dst, '[')
	for i, s := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJSONString(dst, s)
	}
	return append(dst, ']')
}

// AppendJSONString appends text as a JSON string.
func AppendJSONString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	plain := 0 // s[plain:i] needs no escape and is not yet appended
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[plain:i]...)
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
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			plain = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[plain:i]...)
			dst = append(dst, "\uFFFD"...)
			plain = i + 1
		}
		i += size
	}
	return append(append(dst, s[plain:]...), '"')
}
