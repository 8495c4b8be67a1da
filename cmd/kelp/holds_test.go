package main

import (
	"testing"
	"time"
)

func TestHolds(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) *time.Time {
		at := now.Add(-d)
		return &at
	}
	const day = 24 * time.Hour
	f := func(from, newest, horizon *time.Time, want string) {
		t.Helper()
		if got := holds(from, newest, horizon, now); got != want {
			t.Errorf("%v to %v, horizon %v: %q, want %q", from, newest, horizon, got, want)
		}
	}
	f(ago(226*time.Hour), ago(0), nil, "9.4 days")
	f(ago(12*day), ago(0), ago(226*time.Hour), "9.4 days") // blocks overlap: older rows are left
	f(ago(3*day), ago(0), ago(10*day), "10 days")          // nothing came between
	f(ago(60*day), ago(0), nil, "60 days")
	f(ago(47*time.Hour+59*time.Minute), ago(0), nil, "47 hours")
	f(ago(100*time.Second), ago(0), nil, "100 seconds")
	f(ago(7*time.Minute), ago(0), nil, "7 minutes")
	f(ago(200*time.Millisecond), ago(0), nil, "0.2 seconds")
	f(ago(1050*time.Millisecond), ago(0), nil, "1 second")
	f(ago(0), ago(0), nil, "0 seconds")
	f(ago(-2*day), ago(-5*day), nil, "3 days") // rows later than now
	f(nil, nil, nil, "-")
	f(nil, nil, ago(day), "-") // all are gone
}
