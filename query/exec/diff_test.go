package exec

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

var (
	diffSeed   = flag.Uint64("diffseed", 0, "seed of the random queries that are held against the oracle; 0: the clock")
	diffRounds = flag.Int("diffrounds", 12, "random tables that are asked random queries")
)

// diffRoundsRace is the most of them under the race detector.
const diffRoundsRace = 4

// diffNow is what now() is: an hour after most rows.
var diffNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixNano()

// diffColumns make the values of a random table: few of each, with all that is
// odd about a type among them.
var diffColumns = []struct {
	name  string
	value func(r *rand.Rand) storage.Value
}{
	{"service", oneOf("api", "web", "db", "API", "", "ünï", "a%b", "a_b", `a\b`)},
	{"status", oneOf(200, 200, 200, 404, 500, 503, -1)},
	{"ms", func(r *rand.Rand) storage.Value {
		if r.IntN(3) == 0 {
			return storage.Int(r.Int64N(40))
		}
		return storage.Float(float64(r.IntN(4000)) / 8)
	}},
	{"f", oneOf(0.5, math.Copysign(0, -1), 0.0, math.NaN(), math.Inf(1), math.Inf(-1), -3.25, 1e300, 7.0)},
	{"big", oneOf(math.MaxInt64, math.MinInt64, math.MaxInt64-1, 1<<53+1, 0, -7)},
	{"ok", oneOf(true, false, nil)},
	{"seen", func(r *rand.Rand) storage.Value { return storage.Time(diffNow - r.Int64N(90*86400)*1e9) }},
	{"tags", func(r *rand.Rand) storage.Value {
		items := make([]string, r.IntN(4))
		for i := range items {
			items[i] = []string{"a", "b", "c", "ü", ""}[r.IntN(5)]
		}
		return storage.List(items)
	}},
	{"mix", oneOf(1, 2, 10, "10", "9", "x", "", "1.5", " 1", 2.5, nil)},
	{"any", anything},
	{"stamp", oneOf("2026-11-22 10:00:00+02", "2026-11-22T10:00:00.25Z", "2026-01-31 10:00 -0530", "2024-02-29", "2026-11-22 10:00:00+2", "2023-02-29", "", "10")},
	{"odd", oneOf("2026-11-22T10:00:00Z", "2026-11-22", "12", "-0.5", "1e3", "NaN", "0x10", "true", "abc")},
	{"path", func(r *rand.Rand) storage.Value {
		return storage.String(fmt.Sprintf("/%s/%d", []string{"api", "web", "v2/user"}[r.IntN(3)], r.IntN(30)))
	}},
	{"rare", func(r *rand.Rand) storage.Value {
		if r.IntN(20) > 0 {
			return storage.Value{}
		}
		return storage.Int(r.Int64N(5))
	}},
	{"id", func(r *rand.Rand) storage.Value { return storage.String(fmt.Sprintf("%016x", r.Uint64()>>r.IntN(60))) }},
	{"seq", func(r *rand.Rand) storage.Value { return storage.Int(1_000_000 + r.Int64N(50_000)) }},
	{"same", oneOf("only")},
	{"line", func(r *rand.Rand) storage.Value {
		return storage.String(fmt.Sprintf("GET /item/%d took %d ms%s", r.IntN(100_000), r.IntN(900), []string{"", " timeout", "\n"}[r.IntN(3)]))
	}},
	{"user", func(r *rand.Rand) storage.Value { return storage.String(fmt.Sprintf("user-%06d", r.IntN(3000))) }},
	{"trace", func(r *rand.Rand) storage.Value {
		return storage.String(fmt.Sprintf("%016x-%016x", r.Uint64N(3)*0x9e3779b97f4a7c15, r.Uint64N(400)*0xd6e8feb86659fd93))
	}},
	{"log", func(r *rand.Rand) storage.Value {
		switch r.IntN(3) {
		case 0:
			return storage.String(fmt.Sprintf("timeout after %d ms of 10.0.%d.%d", r.IntN(900), r.IntN(9), r.IntN(256)))
		case 1:
			return storage.String(fmt.Sprintf("state %s, key %012x", []string{"open", "out", "timed out"}[r.IntN(3)], r.Uint64()>>16))
		}
		return storage.String(fmt.Sprintf("worker %02d took %.3f ms", r.IntN(20), r.ExpFloat64()*9))
	}},
	{"sample_rate", oneOf(1, 1, 1, 2, 10, nil, 0, -3, 2.5, 4.0, "3")},
}

// oneOf draws from a few values.
func oneOf(values ...any) func(r *rand.Rand) storage.Value {
	return func(r *rand.Rand) storage.Value {
		switch v := values[r.IntN(len(values))].(type) {
		case int:
			return storage.Int(int64(v))
		case float64:
			return storage.Float(v)
		case string:
			return storage.String(v)
		case bool:
			return storage.Bool(v)
		}
		return storage.Value{}
	}
}

