package aggregator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// params reads the parameters of a request's address. One that the call does not
// know is an error: a misspelt one must not be taken for none.
func params(r *http.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the parameters of the address can not be read", "write % as %25, + as %2B, ; as %3B; curl -G --data-urlencode does")
	}
	for name := range values {
		if !slices.Contains(known, name) {
			hint := "it takes none"
			if len(known) > 0 {
				hint = "it takes " + strings.Join(known, ", ")
			}
			return nil, badRequest(fmt.Sprintf("%s has no parameter %q", r.URL.Path, name), hint)
		}
	}
	return values, nil
}

// intParam reads a whole number; 0 where the parameter is not there.
func intParam(values url.Values, name string) (int64, error) {
	text := values.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, badRequest(fmt.Sprintf("%s is %q", name, text), "it must be a whole number")
	}
	return n, nil
}

// boolParam reads true, 1, false or 0; false where the parameter is not there.
func boolParam(values url.Values, name string) (bool, error) {
	switch text := values.Get(name); text {
	case "1", "true":
		return true, nil
	case "", "0", "false":
		return false, nil
	default:
		return false, badRequest(fmt.Sprintf("%s is %q", name, text), "it must be true or false")
	}
}

// jsonFault says in plain words why JSON from a client could not be decoded.
func jsonFault(err error) string {
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mismatch):
		name := mismatch.Field
		if name == "" {
			name = "it"
		}
		return fmt.Sprintf("%s is a JSON %s; it must be %s", name, mismatch.Value, jsonNoun(mismatch.Type))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.As(err, &syntax) && strings.HasPrefix(syntax.Error(), "unexpected end"):
		return "it is not JSON: it ends too early"
	case errors.As(err, &syntax):
		return fmt.Sprintf("it is not JSON at byte %d", syntax.Offset)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return "it has a field " + name + " that is not known"
	}
	return err.Error()
}

// jsonNoun names what a Go type is in JSON.
func jsonNoun(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "an object"
}
