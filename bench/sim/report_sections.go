package sim

import (
	"fmt"
	"math"
	"time"
)

func (r *Report) begin() error {
	r.write(`# The tail: fan-out, hedging and deadlines, simulated

Written by ` + "`make sim`" + ` (bench/sim), the same each time. A query asks every leaf, so it is as slow as the slowest of them, and with a thousand
leaves one is always slow. This page simulates clusters of up to 10,000 leaves in virtual time, chooses the defaults from that, and says what the fan-out
must do for them to hold. ` + "`aggregator.Run`" + ` does today what "no hedging" with all leaves below one aggregator says: a test runs it over up to
10,000 leaves in virtual time, and it gives the answers of the simulation, as complete and to the nanosecond as late. The tree and hedging are models.

Requests take, when nothing is wrong, what was measured on two processors that others used as well:
`)
	r.table("", "p50 ms", "p99 ms", "p99.9 ms", "longest", "measured")
	for _, d := range []Dist{r.hop, r.leaf} {
		r.row(d.Name, ms(d.At(0.5)), ms(d.At(0.99)), ms(d.At(0.999)), ms(d.At(1)), d.What)
	}
	r.write(`
And 1%% are slow: they take a second or more, half of those over 1.6 s, by Pareto's law with exponent 1.5. Either each request is slow by chance (a
collection, a lost packet, a queue), or 1%% of the machines are, at every request (a bad host; others each %d queries). Aggregators are slow like leaves: half of their slow requests before they begin, half after.
`, Spell)
	return nil
}

// published reproduces what others have published.
func (r *Report) published() error {
	r.write("\n## Published figures\n")
	r.table("what", "published", "here")
	plain := ways()[0].policy
	plain.Fanout = 0
	s, err := r.run(100, 1, wrong(false), plain)
	if err != nil {
		return err
	}
	r.row("fan-out 100, 1% of requests slow: share of slow queries", "63% (The Tail at Scale 2013)", fmt.Sprintf("%.1f%%", 100*s.Slow))
	before, after, err := r.tailAtScale()
	if err != nil {
		return err
	}
	r.row("100 requests, p99.9 without hedging", "1,800 ms (the same)", ms(before.P999)+" ms, by the fit")
	r.row("the same, hedged after 10 ms", "74 ms, 2% more requests", fmt.Sprintf("%s ms, %s more requests", ms(after.P999), more(after.More)))
	for _, w := range ways()[:2] {
		if s, err = r.run(1000, 1, wrong(false), w.policy); err != nil {
			return err
		}
		r.row("1,000 leaves, share of the tablets that were read ("+w.name+")", "98% is the least that is taken (Dremel)",
			fmt.Sprintf("%.1f%% after %s ms (p99)", 100*s.Completeness, ms(s.P99)))
	}
	r.write(`
The second and third lines take a distribution that is fitted to two of the published numbers: 2%% of requests take over 10 ms, and the tail is Pareto's
through 1,800 ms at one in 100,000 (exponent 1.46). What hedging makes of it is better here than was measured: there, slowness is partly the
server's, and a hedge may meet the same cause.
`)
	return nil
}

// tailAtScale is the benchmark of 100 requests, without hedging and hedged after 10 ms.
func (r *Report) tailAtScale() (before, after Summary, err error) {
	fast := Dist{Name: "fitted", Points: []Point{{0, 1}, {0.5, 3}, {1, 10}}}
	beyond := math.Log(0.02/1e-5) / math.Log(1800.0/10)
	cfg := Config{Leaves: 100, Replicas: 2, Normal: fast, Hop: fast, Seed: 1,
		Slow: Slow{Share: 0.02, Least: 10 * time.Millisecond, Tail: beyond}, Policy: Policy{Deadline: time.Hour}}
	queries := max(int(r.scale*200_000), 1)
	if before, err = Run(cfg, queries); err != nil {
		return before, after, err
	}
	cfg.Policy = Policy{Deadline: time.Hour, Hedge: 0.01, Patience: 1, PatienceMin: 10 * time.Millisecond, Tries: 2, LateMax: 1}
	after, err = Run(cfg, queries)
	return before, after, err
}

// kinds are the two models of slowness.
func kinds() []string { return []string{"1% of requests slow", "1% of machines slow"} }

// bar is what is asked of the cluster: p99 under a second at completeness 0.999.
func (r *Report) bar() error {
	r.write(`
## 1,000 and 10,000 leaves

Fan-out 128: two levels of requests. The time beside a policy is the query's. Hedging takes two homes for each shard.
`)
	r.table(append([]string{"leaves", "slow", "policy"}, figures()...)...)
	for _, leaves := range []int{1000, 10_000} {
		for k, kind := range kinds() {
			for _, w := range ways() {
				s, err := r.run(leaves, w.replicas, wrong(k == 1), w.policy)
				if err != nil {
					return err
				}
				r.row(append([]string{fmt.Sprint(leaves), kind, w.name}, s.cells()...)...)
			}
		}
	}
	return nil
}

