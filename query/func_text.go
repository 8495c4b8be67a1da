package query

import (
	"strings"
	"unicode/utf8"

	"github.com/kelpdb/kelp/storage"
)

// texts gives the arguments as text; false if one is null.
func texts(args []storage.Value, out []string) bool {
	for i := range out {
		if args[i].IsNull() {
			return false
		}
		out[i] = CanonicalText(args[i])
	}
	return true
}

func ofText(args []storage.Value, f func(string) string) (storage.Value, Warning) {
	if args[0].IsNull() {
		return storage.Value{}, 0
	}
	return storage.String(f(CanonicalText(args[0]))), 0
}

func evalLower(args []storage.Value) (storage.Value, Warning) { return ofText(args, strings.ToLower) }
func evalUpper(args []storage.Value) (storage.Value, Warning) { return ofText(args, strings.ToUpper) }

func evalTrim(args []storage.Value) (storage.Value, Warning) {
	return ofText(args, func(s string) string { return strings.Trim(s, " ") })
}

func testText(args []storage.Value, f func(s, t string) bool) (storage.Value, Warning) {
	var t [2]string
	if !texts(args, t[:]) {
		return storage.Value{}, 0
	}
	return storage.Bool(f(t[0], t[1])), 0
}

func evalContains(args []storage.Value) (storage.Value, Warning) {
	return testText(args, strings.Contains)
}

func evalEndsWith(args []storage.Value) (storage.Value, Warning) {
	return testText(args, strings.HasSuffix)
}

func evalStartsWith(args []storage.Value) (storage.Value, Warning) {
	return testText(args, strings.HasPrefix)
}

func evalConcatFunc(args []storage.Value) (storage.Value, Warning) {
	var buf [128]byte
	text := buf[:0]
	for _, v := range args {
		text = AppendText(text, v)
	}
	return storage.String(string(text)), 0
}

// evalLength counts the items of a list, the code points of all else.
func evalLength(args []storage.Value) (storage.Value, Warning) {
	switch args[0].Type {
	case storage.TypeNull:
		return storage.Value{}, 0
	case storage.TypeList:
		return storage.Int(int64(len(args[0].List))), 0
	}
	return storage.Int(int64(utf8.RuneCountInString(CanonicalText(args[0])))), 0
}

func evalReplace(args []storage.Value) (storage.Value, Warning) {
	var t [3]string
	if !texts(args, t[:]) {
		return storage.Value{}, 0
	}
	if t[1] == "" {
		return storage.String(t[0]), 0
	}
	if n := strings.Count(t[0], t[1]); len(t[0])+n*(len(t[2])-len(t[1])) > textBytesMax {
		return storage.Value{}, WarnArgument
	}
	return storage.String(strings.ReplaceAll(t[0], t[1], t[2])), 0
}

// wholeArg is an argument that is a whole number.
func wholeArg(v storage.Value) (int64, bool) {
	n, ok := Number(v)
	if !ok {
		return 0, false
	}
	whole, ok := Cast(n, storage.TypeInt64)
	return whole.Int, ok
}

// evalSubstr is substr(text, from[, count]) by code points, from counted from
// 1; what lies before the text counts too, as in PostgreSQL.
func evalSubstr(args []storage.Value) (storage.Value, Warning) {
	if args[0].IsNull() {
		return storage.Value{}, 0
	}
	s := CanonicalText(args[0])
	from, ok := wholeArg(args[1])
	if !ok {
		return storage.Value{}, 0
	}
	end := int64(timeMax) // the code point after the last, from 1
	if len(args) > 2 {
		count, ok := wholeArg(args[2])
		if !ok {
			return storage.Value{}, 0
		}
		if count < 0 {
			return storage.Value{}, WarnArgument
		}
		end = saturatedSum(from, count)
	}
	start := codePointAt(s, from-1)
	if from < 1 {
		start = 0
	}
	if end <= 1 || end <= from {
		return storage.String(""), 0
	}
	return storage.String(s[start:max(start, codePointAt(s, end-1))]), 0
}

// codePointAt is the offset of code point n, from 0; the length past the end.
func codePointAt(s string, n int64) int {
	if n <= 0 {
		return 0
	}
	if n >= int64(len(s)) {
		return len(s)
	}
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// evalSplitPart is the n-th part of text split by a delimiter, counted from 1,
// or from the end if negative; past either end it is empty.
func evalSplitPart(args []storage.Value) (storage.Value, Warning) {
	var t [2]string
	n, ok := wholeArg(args[2])
	if !texts(args, t[:]) || !ok {
		return storage.Value{}, 0
	}
	s, by := t[0], t[1]
	switch {
	case n == 0:
		return storage.Value{}, WarnArgument
	case by == "" && (n == 1 || n == -1):
		return storage.String(s), 0
	case by == "":
		return storage.String(""), 0
	case n < 0:
		for ; n < -1; n++ {
			at := strings.LastIndex(s, by)
			if at < 0 {
				return storage.String(""), 0
			}
			s = s[:at]
		}
		return storage.String(s[max(0, lastEnd(s, by)):]), 0
	}
	for ; n > 1; n-- {
		_, after, found := strings.Cut(s, by)
		if !found {
			return storage.String(""), 0
		}
		s = after
	}
	part, _, _ := strings.Cut(s, by)
	return storage.String(part), 0
}

// lastEnd is where the last occurrence of by ends, -1 if there is none.
func lastEnd(s, by string) int {
	if at := strings.LastIndex(s, by); at >= 0 {
		return at + len(by)
	}
	return -1
}
