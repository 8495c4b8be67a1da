package oracle

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/kelpdb/kelp/storage"
)

// argOf is arg_min and arg_max: the value beside the best by, of equals the smaller.
func argOf(name string, samples []sample) storage.Value {
	best := sample{}
	for _, s := range samples {
		c := 0
		if !isNull(best.value) {
			c = order(s.by, best.by)
		}
		if name == "arg_max" {
			c = -c
		}
		if isNull(best.value) || c < 0 || c == 0 && order(s.value, best.value) < 0 {
			best = s
		}
	}
	return best.value
}

// topOf is topk: the texts of the values with the largest weight.
func topOf(k int, samples []sample) storage.Value {
	byKey := make(map[string]int)
	var all []sample
	var weights []*big.Int
	for _, s := range samples {
		at, ok := byKey[keyText(s.value)]
		if !ok {
			at = len(all)
			byKey[keyText(s.value)] = at
			if s.value.Type == storage.TypeFloat64 && s.value.Float == 0 {
				s.value.Float = 0
			}
			all, weights = append(all, s), append(weights, new(big.Int))
		}
		weights[at].Add(weights[at], big.NewInt(s.weight))
	}
	if len(all) == 0 {
		return null
	}
	ranked := make([]int, len(all))
	for i := range ranked {
		ranked[i] = i
	}
	slices.SortFunc(ranked, func(a, b int) int {
		if c := weights[b].Cmp(weights[a]); c != 0 {
			return c
		}
		return order(all[a].value, all[b].value)
	})
	items := []string{}
	for _, i := range ranked[:min(k, len(ranked))] {
		items = append(items, text(all[i].value))
	}
	return storage.List(items)
}

// interval is where a histogram counts a value: an octave, or a part of one.
type interval struct{ from, to float64 }

// histogramOf counts values in parts of octaves, of the finest kind that makes
// no more parts than asked for.
func histogramOf(bins int, samples []sample) storage.Value {
	values := numbersOf(samples)
	if len(values) == 0 {
		return null
	}
	for step := 1; ; step *= 2 {
		counts := make(map[interval]*big.Int)
		for _, s := range values {
			at := intervalOf(float(s.value), step)
			if counts[at] == nil {
				counts[at] = new(big.Int)
			}
			counts[at].Add(counts[at], big.NewInt(s.weight))
		}
		if len(counts) > bins && step < 1<<17 {
			continue
		}
		var shown []interval
		for at := range counts {
			shown = append(shown, at)
		}
		slices.SortFunc(shown, func(a, b interval) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
		var parts []string
		for _, at := range shown {
			parts = append(parts, fmt.Sprintf("[%s,%s,%d]", jsonFloat(at.from), jsonFloat(at.to), counts[at]))
		}
		return storage.String("[" + strings.Join(parts, ",") + "]")
	}
}

func jsonFloat(f float64) string {
	if math.IsInf(f, 0) {
		return `"` + floatText(f) + `"`
	}
	return floatText(f)
}

// intervalOf finds the part of a value; 64 steps of 1 make an octave, counted from
// the one of the smallest normal float on.
func intervalOf(f float64, step int) interval {
	const smallest = 0x1p-1022
	size := math.Abs(f)
	var at interval
	switch {
	case size < smallest:
		return interval{}
	case math.IsInf(f, 0):
		at = interval{size, size}
	default:
		fraction, exp := math.Frexp(size)
		number := (exp+1022)*64 + int((2*fraction-1)*64)
		edge := func(number int) float64 {
			return math.Ldexp(1+float64(number%64)/64, number/64-1023)
		}
		number = number / step * step
		at = interval{max(edge(number), smallest), math.Inf(1)}
		if next := number + step; next < 2047*64 {
			at.to = edge(next)
		}
	}
	if f < 0 {
		return interval{-at.to, -at.from}
	}
	return at
}
