package side

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind says what a column of an answer holds and how it is compared.
type kind int

const (
	kindText       kind = iota
	kindInt             // equal
	kindFloat           // within floatTolerance
	kindTime            // milliseconds since 1970, or RFC 3339; equal
	kindList            // of texts, in order; equal
	kindPercentile      // an approximation; may come as a list, one for each column
	kindDistinct        // an approximation
)

func (k kind) approximate() bool { return k == kindPercentile || k == kindDistinct }

// answer is an answer in one form for all systems: a cell is nil, string, int64
// or float64. Times are int64, lists their JSON text.
type answer [][]any

// normalise brings the rows of a system, decoded from JSON with UseNumber, into
// the common form.
func normalise(kinds []kind, rows [][]any) (answer, error) {
	out := make(answer, len(rows))
	for i, row := range rows {
		cells := make([]any, 0, len(kinds))
		for _, cell := range row {
			if len(cells) == len(kinds) {
				return nil, fmt.Errorf("row %d has more than %d columns", i+1, len(kinds))
			}
			k := kinds[len(cells)]
			many, isList := cell.([]any)
			if !isList || k != kindPercentile {
				many = []any{cell}
			}
			for _, one := range many {
				v, err := normal(k, one)
				if err != nil {
					return nil, fmt.Errorf("row %d, column %d: %w", i+1, len(cells)+1, err)
				}
				cells = append(cells, v)
			}
		}
		if len(cells) != len(kinds) {
			return nil, fmt.Errorf("row %d has %d columns instead of %d", i+1, len(cells), len(kinds))
		}
		out[i] = cells
	}
	return out, nil
}

func normal(k kind, cell any) (any, error) {
	if cell == nil {
		return nil, nil
	}
	text, isText := cell.(string)
	if n, ok := cell.(json.Number); ok {
		text = n.String()
	} else if !isText && k != kindList {
		return nil, fmt.Errorf("%T is not expected here", cell)
	}
	switch k {
	case kindText:
		return text, nil
	case kindInt, kindDistinct:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not an integer", text)
		}
		return n, nil
	case kindFloat, kindPercentile:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", text)
		}
		return f, nil
	case kindTime:
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return t.UnixMilli(), nil
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a time", text)
		}
		return n, nil
	case kindList:
		list, err := json.Marshal(cell)
		return string(list), err
	}
	panic(fmt.Sprintf("BUG: kind %d", k))
}

// sorted returns the rows in the order of their exact cells, so that answers
// whose order nobody promised can be compared.
func (a answer) sorted(kinds []kind) answer {
	key := func(row []any) string {
		var b strings.Builder
		for i, cell := range row {
			if k := kinds[i]; k != kindFloat && !k.approximate() {
				fmt.Fprintf(&b, "%v\x00", cell)
			}
		}
		return b.String()
	}
	type keyed struct {
		key string
		row []any
	}
	rows := make([]keyed, len(a))
	for i, row := range a {
		rows[i] = keyed{key(row), row}
	}
	slices.SortStableFunc(rows, func(x, y keyed) int { return strings.Compare(x.key, y.key) })
	out := make(answer, len(a))
	for i := range rows {
		out[i] = rows[i].row
	}
	return out
}

// difference tells the first difference between two answers, "" if there is
// none. Approximate cells are not looked at, but for null against a value.
func difference(q *question, a, b answer) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d rows against %d", len(a), len(b))
	}
	if !q.ordered {
		a, b = a.sorted(q.kinds), b.sorted(q.kinds)
	}
	for i := range a {
		for c, k := range q.kinds {
			if !same(k, a[i][c], b[i][c]) {
				return fmt.Sprintf("row %d, column %d: %v against %v, in %v and %v", i+1, c+1, a[i][c], b[i][c], a[i], b[i])
			}
		}
	}
	return ""
}

func same(k kind, a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if k.approximate() {
		return true
	}
	if k == kindFloat {
		return relative(a.(float64), b.(float64)) <= floatTolerance
	}
	return a == b
}

// relative is the distance of got from want as a share of want.
func relative(got, want float64) float64 {
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		return 0
	}
	if want == 0 {
		return math.Inf(1)
	}
	return math.Abs(got-want) / math.Abs(want)
}

// errorsOf lists the relative errors of the approximate cells of one kind against
// the exact answer. The answers must not differ otherwise.
func errorsOf(q *question, k kind, got, exact answer) []float64 {
	if !q.ordered {
		got, exact = got.sorted(q.kinds), exact.sorted(q.kinds)
	}
	var errors []float64
	for i := range got {
		for c := range q.kinds {
			if q.kinds[c] == k && got[i][c] != nil && exact[i][c] != nil {
				errors = append(errors, relative(number(got[i][c]), number(exact[i][c])))
			}
		}
	}
	return errors
}

func number(cell any) float64 {
	if n, ok := cell.(int64); ok {
		return float64(n)
	}
	return cell.(float64)
}
