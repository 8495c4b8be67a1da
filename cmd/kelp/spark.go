package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
)

// series is one group of an answer with time buckets: its values in the order
// of time, NaN where a bucket has no row.
type series struct {
	name   string
	values []float64
}

// sparkLines draws the first number of an answer over time, one line a group:
//
//	api   ▁▁▂▅█  120 to 41,220
//
// It is empty for answers without time buckets, or with one bucket only.
func sparkLines(a *client.Answer) string {
	at, value := sparkColumns(a)
	if at < 0 || value < 0 {
		return ""
	}
	groups := collectSeries(a, at, value)
	wide := 0
	for _, g := range groups {
		wide = max(wide, len([]rune(g.name)))
	}
	var b strings.Builder
	for i, g := range groups {
		if len(g.values) < 2 {
			return ""
		}
		if i == sparkLinesMax {
			fmt.Fprintf(&b, "  and %s more\n", plural(len(groups)-i, "group", "groups"))
			break
		}
		low, high := bounds(g.values)
		fmt.Fprintf(&b, "%-*s  %s  %s to %s\n", wide, g.name, spark(narrow(g.values, sparkWidthMax)), shortNumber(low), shortNumber(high))
	}
	return b.String()
}

// sparkColumns finds the time bucket and the first number that is no key.
func sparkColumns(a *client.Answer) (at, value int) {
	at, value = -1, -1
	if a.Bucket == nil || a.Bucket.WidthMs <= 0 {
		return at, value
	}
	for i, c := range a.Columns {
		switch {
		case c.Name == a.Bucket.Column && c.Type == "time" && at < 0:
			at = i
		case isNumber(c.Type) && strings.Contains(c.Name, "(") && value < 0:
			value = i
		}
	}
	return at, value
}

func collectSeries(a *client.Answer, at, value int) []series {
	first, last := time.Time{}, time.Time{}
	times := make([]time.Time, len(a.Rows))
	for r, row := range a.Rows {
		text, _ := row[at].(string)
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			continue
		}
		times[r] = t
		if first.IsZero() || t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	width := time.Duration(a.Bucket.WidthMs) * time.Millisecond
	count := int(last.Sub(first)/width) + 1
	if count > sparkBucketsMax {
		return nil
	}
	var groups []series
	index := map[string]int{}
	for r, row := range a.Rows {
		if times[r].IsZero() {
			continue
		}
		name := groupName(a.Columns, row, at)
		g, ok := index[name]
		if !ok {
			g = len(groups)
			index[name] = g
			groups = append(groups, series{name: name, values: nans(count)})
		}
		if n, ok := row[value].(json.Number); ok {
			if f, err := n.Float64(); err == nil {
				groups[g].values[times[r].Sub(first)/width] = f
			}
		}
	}
	slices.SortStableFunc(groups, func(a, b series) int {
		_, highA := bounds(a.values)
		_, highB := bounds(b.values)
		return cmp.Compare(highB, highA)
	})
	return groups
}

// narrow joins neighbours until there are at most width values, each the mean of
// those it stands for.
func narrow(values []float64, width int) []float64 {
	per := (len(values) + width - 1) / width
	if per <= 1 {
		return values
	}
	var out []float64
	for chunk := range slices.Chunk(values, per) {
		sum, count := 0.0, 0.0
		for _, v := range chunk {
			if !math.IsNaN(v) {
				sum += v
				count++
			}
		}
		out = append(out, sum/count) // 0/0 is NaN: a gap
	}
	return out
}

// groupName joins the keys of a row: what is neither the bucket nor a number.
func groupName(columns []client.Column, row []any, at int) string {
	var keys []string
	for i, c := range columns {
		if i != at && !strings.Contains(c.Name, "(") {
			keys = append(keys, cell(row[i], false))
		}
	}
	if len(keys) == 0 {
		return "all"
	}
	return strings.Join(keys, " ")
}

func nans(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
	}
	return values
}

func bounds(values []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high
}

// spark draws values between 0, or the least if that is below, and the
// greatest; a gap is a blank.
func spark(values []float64) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	low, high := bounds(values)
	low = min(low, 0)
	var b strings.Builder
	for _, v := range values {
		switch {
		case math.IsNaN(v):
			b.WriteByte(' ')
		case high <= low:
			b.WriteRune(bars[0])
		default:
			b.WriteRune(bars[int((v-low)/(high-low)*float64(len(bars)-1)+0.5)])
		}
	}
	return b.String()
}

func shortNumber(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return thousands(int64(v))
	}
	return fmt.Sprintf("%.4g", v)
}
