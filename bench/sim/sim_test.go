package sim

import (
	"encoding/xml"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// testReport is a report without sections, over what was measured.
func testReport(t *testing.T) *Report {
	t.Helper()
	dists, err := Measured()
	if err != nil || len(dists) != 2 || dists[0].Name != "hop" || dists[1].Name != "leaf" {
		t.Fatalf("%d distributions, %v", len(dists), err)
	}
	return &Report{hop: dists[0], leaf: dists[1], scale: 1}
}

// TestTheBar: with 1% slow, of requests or of machines, 1,000 and 10,000 leaves answer
// within a second at completeness 0.999 in 99 of 100 queries, with at most 5% more
// requests; without hedging they do not.
func TestTheBar(t *testing.T) {
	r := testReport(t)
	r.scale = 0.1
	for _, leaves := range []int{1000, 10_000} {
		if leaves > 1000 && underRace {
			break
		}
		for k, kind := range kinds() {
			for i, w := range ways() {
				s, err := r.run(leaves, w.replicas, wrong(k == 1), w.policy)
				if err != nil {
					t.Fatal(err)
				}
				met := s.P99 < time.Second && s.Completeness >= 0.999 && s.More <= 0.0505
				if want := i == 3; want != met && (want || i < 2) {
					t.Errorf("%d leaves, %s, %s: p99 %v, completeness %.4f, %+.2f%% more requests; is the bar met? want %v",
						leaves, kind, w.name, s.P99, s.Completeness, 100*s.More, want)
				}
			}
		}
	}
}

// TestPublished: of a hundred requests, 1% of which are slow, 63% of the queries are.
func TestPublished(t *testing.T) {
	r := testReport(t)
	plain := ways()[0].policy
	plain.Fanout = 0
	s, err := r.run(100, 1, wrong(false), plain)
	if err != nil || s.Slow < 0.62 || s.Slow > 0.65 {
		t.Errorf("%v of the queries are slow, %v", s.Slow, err)
	}
	r.scale = 0.2
	before, after, err := r.tailAtScale()
	if err != nil || before.P999 < 1200*time.Millisecond || before.P999 > 2700*time.Millisecond {
		t.Errorf("p99.9 without hedging: %v, %v", before.P999, err)
	}
	if after.P999 > 74*time.Millisecond || after.More < 0.015 || after.More > 0.025 {
		t.Errorf("hedged: p99.9 %v for %v more requests", after.P999, after.More)
	}
}

// TestBudget: whatever is slow, hedging stays within its budget; without one it would
// not.
func TestBudget(t *testing.T) {
	r := testReport(t)
	r.scale = 0.05
	for _, slow := range []float64{0.01, 0.05, 0.2, 0.5} {
		p, s := Default(), wrong(false)
		s.Share = slow
		sum, err := r.run(320, 2, s, p)
		if err != nil || sum.More > 1.2*p.Budget { // the aggregators' silence is beside it
			t.Errorf("%v slow: %v more requests, %v", slow, sum.More, err)
		}
		p.Budget = 0
		if sum, err = r.run(320, 2, s, p); slow == 0.05 && (err != nil || sum.More < 0.06) {
			t.Errorf("without a budget: %v more requests, %v", sum.More, err)
		}
	}
}

// TestTree: groups are even, no aggregator has more children than the fan-out, and the
// leaves of a query are asked once each.
func TestTree(t *testing.T) {
	f := func(fanout, leaves, children, requests int) {
		t.Helper()
		p := Policy{Fanout: fanout, Deadline: time.Hour}
		below := p.below(leaves)
		if got := (leaves + below - 1) / below; got != children {
			t.Errorf("%d leaves, fan-out %d: %d children, want %d", leaves, fanout, got, children)
		}
		c, err := NewCluster(Config{Leaves: leaves, Replicas: 1, Normal: flatDist(1, 2), Hop: flatDist(1, 2), Policy: p})
		if err != nil {
			t.Fatal(err)
		}
		if a := c.Ask(); a.Requests != requests || a.Covered != leaves || c.requests != requests {
			t.Errorf("%d leaves, fan-out %d: %d requests cover %d, %d were foreseen; want %d", leaves, fanout, a.Requests, a.Covered, c.requests, requests)
		}
	}
	f(32, 1, 1, 1)
	f(32, 32, 32, 32)
	f(32, 33, 6, 33+6)
	f(32, 1024, 32, 1024+32)
	f(32, 1025, 11, 1025+11+11*10)
	f(128, 10_000, 100, 10_100)
	f(0, 5000, 5000, 5000)
	f(2, 8, 2, 8+2+4)
	for leaves := 1; leaves < 3000; leaves += 7 {
		for _, fanout := range []int{2, 3, 32} {
			p := Policy{Fanout: fanout}
			below := p.below(leaves)
			if children := (leaves + below - 1) / below; children > fanout || leaves > fanout && below >= leaves {
				t.Fatalf("%d leaves, fan-out %d: %d children of %d", leaves, fanout, children, below)
			}
		}
	}
}

// TestConfigs: what cannot be is refused.
func TestConfigs(t *testing.T) {
	good := Config{Leaves: 10, Replicas: 2, Normal: flatDist(1, 2), Hop: flatDist(1, 2), Policy: Default()}
	f := func(want string, change func(*Config)) {
		t.Helper()
		cfg := good
		change(&cfg)
		if _, err := NewCluster(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := NewCluster(good); err != nil {
		t.Fatal(err)
	}
	f("leaves", func(c *Config) { c.Leaves = 0 })
	f("replicas", func(c *Config) { c.Replicas = 3 })
	f("fan-out", func(c *Config) { c.Policy.Fanout = 1 })
	f("tries", func(c *Config) { c.Policy.Tries = 1 })
	f("rise", func(c *Config) { c.Normal.Points = []Point{{0, 2}, {1, 1}} })
	f("from 0 to 1", func(c *Config) { c.Hop.Points = []Point{{0, 1}, {0.5, 2}} })
}

// TestDist: a measurement gives its quantiles back.
func TestDist(t *testing.T) {
	var times []time.Duration
	for i := range 100_000 {
		times = append(times, time.Duration((i*7919)%100_000+1)*time.Microsecond)
	}
	d := distOf("test", "", times)
	if err := d.check(); err != nil {
		t.Fatal(err)
	}
	for _, share := range []float64{0, 0.123, 0.5, 0.99, 0.9985, 0.9999, 1} {
		want := milliseconds(100 * share)
		if got := d.At(share); got < want-20*time.Microsecond || got > want+20*time.Microsecond {
			t.Errorf("At(%v) = %v, want about %v", share, got, want)
		}
	}
}

// TestPage: the page in docs/ is what the simulation gives, as a line of the bar for
// 1,000 leaves shows; and a report is whole, the same each time, and draws an SVG.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/tail.md")
	if err != nil {
		t.Fatal(err)
	}
	r := testReport(t)
	w := ways()[3]
	s, err := r.run(1000, w.replicas, wrong(true), w.policy)
	if err != nil {
		t.Fatal(err)
	}
	row := "| " + strings.Join(append([]string{"1000", kinds()[1], w.name}, s.cells()...), " | ") + " |\n"
	if !strings.Contains(string(page), row) {
		t.Errorf("docs/tail.md lacks %s; run make sim", row)
	}
	if !strings.HasSuffix(string(page), rules) {
		t.Error("docs/tail.md does not end with the rules; run make sim")
	}
	if testing.Short() {
		return
	}
	a, err := NewReport(0.001)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewReport(0.001)
	if err != nil || a.Markdown() != b.Markdown() || a.Plot() != b.Plot() {
		t.Errorf("two reports differ: %v", err)
	}
	for dec := xml.NewDecoder(strings.NewReader(a.Plot())); ; {
		if _, err := dec.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the plot is no SVG: %v", err)
		}
	}
	if strings.Contains(a.Plot(), "NaN") || strings.Count(a.Plot(), "<polyline") != 12 {
		t.Errorf("the plot has %d lines", strings.Count(a.Plot(), "<polyline"))
	}
	for _, bad := range []string{"%!", "NaN"} {
		if strings.Contains(a.Markdown(), bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}
