package query

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/kelpdb/kelp/storage"
)

// constText is the text of a constant argument; false if it is not constant or null.
func constText(args []*Bound, i int) (string, bool) {
	if args[i].Op != OpConst || args[i].Const.IsNull() {
		return "", false
	}
	return CanonicalText(args[i].Const), true
}

func bindRegexpExtract(f *Function, args []*Bound) error {
	pattern, ok := constText(args, 1)
	if !ok {
		return nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	f.eval = func(args []storage.Value) (storage.Value, Warning) { return regexpExtract(re, args) }
	return nil
}

func evalRegexpExtract(args []storage.Value) (storage.Value, Warning) {
	re, err := regexp.Compile(CanonicalText(args[1]))
	switch {
	case args[1].IsNull():
		return storage.Value{}, 0
	case err != nil:
		return storage.Value{}, WarnArgument
	}
	return regexpExtract(re, args)
}

// regexpExtract is group 1 of the first match if there is one, else the match.
// A group that took no part is null.
func regexpExtract(re *regexp.Regexp, args []storage.Value) (storage.Value, Warning) {
	if args[0].IsNull() {
		return storage.Value{}, 0
	}
	s := CanonicalText(args[0])
	m := re.FindStringSubmatchIndex(s)
	if m == nil {
		return storage.Value{}, 0
	}
	if len(m) > 2 {
		m = m[2:]
	}
	if m[0] < 0 {
		return storage.Value{}, 0
	}
	return storage.String(s[m[0]:m[1]]), 0
}

func bindRegexpReplace(f *Function, args []*Bound) error {
	if len(args) > 3 {
		if flags, ok := constText(args, 3); ok && !replaceFlagsOK(flags) {
			return fmt.Errorf("its flags are 'g' (all matches) and 'i' (any case), not '%s'", flags)
		}
	}
	pattern, ok := constText(args, 1)
	if !ok {
		return nil
	}
	flags := ""
	if len(args) > 3 {
		if flags, ok = constText(args, 3); !ok {
			return nil
		}
	}
	re, err := compileFlags(pattern, flags)
	if err != nil {
		return err
	}
	f.eval = func(args []storage.Value) (storage.Value, Warning) { return regexpReplace(re, flags, args) }
	return nil
}

func replaceFlagsOK(flags string) bool { return strings.Trim(flags, "gi") == "" }

func compileFlags(pattern, flags string) (*regexp.Regexp, error) {
	if strings.Contains(flags, "i") {
		pattern = "(?i)" + pattern
	}
	return regexp.Compile(pattern)
}

func evalRegexpReplace(args []storage.Value) (storage.Value, Warning) {
	flags := ""
	if len(args) > 3 {
		if args[3].IsNull() {
			return storage.Value{}, 0
		}
		flags = CanonicalText(args[3])
	}
	if args[1].IsNull() {
		return storage.Value{}, 0
	}
	re, err := compileFlags(CanonicalText(args[1]), flags)
	if err != nil || !replaceFlagsOK(flags) {
		return storage.Value{}, WarnArgument
	}
	return regexpReplace(re, flags, args)
}

// regexpReplace replaces the first match, or all of them. In the replacement
// \1 to \9 are groups, \& or \0 the whole match, \\ a backslash.
func regexpReplace(re *regexp.Regexp, flags string, args []storage.Value) (storage.Value, Warning) {
	if args[0].IsNull() || args[2].IsNull() {
		return storage.Value{}, 0
	}
	s, with := CanonicalText(args[0]), CanonicalText(args[2])
	count := 1
	if strings.Contains(flags, "g") {
		count = -1
	}
	var out []byte
	end := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, count) {
		out = append(out, s[end:m[0]]...)
		out = appendReplacement(out, with, s, m)
		end = m[1]
		if len(out) > textBytesMax {
			return storage.Value{}, WarnArgument
		}
	}
	return storage.String(string(append(out, s[end:]...))), 0
}

func appendReplacement(dst []byte, with, s string, m []int) []byte {
	for i := 0; i < len(with); i++ {
		c := with[i]
		if c != '\\' || i+1 == len(with) {
			dst = append(dst, c)
			continue
		}
		i++
		group := -1
		switch c = with[i]; {
		case c == '&':
			group = 0
		case c >= '0' && c <= '9':
			group = int(c - '0')
		case c == '\\':
			dst = append(dst, c)
			continue
		default:
			dst = append(dst, '\\', c)
			continue
		}
		if 2*group < len(m) && m[2*group] >= 0 {
			dst = append(dst, s[m[2*group]:m[2*group+1]]...)
		}
	}
	return dst
}
