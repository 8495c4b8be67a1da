package oracle

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/kelpdb/kelp/storage"
)

var jsonStep = regexp.MustCompile(`^\.?([^.\[]+)|^\[([0-9]+)\]|^\["([^"]*)"\]`)

// jsonExtract follows a path such as $.a.b[0]: the content of a text, the JSON
// of all else, null where nothing is.
func jsonExtract(s, path string) storage.Value {
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var at any
	if dec.Decode(&at) != nil || dec.More() {
		return null
	}
	for rest := strings.TrimPrefix(path, "$"); rest != ""; {
		m := jsonStep.FindStringSubmatch(rest)
		if m == nil {
			return null
		}
		rest = rest[len(m[0]):]
		if m[2] != "" {
			list, ok := at.([]any)
			n, err := strconv.Atoi(m[2])
			if !ok || err != nil || n >= len(list) {
				return null
			}
			at = list[n]
			continue
		}
		object, ok := at.(map[string]any)
		if at = object[m[1]+m[3]]; !ok {
			return null
		}
	}
	switch v := at.(type) {
	case nil:
		return null
	case string:
		return storage.String(v)
	}
	out, err := json.Marshal(at)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return storage.String(string(out))
}
