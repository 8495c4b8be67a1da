package sim

import (
	"cmp"
	"slices"
	"time"
)

// Summary is what many queries of one cluster came to.
type Summary struct {
	P50, P99, P999 time.Duration
	// Completeness is that of all but one in a hundred answers, Mean that of all.
	Completeness, Mean float64
	Slow               float64 // share of the answers that took SlowAnswer or longer
	More               float64 // requests beyond those without hedging, as a share of those
}

// SlowAnswer is from when on an answer is one that a person waits for.
const SlowAnswer = time.Second

// Run asks so many queries of a new cluster.
func Run(cfg Config, queries int) (Summary, error) {
	c, err := NewCluster(cfg)
	if err != nil {
		return Summary{}, err
	}
	answers := make([]Answer, queries)
	requests, slow, mean := 0, 0, 0.0
	for i := range answers {
		answers[i] = c.Ask()
		requests += answers[i].Requests
		mean += answers[i].Completeness()
		if answers[i].Took >= SlowAnswer {
			slow++
		}
	}
	s := Summary{
		Mean: mean / float64(queries), Slow: float64(slow) / float64(queries),
		More: float64(requests)/float64(queries*c.requests) - 1,
	}
	slices.SortFunc(answers, func(a, b Answer) int { return cmp.Compare(a.Took, b.Took) })
	at := func(share float64) time.Duration { return answers[min(int(share*float64(queries)), queries-1)].Took }
	s.P50, s.P99, s.P999 = at(0.5), at(0.99), at(0.999)
	slices.SortFunc(answers, func(a, b Answer) int { return cmp.Compare(a.Covered, b.Covered) })
	s.Completeness = answers[queries/100].Completeness()
	return s, nil
}
