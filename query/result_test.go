package query

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/kelpdb/kelp/storage"
)

func TestAppendJSONValue(t *testing.T) {
	f := func(v storage.Value, want string) {
		t.Helper()
		if got := string(AppendJSONValue([]byte("x"), v)); got != "x"+want {
			t.Errorf("%v is %s, not %s", v, got[1:], want)
		}
	}
	f(storage.Value{}, "null")
	f(storage.Bool(true), "true")
	f(storage.Int(math.MinInt64), "-9223372036854775808")
	f(storage.Float(3), "3")
	f(storage.Float(1e300), "1e+300")
	f(storage.Float(math.Copysign(0, -1)), "0")
	f(storage.Float(math.NaN()), `"NaN"`)
	f(storage.Float(math.Inf(1)), `"Infinity"`)
	f(storage.Float(math.Inf(-1)), `"-Infinity"`)
	f(storage.Time(0), `"1970-01-01T00:00:00Z"`)
	f(storage.Time(1_500_000_000), `"1970-01-01T00:00:01.5Z"`)
	f(storage.Time(math.MinInt64), `"1677-09-21T00:12:43.145224192Z"`)
	f(storage.String("a\"\\\n\t\r\x01é<"), `"a\"\\\n\t\r\u0001é<"`)
	f(storage.String("a\xffb"), `"a�b"`)
	f(storage.List(nil), "[]")
	f(storage.List([]string{"a", "b\n"}), `["a","b\n"]`)
}

// What is written is JSON, and says the value.
func TestJSONReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyFloat.Draw(t, "float")
		text := AppendJSONValue(nil, storage.Float(v))
		if v-v == 0 {
			var back float64
			if err := json.Unmarshal(text, &back); err != nil || back != v {
				t.Fatalf("%v is %s", v, text)
			}
		} else if !json.Valid(text) {
			t.Fatalf("%v is %s", v, text)
		}
		if n, ok := Cast(storage.String(CanonicalText(storage.Float(v))), storage.TypeFloat64); !ok || compareFloats(n.Float, v) != 0 {
			t.Fatalf("the text of %v reads as %v", v, n)
		}
		s := rapid.String().Draw(t, "text")
		var back string
		if err := json.Unmarshal(AppendJSONValue(nil, storage.String(s)), &back); err != nil || back != s {
			t.Fatalf("%q reads as %q, %v", s, back, err)
		}
	})
}

// round12 is what writing 12 digits and reading them gives, by the quick way too.
func TestRound12(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.OneOf(anyFloat, rapid.Map(rapid.Int64Range(-1e13, 1e13), func(n int64) float64 { return float64(n) / 2e6 })).Draw(t, "float")
		want := f
		if f-f == 0 {
			if r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'e', 11, 64), 64); err == nil {
				want = r
			}
		}
		if got := round12(f); compareFloats(got, want) != 0 {
			t.Fatalf("%v to 12 digits is %v, not %v", f, got, want)
		}
	})
	if got := round12(100000000001.5); got != 100000000002 {
		t.Errorf("a tie becomes %v", got)
	}
	if round12(0.1+0.2) != round12(0.3) {
		t.Error("0.1 + 0.2 is not 0.3 to 12 digits")
	}
}

func TestSelectBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(rapid.IntRange(0, 20), 0, 60).Draw(t, "items")
		n := rapid.IntRange(0, 70).Draw(t, "n")
		want := slices.Clone(items)
		slices.Sort(want)
		got := selectBest(slices.Clone(items), n, func(a, b int) bool { return a < b })
		if !slices.Equal(got, want[:min(n, len(want))]) {
			t.Fatalf("the best %d of %v are %v", n, items, got)
		}
	})
}

func BenchmarkRound12(b *testing.B) {
	values := make([]float64, 1024)
	for i := range values {
		values[i] = math.Exp(20 * rand.New(rand.NewPCG(1, uint64(i))).NormFloat64())
	}
	for b.Loop() {
		for _, v := range values {
			round12(v)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(values)), "ns/value")
}
