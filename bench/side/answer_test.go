package side

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

// rowsOf decodes rows as they come from a system.
func rowsOf(t *testing.T, text string) [][]any {
	t.Helper()
	var rows [][]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func answerOf(t *testing.T, kinds []kind, text string) answer {
	t.Helper()
	a, err := normalise(kinds, rowsOf(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestNormalise(t *testing.T) {
	f := func(kinds []kind, text string, want answer) {
		t.Helper()
		if got := answerOf(t, kinds, text); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, want %#v", text, got, want)
		}
	}
	// Integers come as numbers or, past 2^53, as text.
	f([]kind{kindInt}, `[[9007199254740993], ["9007199254740993"], [null]]`, answer{{int64(9007199254740993)}, {int64(9007199254740993)}, {nil}})
	f([]kind{kindFloat}, `[[1], [1.5], ["2e3"]]`, answer{{1.0}, {1.5}, {2000.0}})
	f([]kind{kindTime}, `[["2026-11-22T10:00:00.123Z"], [1795341600123], ["1795341600123"]]`,
		answer{{int64(1795341600123)}, {int64(1795341600123)}, {int64(1795341600123)}})
	f([]kind{kindText, kindList}, `[["a", ["x", "y"]], ["b", []]]`, answer{{"a", `["x","y"]`}, {"b", `[]`}})
	// Percentiles come one by one or as a list.
	three := []kind{kindText, kindPercentile, kindPercentile}
	f(three, `[["a", 1, 2], ["b", [3, 4]]]`, answer{{"a", 1.0, 2.0}, {"b", 3.0, 4.0}})

	bad := func(kinds []kind, text, want string) {
		t.Helper()
		if a, err := normalise(kinds, rowsOf(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want an error with %q", text, a, err, want)
		}
	}
	bad([]kind{kindInt}, `[[1.5]]`, "not an integer")
	bad([]kind{kindInt}, `[[true]]`, "not expected")
	bad([]kind{kindFloat}, `[["x"]]`, "not a number")
	bad([]kind{kindTime}, `[["yesterday"]]`, "not a time")
	bad([]kind{kindInt}, `[[1, 2]]`, "more than 1 columns")
	bad(three, `[["a", [1]]]`, "2 columns instead of 3")
	bad(three, `[["a", [1, 2]], []]`, "row 2 has 0 columns")
}

func TestDifference(t *testing.T) {
	q := &question{kinds: []kind{kindText, kindInt, kindFloat, kindPercentile}}
	top := &question{kinds: q.kinds, ordered: true}
	const base = `[["a", 1, 2.5, 9], ["b", 2, 1e9, 9]]`
	f := func(q *question, text, want string) {
		t.Helper()
		got := difference(q, answerOf(t, q.kinds, base), answerOf(t, q.kinds, text))
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	f(q, base, "")
	f(q, `[["b", 2, 1e9, 9], ["a", 1, 2.5, 9]]`, "")
	f(top, `[["b", 2, 1e9, 9], ["a", 1, 2.5, 9]]`, "row 1, column 1")
	f(q, `[["a", 1, 2.5, 9]]`, "2 rows against 1")
	f(q, `[["a", 1, 2.5, 9], ["b", 3, 1e9, 9]]`, "row 2, column 2: 2 against 3")
	f(q, `[["a", 1, 2.5, 9], ["c", 2, 1e9, 9]]`, "b against c")
	f(q, `[["a", 1, 2.5, 9], ["b", 2, 1000000000.5, 9]]`, "")          // within 1e-9
	f(q, `[["a", 1, 2.5, 9], ["b", 2, 1000000002, 9]]`, "column 3")    // beyond
	f(q, `[["a", 1, 2.5, 70], ["b", 2, 1e9, 9]]`, "")                  // approximate
	f(q, `[["a", 1, 2.5, null], ["b", 2, 1e9, 9]]`, "column 4")        // but there
	f(q, `[["a", 1, null, 9], ["b", 2, 1e9, 9]]`, "2.5 against <nil>") // null is no number
}

func TestRelative(t *testing.T) {
	f := func(got, want, is float64) {
		t.Helper()
		if r := relative(got, want); r != is {
			t.Errorf("relative(%v, %v) = %v, want %v", got, want, r, is)
		}
	}
	f(0, 0, 0)
	f(1, 0, math.Inf(1))
	f(3, 2, 0.5)
	f(-3, -2, 0.5)
	f(-2, 2, 2)
	f(math.NaN(), math.NaN(), 0)
}

func TestErrorsOf(t *testing.T) {
	q := &question{kinds: []kind{kindText, kindPercentile, kindDistinct}}
	got := answerOf(t, q.kinds, `[["b", 20, 11], ["a", 11, 10], ["c", null, 10]]`)
	exact := answerOf(t, q.kinds, `[["a", 10, 10], ["b", 20, 10], ["c", null, 10]]`)
	if errors := errorsOf(q, kindPercentile, got, exact); !reflect.DeepEqual(errors, []float64{0.1, 0}) {
		t.Errorf("percentiles: %v", errors)
	}
	if errors := errorsOf(q, kindDistinct, got, exact); !reflect.DeepEqual(errors, []float64{0, 0.1, 0}) {
		t.Errorf("distinct: %v", errors)
	}
}
