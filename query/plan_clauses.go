package query

import (
	"fmt"
	"time"
)

// ClauseTexts says in words what the clauses behind LIMIT make of the plan, for
// EXPLAIN.
func (p *Plan) ClauseTexts() []string {
	texts := []string{}
	if c := p.Compare; c != nil {
		at := func(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
		texts = append(texts, "COMPARE: the same once more from "+at(p.Range.From-c.Back)+" to "+at(p.Range.To-c.Back)+
			", "+durationText(0, c.Back)+" earlier; joined by the keys")
	}
	if p.Zone != "" {
		texts = append(texts, "TIMEZONE: buckets of days and more, and times without a zone, are in "+p.Zone)
	}
	if p.Within > 0 {
		texts = append(texts, "WITHIN: what is not read after "+durationText(0, p.Within)+" is missing from the answer")
	}
	if s := p.Sample; s != nil && p.Grouped {
		texts = append(texts, fmt.Sprintf("SAMPLE: about %d rows of the range are read, and counts and sums scaled", s.Rows))
	} else if s != nil {
		texts = append(texts, fmt.Sprintf("SAMPLE: %d rows are drawn of those that match", s.Rows))
	}
	if p.Fill {
		texts = append(texts, "FILL: the time buckets without rows come out too")
	}
	return texts
}