func (r *Report) byLeaves() error {
	r.write("\n![p99 by the number of leaves, and what is missing by the deadline](tail.svg)\n\n## By the number of leaves\n\nThe plot also shows what 1,000 leaves lack by the deadline; 1e-5 stands for nothing. p99 in ms and, of 99%% of answers, completeness.\n")
	columns := []string{"slow", "leaves"}
	for _, w := range ways() {
		columns = append(columns, w.name)
	}
	r.table(columns...)
	for k, kind := range kinds() {
		p := panel{title: "p99 in ms, " + kind, x: "leaves", lines: make([]line, len(ways()))}
		for _, leaves := range []int{1, 10, 32, 100, 320, 1000, 3200, 10_000} {
			cells := []string{kind, fmt.Sprint(leaves)}
			for i, w := range ways() {
				s, err := r.run(leaves, min(w.replicas, leaves), wrong(k == 1), w.policy)
				if err != nil {
					return err
				}
				cells = append(cells, ms(s.P99)+" / "+share(s.Completeness))
				p.lines[i].name = w.name
				p.lines[i].add(float64(leaves), s.P99.Seconds()*1e3)
			}
			r.row(cells...)
		}
		r.panels = append(r.panels, p)
	}
	return nil
}

func (r *Report) byFanout() error {
	r.write("\n## By fan-out\n\nAn answer takes its aggregator %v of one processor, so that many below one queue there. 1%% of requests slow, hedging, 1 s.\n", Default().Handling)
	r.table(append([]string{"leaves", "fan-out"}, figures()...)...)
	for _, leaves := range []int{1000, 10_000} {
		for _, fanout := range []int{8, 16, 32, 64, 128, 0} {
			p := Default()
			p.Fanout = fanout
			name := fmt.Sprint(fanout)
			if fanout == 0 {
				name = "all"
			}
			s, err := r.run(leaves, 2, wrong(false), p)
			if err != nil {
				return err
			}
			r.row(append([]string{fmt.Sprint(leaves), name}, s.cells()...)...)
		}
	}
	return nil
}

func (r *Report) byHedging() error {
	r.write(`
## By when late children are hedged

1,000 leaves, 1%% of requests slow, two homes, 10 s, so that the deadline hides nothing. A late child is asked again, elsewhere, when so many times as long
has passed as the share took to answer; one that is an aggregator, at twice as long.
`)
	r.table(append([]string{"share", "times"}, figures()...)...)
	for _, share := range []float64{0.5, 0.75, 0.9, 0.95} {
		for _, patience := range []float64{1, 1.5, 2, 4, 8} {
			p := Default()
			p.Deadline, p.Hedge, p.Patience = 10*time.Second, share, patience
			s, err := r.run(1000, 2, wrong(false), p)
			if err != nil {
				return err
			}
			r.row(append([]string{fmt.Sprint(share), fmt.Sprint(patience)}, s.cells()...)...)
		}
	}
	r.write("\nThe most that is hedged of an aggregator's children, where far more are slow than 1%% (1,000 leaves, 1 s):\n")
	r.table(append([]string{"requests slow", "at most"}, figures()...)...)
	for _, slow := range []float64{0.01, 0.05, 0.2} {
		for _, most := range []float64{0.0625, 0.125, 0.25, 1} {
			p, s := Default(), wrong(false)
			p.LateMax, s.Share = most, slow
			sum, err := r.run(1000, 2, s, p)
			if err != nil {
				return err
			}
			r.row(append([]string{fmt.Sprintf("%.0f%%", 100*slow), fmt.Sprint(most)}, sum.cells()...)...)
		}
	}
	return nil
}

func (r *Report) byDeadline() error {
	r.write("\n## By deadline\n\n1,000 leaves. An answer that is not whole comes a twentieth before its deadline.\n")
	r.table(append([]string{"slow", "policy", "deadline"}, figures()...)...)
	for k, kind := range kinds() {
		p := panel{title: "share of the rows that is missing, " + kind + ", 1,000 leaves", x: "deadline in ms", lines: make([]line, 2)}
		for i, w := range []way{ways()[0], ways()[2]} {
			name := []string{"no hedging", "hedging"}[i]
			p.lines[i].name = name
			for _, deadline := range []int{50, 100, 250, 500, 1000, 2000, 10_000} {
				w.policy.Deadline = time.Duration(deadline) * time.Millisecond
				s, err := r.run(1000, w.replicas, wrong(k == 1), w.policy)
				if err != nil {
					return err
				}
				r.row(append([]string{kind, name, w.policy.Deadline.String()}, s.cells()...)...)
				p.lines[i].add(float64(deadline), max(1-s.Completeness, missingLeast))
			}
		}
		r.panels = append(r.panels, p)
	}
	return nil
}

// missingLeast stands for nothing in a plot whose axis is logarithmic.
const missingLeast = 1e-5
