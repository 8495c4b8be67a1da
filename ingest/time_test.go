package ingest

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		got := "no"
		if ns, ok := parseTime([]byte(in)); ok {
			got = time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	f("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z")
	f("2026-01-02t03:04:05.123456789z", "2026-01-02T03:04:05.123456789Z")
	f("2026-01-02T03:04:05.1234567899Z", "2026-01-02T03:04:05.123456789Z")
	f("2026-01-02T03:04:05+05:30", "2026-01-01T21:34:05Z")
	f("2026-01-02T03:04:05-0800", "2026-01-02T11:04:05Z")
	f("2026-01-02 03:04:05.5", "2026-01-02T03:04:05.5Z")
	f("2026-01-02 03:04:05,5 +01:00", "2026-01-02T02:04:05.5Z")
	f("2026-01-02 03:04:05 UTC", "2026-01-02T03:04:05Z")
	f("2026-01-02 03:04", "2026-01-02T03:04:00Z")
	f("2026-01-02T03:04+02", "2026-01-02T01:04:00Z")
	f("2026-01-02", "2026-01-02T00:00:00Z")
	f("2024-02-29", "2024-02-29T00:00:00Z")
	f("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z")
	f("1678-01-01T00:00:00Z", "1678-01-01T00:00:00Z")
	f("2261-12-31T23:59:59.999999999Z", "2261-12-31T23:59:59.999999999Z")
	f("1700000000", "2023-11-14T22:13:20Z")
	f("1700000000.5", "2023-11-14T22:13:20.5Z")
	f("1700000000123", "2023-11-14T22:13:20.123Z")
	f("1700000000123456", "2023-11-14T22:13:20.123456Z")
	f("1700000000123456789", "2023-11-14T22:13:20.123456789Z")
	for _, bad := range []string{
		"", "x", "2026", "2026-01", "2026-1-02", "2026-13-01", "2026-00-01", "2026-01-32", "2026-01-00", "2023-02-29", "1900-02-29", "2026-04-31",
		"2026-01-02X03:04:05", "2026-01-02T24:00:00", "2026-01-02T03:60:00", "2026-01-02T03:04:61", "2026-01-02T03:04:05.", "2026-01-02T03:04:05x",
		"2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+1", "2026-01-02T03:04:05+01:0", "2026-01-02T", "2026/01-02", "20260102", "20260102030405",
		"1600-01-01T00:00:00Z", "2300-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "0000-01-01", "12345678901", "17000000001.5.5", "9999999999999999999",
	} {
		f(bad, "no")
	}
}

// TestParseTimeAgainstOracle holds it against package time.
func TestParseTimeAgainstOracle(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	layouts := []string{time.RFC3339Nano, time.RFC3339, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.000 -0700", "2006-01-02T15:04:05.000000000Z07:00", "2006-01-02"}
	for range 20_000 {
		ns := rng.Int64() - rng.Int64()
		layout := layouts[rng.IntN(len(layouts))]
		zone := time.FixedZone("", (rng.IntN(2*1439)-1439)*60)
		text := time.Unix(0, ns).In(zone).Format(layout)
		want, err := time.Parse(layout, text)
		if err != nil {
			t.Fatal(err)
		}
		if want.Year() <= 1677 || want.Year() >= 2262 {
			continue // package time wraps around there
		}
		got, ok := parseTime([]byte(text))
		if !ok || got != want.UnixNano() {
			t.Fatalf("seed %d, %q: got %d %v, want %d", seed, text, got, ok, want.UnixNano())
		}
	}
}

func TestTimeOfNumber(t *testing.T) {
	f := func(in string, want int64) {
		t.Helper()
		if got, ok := timeOfNumber([]byte(in)); !ok || got != want {
			t.Errorf("%s: got %d %v, want %d", in, got, ok, want)
		}
	}
	f("0", 0)
	f("1", 1e9)
	f("-1", -1e9)
	f("-1.5", -15e8)
	f("0.25", 25e7)
	f("9223372036", 9223372036e9)
	f("9223372037", 9223372037e6) // in seconds that would be the year 2262
	f("9223372036854", 9223372036854e6)
	f("9223372036855", 9223372036855e3)
	f("1700000000.123456789", 1700000000123456789)
	f("1700000000123.456789", 1700000000123456789)
	f("1700000000123456.789", 1700000000123456789)
	f("1.7e9", 17e17)
	f("1.7e12", 17e17)
	if _, ok := timeOfNumber([]byte("1e300")); ok {
		t.Error("1e300 is a time")
	}
	if got := timeOfInt(math.MaxInt64); got != math.MaxInt64 {
		t.Errorf("the largest integer: got %d", got)
	}
	if got := timeOfInt(math.MinInt64); got != math.MinInt64 {
		t.Errorf("the smallest integer: got %d", got)
	}
	if _, ok := timeOfFloat64(math.NaN()); ok {
		t.Error("NaN is a time")
	}
}

// TestScanNumberAgainstOracle holds it against strconv, to the bit.
func TestScanNumberAgainstOracle(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 50_000 {
		x := math.Float64frombits(rng.Uint64())
		if rng.IntN(2) == 0 {
			x = float64(rng.IntN(1e9)) / math.Pow(10, float64(rng.IntN(9)))
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			continue
		}
		text := strconv.FormatFloat(x, "efg"[rng.IntN(3)], rng.IntN(25)-1, 64)
		want, err := strconv.ParseFloat(text, 64)
		n, end, _, bad := scanNumber(append([]byte(text), 0), 0)
		got := n.f
		if !n.float {
			got = float64(n.i)
		}
		if err != nil && bad {
			continue
		}
		if end != len(text) || bad || err != nil || math.Float64bits(got) != math.Float64bits(want) && want != 0 {
			t.Fatalf("seed %d, %s: got %v %d %v, want %v %v", seed, text, got, end, bad, want, err)
		}
	}
}

func BenchmarkParseTime(b *testing.B) {
	text := []byte("2026-11-22T10:00:00.123Z")
	for b.Loop() {
		if _, ok := parseTime(text); !ok {
			b.Fatal("not a time")
		}
	}
}
