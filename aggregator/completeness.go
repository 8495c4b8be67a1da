package aggregator

import (
	"math"
	"math/big"
	"sort"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// Completeness says what share of the rows that should stand behind an answer
// does. The ratio errs downwards, never upwards.
type Completeness struct {
	Ratio        float64      `json:"ratio"` // rounded down to 4 digits
	Exact        bool         `json:"exact"` // no bucket was counted whole that the range cuts
	RowsExpected uint64       `json:"rows_expected"`
	RowsCovered  uint64       `json:"rows_covered"`
	Leaves       LeavesAsked  `json:"leaves"`
	ByTime       []RatioRange `json:"by_time,omitempty"` // where the ratio is below 1
}

// LeavesAsked says which leaves stand behind an answer.
type LeavesAsked struct {
	Total    int           `json:"total"`
	Answered int           `json:"answered"`
	Missing  []LeafMissing `json:"missing"`
}

// add counts a leaf; reason is "" if it answered.
func (l *LeavesAsked) add(leaf, reason string) {
	l.Total++
	if reason == "" {
		l.Answered++
		return
	}
	l.Missing = append(l.Missing, LeafMissing{leaf, reason})
}

func (l *LeavesAsked) sort() {
	sort.Slice(l.Missing, func(i, j int) bool {
		a, b := l.Missing[i], l.Missing[j]
		return a.Leaf < b.Leaf || a.Leaf == b.Leaf && a.Reason < b.Reason
	})
}

// LeafMissing is a leaf that did not give all it has, and why.
type LeafMissing struct {
	Leaf   string `json:"leaf"`
	Reason string `json:"reason"`
}

// RatioRange is the ratio in a part of the time range.
type RatioRange struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Ratio float64   `json:"ratio"`
}

// completeness weighs what was covered against what was to be expected. heard
// tells whether a leaf has ever said what it holds: one that is missing and has
// not makes the ratio 0, since nothing is known of what it would add.
func completeness(plan *query.Plan, p *query.Partial, heard func(leaf string) bool) Completeness {
	c := Completeness{Exact: true, Leaves: LeavesAsked{Missing: []LeafMissing{}}}
	type miss struct{ leaf, reason string }
	seen := make(map[miss]bool)
	known := true
	for _, report := range p.Leaves {
		c.Leaves.Total++
		if report.Reason == "" {
			c.Leaves.Answered++
		} else {
			seen[miss{report.Leaf, report.Reason}] = true
			known = known && heard(report.Leaf)
		}
		c.RowsCovered += report.Covered
		for _, s := range report.Skipped {
			rows := uint64(0)
			for _, b := range s.Hist {
				rows += b.Rows
				c.Exact = c.Exact && !cut(b, plan.Range)
			}
			if rows > 0 {
				c.RowsExpected += rows
				seen[miss{report.Leaf, s.Reason}] = true
			}
		}
	}
	c.RowsExpected += c.RowsCovered
	for m := range seen {
		c.Leaves.Missing = append(c.Leaves.Missing, LeafMissing{m.leaf, m.reason})
	}
	c.Leaves.sort()
	if known {
		c.Ratio = ratio(c.RowsCovered, c.RowsExpected, c.Leaves.Answered == c.Leaves.Total)
	}
	return c
}

// cut tells whether a bucket lies only partly in the range.
func cut(b storage.TimeCount, r query.Range) bool {
	return b.Width == 0 || b.From < r.From || bucketEnd(b) > r.To
}

// ratio is covered / expected, rounded down to 4 digits; 1 only if nothing is
// missing and every leaf answered. Where nothing was expected and a leaf is
// missing, nothing is known: 0.
func ratio(covered, expected uint64, all bool) float64 {
	switch {
	case expected == 0 && all, covered == expected && all:
		return 1
	case expected == 0:
		return 0
	}
	q := new(big.Int).Mul(new(big.Int).SetUint64(covered), big.NewInt(10_000))
	q.Quo(q, new(big.Int).SetUint64(expected))
	return float64(min(q.Int64(), 9_999)) / 10_000
}

// byTime spreads what is missing over the range: where the hatching goes.
func (a *Aggregator) byTime(plan *query.Plan, p *query.Partial) []RatioRange {
	var missed []storage.TimeCount
	for _, report := range p.Leaves {
		for _, s := range report.Skipped {
			missed = append(missed, s.Hist...)
		}
	}
	expected := a.book.expected(plan.Table, plan.Range)
	from, to := int64(math.MaxInt64), int64(math.MinInt64)
	for _, list := range [][]storage.TimeCount{missed, expected} {
		for _, b := range list {
			if b.Width > 0 {
				from, to = min(from, b.From), max(to, bucketEnd(b))
			}
		}
	}
	from, to = max(from, plan.Range.From, -byTimeReach), min(to, plan.Range.To, byTimeReach)
	if from >= to {
		return nil
	}
	width := bucketWidth(plan, from, to)
	start := floorTo(from, width)
	n := int((to-start-1)/width) + 1
	want, lack := make([]float64, n), make([]float64, n)
	spread(want, expected, start, width)
	spread(lack, missed, start, width)
	var ranges []RatioRange
	for i := range lack {
		if lack[i] <= 0 {
			continue
		}
		share := math.Floor(max(0, 1-lack[i]/max(want[i], lack[i]))*10_000) / 10_000
		at := start + int64(i)*width
		ranges = append(ranges, RatioRange{
			From: time.Unix(0, max(at, from)).UTC(), To: time.Unix(0, min(at+width, to)).UTC(),
			Ratio: min(share, 0.9999),
		})
	}
	return ranges
}

// byTimeReach bounds the times that by_time speaks of to 73 years around 1970,
// in ns, so that widths do not pass int64.
const byTimeReach = math.MaxInt64 / 4

// bucketWidth is the width of the answer's time buckets if it has some and they
// are few, else one that cuts the range into byTimeBucketsMax at most.
func bucketWidth(plan *query.Plan, from, to int64) int64 {
	for _, k := range plan.Keys {
		if k.TimeBucket && k.Width > 0 && (to-from)/k.Width < 4*byTimeBucketsMax {
			return k.Width
		}
	}
	for _, width := range storage.TimeWidths() {
		if (to-from)/width < byTimeBucketsMax {
			return width
		}
	}
	return to - from
}

func floorTo(t, width int64) int64 {
	rest := t % width
	if rest < 0 {
		rest += width
	}
	return t - rest
}

// spread adds the rows of buckets to the cells they lie in, in proportion.
func spread(cells []float64, list []storage.TimeCount, start, width int64) {
	for _, b := range list {
		if b.Width == 0 {
			continue
		}
		first := max(0, (max(b.From, start)-start)/width)
		for i := first; i < int64(len(cells)); i++ {
			lo, hi := start+i*width, start+(i+1)*width
			if lo >= bucketEnd(b) {
				break
			}
			part := min(hi, bucketEnd(b)) - max(lo, b.From) // within one cell: no overflow
			if part > 0 {
				cells[i] += float64(b.Rows) * float64(part) / float64(b.Width)
			}
		}
	}
}
