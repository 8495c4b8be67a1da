package sim

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Report is docs/tail.md and its plot: the clusters that were asked, and what came of
// them.
type Report struct {
	leaf, hop Dist
	scale     float64
	text      strings.Builder
	panels    []panel
}

// wrong is the slowness that the report is about: of a hundred requests, or machines,
// one takes a second or more, half of those over 1.6 s.
func wrong(perMachine bool) Slow {
	return Slow{Share: 0.01, PerMachine: perMachine, Least: time.Second, Tail: 1.5}
}

// way is a policy with its name.
type way struct {
	name     string
	replicas int
	policy   Policy
}

// ways are the policies that are held against each other.
func ways() []way {
	hedged, patient := Default(), Default()
	patient.Deadline = 10 * time.Second
	cut := hedged
	cut.Hedge, cut.Remember = 0, false
	plain := cut
	plain.Deadline = 10 * time.Second
	return []way{
		{"no hedging, 10 s", 1, plain}, {"no hedging, 1 s", 1, cut},
		{"hedging, 10 s", 2, patient}, {"hedging, 1 s", 2, hedged},
	}
}

// NewReport runs the simulations, each of so many queries, times scale.
func NewReport(scale float64) (*Report, error) {
	dists, err := Measured()
	if err != nil {
		return nil, err
	}
	r := &Report{scale: scale}
	for _, d := range dists {
		switch d.Name {
		case "leaf":
			r.leaf = d
		case "hop":
			r.hop = d
		}
	}
	for _, section := range []func() error{r.begin, r.published, r.bar, r.byLeaves, r.byFanout, r.byHedging, r.byDeadline} {
		if err := section(); err != nil {
			return nil, err
		}
	}
	r.text.WriteString(rules)
	return r, nil
}

// Markdown is the page.
func (r *Report) Markdown() string { return r.text.String() }

// queriesMin and queriesMax bound the queries of one line, which has about drawsEach
// requests.
const (
	queriesMin = 2_000
	queriesMax = 20_000
	drawsEach  = 10_000_000
)

// run asks a cluster of the report's.
func (r *Report) run(leaves, replicas int, slow Slow, p Policy) (Summary, error) {
	queries := float64(min(max(drawsEach/leaves, queriesMin), queriesMax))
	return Run(Config{Leaves: leaves, Replicas: replicas, Normal: r.leaf, Hop: r.hop, Slow: slow, Policy: p, Seed: 1},
		max(int(queries*r.scale), 1))
}

func (r *Report) write(format string, args ...any) { fmt.Fprintf(&r.text, format, args...) }

// table writes a table's head.
func (r *Report) table(columns ...string) {
	r.write("\n| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

func (r *Report) row(cells ...string) { r.write("| %s |\n", strings.Join(cells, " | ")) }

// cells are the figures of a Summary.
func (s *Summary) cells() []string {
	return []string{ms(s.P50), ms(s.P99), share(s.Completeness), share(s.Mean), more(s.More)}
}

// figures are the columns of cells.
func figures() []string {
	return []string{"p50 ms", "p99 ms", "completeness, 99% of answers", "mean", "more requests"}
}

func ms(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.0f", d.Seconds()*1e3)
}

// share is rounded down, as completeness is.
func share(x float64) string { return fmt.Sprintf("%.4f", math.Floor(x*1e4+1e-9)/1e4) }

func more(x float64) string {
	if math.Abs(x) < 5e-4 {
		return "0"
	}
	return fmt.Sprintf("%+.1f%%", 100*x)
}
