package query

import (
	"slices"
	"strings"
)

// mergeReport adds what p says about itself to out.
func mergeReport(out, p *Partial) {
	out.Leaves = append(out.Leaves, p.Leaves...)
	out.Stats.Add(p.Stats)
	out.From, out.To = min(out.From, p.From), max(out.To, p.To)
	// Nothing older than the newest of the horizons is there everywhere.
	out.Horizon = max(out.Horizon, p.Horizon)
	out.Newest = max(out.Newest, p.Newest)
	out.Later += p.Later
	out.Drawn += p.Drawn
	out.DrawnOf += p.DrawnOf
	out.Approx = append(out.Approx, p.Approx...)
	out.Truncated = worseTruncation(out.Truncated, p.Truncated)
	out.Warnings = append(out.Warnings, p.Warnings...)
}

// Add adds what something else has cost.
func (s *Stats) Add(o Stats) {
	s.RowsScanned += o.RowsScanned
	s.RowsMatched += o.RowsMatched
	s.BlocksScanned += o.BlocksScanned
	s.BlocksPruned += o.BlocksPruned
	s.BytesScanned += o.BytesScanned
}

// finishReport brings what was gathered into an order that does not depend on
// that of the parts.
func finishReport(out *Partial) {
	slices.SortStableFunc(out.Leaves, func(a, b LeafReport) int {
		if c := strings.Compare(a.Leaf, b.Leaf); c != 0 {
			return c
		}
		return compareReports(a, b)
	})
	slices.Sort(out.Approx)
	out.Approx = slices.Compact(out.Approx)
	out.Warnings = tidyWarnings(out.Warnings)
}

func compareReports(a, b LeafReport) int {
	switch {
	case a.Shard != b.Shard && a.Shard < b.Shard:
		return -1
	case a.Shard != b.Shard:
		return 1
	}
	return strings.Compare(a.Reason, b.Reason)
}

// tidyWarnings sorts warnings, takes each once and bounds their number.
func tidyWarnings(all []string) []string {
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), warningsMax)]
}

// worseTruncation keeps one of two: the reason first in the alphabet, then the
// smaller number kept, so that the order of merging does not show.
func worseTruncation(a, b *Truncated) *Truncated {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.By != b.By:
		if a.By < b.By {
			return a
		}
		return b
	case a.Kept < b.Kept || a.Kept == b.Kept && a.Limit <= b.Limit:
		return a
	}
	return b
}

// markApprox notes the exact aggregates that became approximations.
func markApprox(plan *Plan, p *Partial) {
	if !plan.Grouped {
		return
	}
	for a, s := range p.States {
		if exact, ok := s.(MayApproximate); ok && exact.Approx() {
			p.Approx = append(p.Approx, a)
		}
	}
}
