package shop

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// minutes makes events from five minutes before the outage to five after.
func minutes(seed uint64) (before, after []Event) {
	s := New(seed, start)
	for at := start.Add(-5 * time.Minute); at.Before(start.Add(5 * time.Minute)); at = at.Add(100 * time.Millisecond) {
		if at.Before(start) {
			before = s.Between(before, at, at.Add(100*time.Millisecond), 200, 1)
		} else {
			after = s.Between(after, at, at.Add(100*time.Millisecond), 200, 1)
		}
	}
	return before, after
}

func share(events []Event, is func(*Event) bool) float64 {
	n := 0
	for i := range events {
		if is(&events[i]) {
			n++
		}
	}
	return float64(n) / float64(len(events))
}

func percentile(events []Event, is func(*Event) bool, p float64) float64 {
	var ms []float64
	for i := range events {
		if is(&events[i]) {
			ms = append(ms, events[i].Ms)
		}
	}
	slices.Sort(ms)
	return ms[int(p*float64(len(ms)-1))]
}

// The story must be there to be found: quiet before, loud after, and explained
// by version and region alone.
func TestTheOutageCanBeFound(t *testing.T) {
	before, after := minutes(1)
	failed := func(e *Event) bool { return e.Status >= 500 }
	culprit := func(e *Event) bool { return e.Service == Culprit }
	if got := share(before, failed); got > 0.008 {
		t.Errorf("%.3f of requests fail before the outage", got)
	}
	if got := share(before, func(e *Event) bool { return e.Version == VersionAfter }); got > 0 {
		t.Errorf("%.3f of requests have the new version before the outage", got)
	}
	if a, b := share(before, failed), share(after, failed); b < 3*a {
		t.Errorf("failures rise only from %.4f to %.4f", a, b)
	}
	if a, b := percentile(before, culprit, 0.99), percentile(after, culprit, 0.99); b < 4*a {
		t.Errorf("p99 of %s rises only from %.0f to %.0f ms", Culprit, a, b)
	}
	var broken []Event
	for _, e := range after {
		if e.Error == "timeout" {
			broken = append(broken, e)
		}
	}
	if got := share(broken, func(e *Event) bool { return e.Version == VersionAfter && e.Region == Where }); got != 1 {
		t.Errorf("only %.2f of the timeouts are of %s in %s", got, VersionAfter, Where)
	}
	elsewhere := func(e *Event) bool { return e.Region != Where }
	if a, b := percentile(before, elsewhere, 0.95), percentile(after, elsewhere, 0.95); b > 1.2*a {
		t.Errorf("p95 elsewhere rises from %.0f to %.0f ms", a, b)
	}
	if a, b := share(before, culprit), share(after, culprit); b < 1.1*a {
		t.Errorf("no retries: the share of %s is %.3f, then %.3f", Culprit, a, b)
	}
}

func TestSameSeedSameEvents(t *testing.T) {
	lines := func(seed uint64) (text []byte) {
		_, after := minutes(seed)
		for _, e := range after[:2000] {
			text = e.AppendJSON(text)
		}
		return text
	}
	first, again := lines(3), lines(3)
	if string(first) != string(again) {
		t.Error("the same seed gave other events")
	}
	if string(first) == string(lines(4)) {
		t.Error("another seed gave the same events")
	}
}

func TestRateAndWeights(t *testing.T) {
	s := New(1, time.Time{})
	var events []Event
	for i := range 1000 {
		at := start.Add(time.Duration(i) * 100 * time.Millisecond)
		events = s.Between(events, at, at.Add(100*time.Millisecond), 2000, 10)
	}
	total := 0
	for _, e := range events {
		total += e.SampleRate
	}
	if want := 200_000 * busy(start); float64(total) < 0.93*want || float64(total) > 1.07*want {
		t.Errorf("100 s at 2,000 a second stand for %d events, want about %.0f", total, want)
	}
	for i := 1; i < len(events); i++ {
		if events[i].Time.Before(events[i-1].Time.Add(-100 * time.Millisecond)) {
			t.Fatalf("time goes back from %v to %v", events[i-1].Time, events[i].Time)
		}
	}
}

func TestLinesAreJSON(t *testing.T) {
	_, after := minutes(5)
	for _, e := range after {
		var got map[string]any
		line := e.AppendJSON(nil)
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		at, err := time.Parse(time.RFC3339Nano, got["time"].(string))
		if err != nil || !at.Equal(e.Time) || got["ms"] != e.Ms || got["service"] != e.Service || got["trace_id"] != e.TraceID ||
			(got["error"] == nil) != (e.Error == "") || len(got["tags"].([]any)) != len(e.Tags) {
			t.Fatalf("the line and the event differ: %s%+v", line, e)
		}
	}
}

func BenchmarkEvents(b *testing.B) {
	s := New(1, start)
	var events []Event
	var buf []byte
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		events = s.Between(events[:0], start, start.Add(time.Second), 1000, 1)
		buf = buf[:0]
		for i := range events {
			buf = events[i].AppendJSON(buf)
		}
		n += len(events)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