// anything draws values of every type, so that a column has them all.
func anything(r *rand.Rand) storage.Value {
	switch r.IntN(10) {
	case 0, 1:
		return storage.Bool(r.IntN(2) == 0)
	case 2, 3:
		return oneOf(0, 1, 2, 7, -3, math.MaxInt64)(r)
	case 4:
		return oneOf(0.5, -1.25, math.NaN(), 1e10, math.Inf(1))(r)
	case 5, 6:
		return oneOf("1", "true", "x", "", "2.5", "-7", "2026-11-22 10:00:00+02", "NaN")(r)
	case 7:
		return storage.Time(diffNow - r.Int64N(3)*86400e9)
	case 8:
		return storage.List([]string{"a", "1"}[:r.IntN(3)])
	}
	return storage.Value{}
}

// diffRows makes random rows; some tables lack some columns, and some columns have
// the same value in nearly all rows.
func diffRows(r *rand.Rand, n int) []oracle.Row {
	lacks := make(map[string]bool)
	nulls := make(map[string]int)
	base := make(map[string]storage.Value)
	for _, c := range diffColumns {
		lacks[c.name] = r.IntN(10) == 0
		nulls[c.name] = []int{0, 0, 10, 60}[r.IntN(4)]
		if r.IntN(4) == 0 {
			base[c.name], nulls[c.name] = c.value(r), r.IntN(2)
		}
	}
	rows := make([]oracle.Row, n)
	at := diffNow - 2*3600e9
	for i := range rows {
		at += r.Int64N(2 * 3600e9 / int64(n))
		row := oracle.Row{storage.TimeColumn: storage.Time(at)}
		if r.IntN(4) == 0 { // on the edge of a bucket
			row[storage.TimeColumn] = storage.Time(at / 60e9 * 60e9)
		}
		for _, c := range diffColumns {
			if lacks[c.name] || r.IntN(100) < nulls[c.name] {
				continue
			}
			v, ok := base[c.name]
			if !ok || r.IntN(40) == 0 {
				v = c.value(r)
			}
			if !v.IsNull() {
				row[c.name] = v
			}
		}
		rows[i] = row
	}
	return rows
}

// TestEngineAgainstOracle asks random queries of random tables in random
// layouts: leaves, blocks, workers.
func TestEngineAgainstOracle(t *testing.T) {
	seed := *diffSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed: -diffseed %d", seed)
	pools := []*Pool{NewPool(1), NewPool(2), NewPool(3)}
	for i, p := range pools {
		defer p.Close()
		p.spares.least = []int{spareMin, 1, 16}[i] // the memory of one query serves the next
	}
	rounds := *diffRounds
	if underRace {
		rounds = min(rounds, diffRoundsRace)
	}
	refusals := make(map[string]int)
	asked, refused := 0, 0
	for round := range rounds {
		r := rand.New(rand.NewPCG(seed, uint64(round)))
		n, queries := []int{1, 7, 60, 400, 1500}[r.IntN(5)], 60
		if round%12 == 11 { // large enough for every encoding
			n, queries = 20_000, 15
		}
		rows := diffRows(r, n)
		d := layOut(t, r, rows, 1+r.IntN(4), []int{1, 10, 200, 2000}[r.IntN(4)]*max(1, len(rows)/400))
		gen := &diffGen{r: r}
		for i := range queries {
			sql := gen.query()
			if i%20 == 19 {
				sql = gen.together()
			}
			problem, err := d.differs(r, pools[r.IntN(len(pools))], sql, diffNow)
			asked++
			if err != nil {
				refused++
				refusals[err.Error()]++
				continue
			}
			if problem != "" {
				t.Errorf("round %d, %d rows, blocks %s\n%s\n%s", round, len(rows), clipText(d.layout), sql, problem)
				t.Fatal(shrink(t, pools[0], rows, sql))
			}
		}
	}
	t.Logf("%d queries, %d refused", asked, refused)
	if refused*3 > asked {
		t.Errorf("%d of %d queries were refused: %v", refused, asked, refusals)
	}
}

// shrink drops rows as long as the answers still differ, and shows what is left.
func shrink(t *testing.T, pool *Pool, rows []oracle.Row, sql string) string {
	failing := func(rows []oracle.Row) (string, bool) {
		if len(rows) == 0 {
			return "", false
		}
		for _, blockRows := range []int{1, 3, 50, 2000} {
			r := rand.New(rand.NewPCG(uint64(len(rows)), 1))
			d := layOut(t, r, rows, 1+blockRows%2, blockRows)
			if problem, err := d.differs(r, pool, sql, diffNow); err == nil && problem != "" {
				return "blocks " + clipText(d.layout) + "\n" + problem, true
			}
		}
		return "", false
	}
	problem, ok := failing(rows)
	if !ok {
		return "it does not fail again in another layout"
	}
	for n := len(rows) / 2; n > 0; n /= 2 {
		for at := 0; at+n <= len(rows); {
			less := slices.Concat(rows[:at], rows[at+n:])
			if p, ok := failing(less); ok {
				rows, problem = less, p
			} else {
				at += n
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows are enough\n", len(rows))
	for _, row := range rows[:min(len(rows), 20)] {
		for _, name := range slices.Sorted(maps.Keys(row)) {
			fmt.Fprintf(&b, " %s: %s", name, showValue(row[name]))
		}
		b.WriteString("\n")
	}
	return b.String() + problem
}

func clipText(s string) string { return s[:min(len(s), 300)] }
