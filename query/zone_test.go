package query

import (
	"strings"
	"testing"
	"time"
)

// zonesOdd have offsets of half and quarter hours, days that begin late, twice or
// not at all.
var zonesOdd = []string{"Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Havana", "America/St_Johns", "America/Toronto",
	"Asia/Kathmandu", "Asia/Beirut", "Asia/Amman", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Chatham", "Africa/Casablanca", "Atlantic/Azores"}

// Around every change of the clocks days follow one another without a gap, no
// time lies before its day, and a day begins when the calendar first shows it.
func TestDaysOfZones(t *testing.T) {
	for _, name := range zonesOdd {
		b, err := bucketerIn("1d", name)
		if err != nil {
			t.Fatal(err)
		}
		changes := 0
		for at := time.Date(1800, 1, 1, 0, 0, 0, 0, b.zone); at.Year() < 2040; changes++ {
			for _, from := range []time.Duration{-90 * time.Minute, -10 * time.Minute, -1, 0, 30 * time.Second, 20 * time.Minute, 59 * time.Minute, 26 * time.Hour} {
				checkDay(t, b, at.Add(from).UnixNano())
			}
			if _, at = at.ZoneBounds(); at.IsZero() {
				break
			}
		}
		if changes < 2 || t.Failed() {
			t.Fatalf("%s: %d changes", name, changes)
		}
	}
}

// checkDay holds the day of a time against what it has to be.
func checkDay(t *testing.T, b bucketer, at int64) {
	t.Helper()
	start, ok := b.start(at)
	next, okNext := b.next(start)
	if !ok || !okNext || start > at || next <= at || b.seconds(start) != secondsBetween(start, next) {
		t.Errorf("%s: %d lies in %d to %d", b.zone, at, start, next)
	}
	first := time.Unix(0, start).In(b.zone)
	if localDay(first.Add(-time.Nanosecond)) >= localDay(first) {
		t.Errorf("%v had begun before", first)
	}
	for _, of := range []int64{start, next - 1} {
		if again, _ := b.start(of); again != start {
			t.Errorf("%s: %d lies in the bucket of %d, not %d", b.zone, of, again, start)
		}
	}
	if again, _ := b.start(next); again != next {
		t.Errorf("%s: the bucket of %d begins at %d", b.zone, next, again)
	}
}

// The zone of the request is that of TIMEZONE, which goes before it.
func TestZoneOfRequest(t *testing.T) {
	f := func(zone, sql, want string) {
		t.Helper()
		q := testQuery(sql)
		q.Zone = zone
		plan, err := q.Plan()
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = time.Unix(0, plan.Range.From).UTC().Format(time.RFC3339) + " " + plan.Zone
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s, %s: %s", zone, sql, got)
		}
	}
	f("", "SELECT ms FROM t SINCE '2026-06-01'", "2026-06-01T00:00:00Z ")
	f("utc", "SELECT ms FROM t SINCE '2026-06-01'", "2026-06-01T00:00:00Z ")
	f("Europe/Berlin", "SELECT ms FROM t SINCE '2026-06-01'", "2026-05-31T22:00:00Z Europe/Berlin")
	f("Europe/Berlin", "SELECT ms FROM t SINCE '2026-06-01T00:00:00Z'", "2026-06-01T00:00:00Z Europe/Berlin")
	f("Europe/Berlin", "SELECT ms FROM t SINCE '2026-06-01 00:00 +01'", "2026-05-31T23:00:00Z Europe/Berlin")
	f("Europe/Berlin", "SELECT ms FROM t SINCE '2026-06-01' TIMEZONE 'UTC'", "2026-06-01T00:00:00Z ")
	f("Mars/Olympus", "SELECT ms FROM t", "there is no time zone `Mars/Olympus`; zones have names")
}

func BenchmarkZonedStart(b *testing.B) {
	day, err := bucketerIn("1d", "Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC).UnixNano()
	for i := range b.N {
		if _, ok := day.start(at + int64(i)*nsPerSecond); !ok {
			b.Fatal("no bucket")
		}
	}
}
