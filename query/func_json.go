package query

import (
	"errors"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/kelpdb/kelp/storage"
)

// jsonStep is one step into a JSON value: a key, or an index from 0.
type jsonStep struct {
	key   string
	index int // -1: a key
}

var errJSONPath = errors.New(`a path is written $.a.b[0] or a["b c"]`)

// parseJSONPath reads $.a.b[0]; the $ may be left out.
func parseJSONPath(path string) ([]jsonStep, error) {
	rest := strings.TrimPrefix(path, "$")
	first := rest == path // without $, a key comes without a dot
	var steps []jsonStep
	for rest != "" {
		if len(steps) == jsonPathStepsMax {
			return nil, errors.New("a path has at most " + strconv.Itoa(jsonPathStepsMax) + " steps")
		}
		var step jsonStep
		ok := false
		switch {
		case rest[0] == '[':
			step, rest, ok = jsonBracket(rest[1:])
		case rest[0] == '.' || first:
			rest = strings.TrimPrefix(rest, ".")
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			step, rest, ok = jsonStep{rest[:end], -1}, rest[end:], end > 0
		}
		if !ok {
			return nil, errJSONPath
		}
		first = false
		steps = append(steps, step)
	}
	return steps, nil
}

// jsonBracket reads what follows [.
func jsonBracket(s string) (step jsonStep, rest string, ok bool) {
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		key, rest, ok := strings.Cut(s[1:], s[:1]+"]")
		return jsonStep{key, -1}, rest, ok
	}
	digits, rest, ok := strings.Cut(s, "]")
	n, err := strconv.ParseUint(digits, 10, 31)
	return jsonStep{index: int(n)}, rest, ok && err == nil
}

func bindJSONExtract(f *Function, args []*Bound) error {
	path, ok := constText(args, 1)
	if !ok {
		return nil
	}
	steps, err := parseJSONPath(path)
	if err != nil {
		return err
	}
	f.eval = func(args []storage.Value) (storage.Value, Warning) { return jsonExtract(args[0], steps) }
	return nil
}

func evalJSONExtract(args []storage.Value) (storage.Value, Warning) {
	if args[1].IsNull() {
		return storage.Value{}, 0
	}
	steps, err := parseJSONPath(CanonicalText(args[1]))
	if err != nil {
		return storage.Value{}, WarnArgument
	}
	return jsonExtract(args[0], steps)
}

// jsonExtract is the text of what the steps lead to: a string's content, the
// JSON of all else; null if it is null or not there, or if the text is not JSON.
func jsonExtract(v storage.Value, steps []jsonStep) (storage.Value, Warning) {
	if v.IsNull() {
		return storage.Value{}, 0
	}
	var p fastjson.Parser
	at, err := p.Parse(CanonicalText(v))
	if err != nil {
		return storage.Value{}, 0
	}
	for _, step := range steps {
		switch {
		case step.index < 0:
			at = jsonMember(at, step.key)
		case at.Type() == fastjson.TypeArray:
			items := at.GetArray()
			if step.index >= len(items) {
				return storage.Value{}, 0
			}
			at = items[step.index]
		default:
			return storage.Value{}, 0
		}
		if at == nil {
			return storage.Value{}, 0
		}
	}
	switch at.Type() {
	case fastjson.TypeNull:
		return storage.Value{}, 0
	case fastjson.TypeString:
		return storage.String(string(at.GetStringBytes())), 0
	}
	return storage.String(string(at.MarshalTo(nil))), 0
}

// jsonMember is the member of an object, the last of repeated ones; nil if there is none.
func jsonMember(v *fastjson.Value, key string) *fastjson.Value {
	object, err := v.Object()
	if err != nil {
		return nil
	}
	var found *fastjson.Value
	object.Visit(func(k []byte, member *fastjson.Value) {
		if string(k) == key {
			found = member
		}
	})
	return found
}
