package exec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

// arithRows is rows of numbers, each column of one type: of few values and of many,
// small and near the ends, null here and there.
func arithRows(r *rand.Rand, n int) []oracle.Row {
	wild := r.IntN(2) == 0 // else few rows have no value
	rows := make([]oracle.Row, n)
	for i := range rows {
		row := oracle.Row{
			storage.TimeColumn: storage.Time(diffNow - int64(n-i)*1e9),
			"few":              storage.Int(int64(r.IntN(5)) + 1), "half": storage.Float(float64(r.IntN(7)+1) / 2),
			"i": storage.Int(1 + r.Int64N(1<<(1+r.IntN(20)))), "f": storage.Float(math.Ldexp(r.Float64()+0.1, r.IntN(12))),
		}
		if wild {
			row["few"], row["f"] = storage.Int(int64(r.IntN(5))-2), storage.Float(math.Ldexp(r.Float64()-0.5, r.IntN(12)))
			row["big"] = storage.Int(r.Int64() - r.Int64())
			for _, name := range []string{"few", "i", "f"} {
				if r.IntN(8) == 0 {
					delete(row, name)
				}
			}
			if r.IntN(300) == 0 {
				row["f"] = storage.Float([]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)}[r.IntN(4)])
			}
			if r.IntN(300) == 0 {
				row["i"] = storage.Int([]int64{math.MinInt64, math.MaxInt64, 0, -1}[r.IntN(4)])
			}
		}
		rows[i] = row
	}
	return rows
}

// arithText draws an expression of numbers.
func arithText(r *rand.Rand, depth int) string {
	if depth == 0 || r.IntN(6) == 0 {
		return []string{"few", "half", "i", "f", "big", "lacking", "2", "10", "0.5", "-3", "1024", "60"}[r.IntN(12)]
	}
	x, y := arithText(r, depth-1), arithText(r, depth-1)
	if k := r.IntN(16); k < 8 {
		return fmt.Sprintf("(%s %s %s)", x, []string{"+", "-", "*", "/", "%", "+", "*", "/"}[k], y)
	} else if k < 10 {
		return fmt.Sprintf("bucket(%s, %s)", x, []string{"50", "0.5", "7", y}[r.IntN(4)])
	} else if k == 10 {
		return "-(" + x + ")"
	}
	return []string{"floor", "ceil", "round", "abs", "sqrt", "ln", "log10", "exp"}[r.IntN(8)] + "(" + x + ")"
}

// TestArith: numbers that are computed by columns are those of the oracle, with nulls
// and all that has no value.
func TestArith(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	seeds := uint64(12)
	if underRace {
		seeds = 3
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 11))
		d := layOut(t, r, arithRows(r, []int{1, 90, 3000}[r.IntN(3)]), 1+r.IntN(2), 2500)
		for range 60 {
			x, y, z := arithText(r, 1+r.IntN(3)), arithText(r, r.IntN(3)), arithText(r, 1+r.IntN(2))
			where := ""
			if op := []string{"<", "<=", "=", "!=", ">", ">="}[r.IntN(6)]; r.IntN(2) == 0 {
				where = fmt.Sprintf(" WHERE %s %s %s", z, op, y)
				if r.IntN(3) == 0 {
					where = fmt.Sprintf(" WHERE NOT (%s %s %s)", z, op, y)
				}
			}
			for _, sql := range []string{
				fmt.Sprintf("SELECT count(), count(%s), min(%[1]s), max(%[1]s), min(%s) FROM t%s", x, y, where),
				fmt.Sprintf("SELECT %s AS k, count(), max(%s) FROM t%s GROUP BY k ORDER BY k LIMIT ALL", x, y, where),
			} {
				problem, err := d.differs(r, pool, sql, diffNow)
				if err != nil {
					continue // a constant division by zero, say
				}
				if problem != "" {
					t.Fatalf("seed %d, blocks %s\n%s\n%s", seed, clipText(d.layout), sql, problem)
				}
			}
		}
	}
}

// TestArithWarns: a row warns if a step of it does, also where the whole is null for
// want of another column, and whatever lies in its block.
func TestArithWarns(t *testing.T) {
	pool := NewPool(1)
	defer pool.Close()
	r := rand.New(rand.NewPCG(1, 2))
	row := func(at int64, values ...any) oracle.Row {
		row := oracle.Row{storage.TimeColumn: storage.Time(diffNow - at*1e9)}
		for i := 0; i < len(values); i += 2 {
			row[values[i].(string)] = oneOf(values[i+1])(r)
		}
		return row
	}
	fine := []oracle.Row{row(3, "i", 1, "few", 1, "f", 2.0), row(2, "i", 4, "few", 2, "f", 3.0), row(1, "i", 4)}
	zero := append(slices.Clone(fine), row(0, "i", 1, "few", 0))
	for _, sql := range []string{
		"SELECT min(i / few + f) FROM t",
		"SELECT count() FROM t WHERE i / few + f > 0",
		"SELECT i / few + f AS k, count() FROM t GROUP BY k",
		"SELECT min(f + ln(few)) FROM t",
	} {
		for rows, want := range map[*[]oracle.Row]int{&fine: 0, &zero: 1} {
			for _, most := range []int{1, 4} {
				d := layOut(t, r, *rows, 1, most)
				res, err := d.answer(r, pool, d.query(sql, diffNow))
				if err != nil {
					t.Fatal(err)
				}
				if len(res.Warnings) != want {
					t.Errorf("%s over %d rows in blocks of at most %d: warnings %q, want %d", sql, len(*rows), most, res.Warnings, want)
				}
			}
		}
	}
}

// TestArithPath: what the test above compares is computed by columns.
func TestArithPath(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rows := arithRows(r, 100)
	rows[0]["service"] = storage.String("a")
	d := layOut(t, r, rows, 1, 100)
	for _, x := range []string{"i * 2 + few", "bucket(f, 50)", "round(f) / i", "sqrt(abs(f)) - half", "i % 7", "-i"} {
		b := d.bound(t, x)
		if compileArith(b) == nil {
			t.Errorf("%s is not computed by columns", x)
		}
	}
	for _, x := range []string{"i", "coalesce(i, 2)", "length('x')", "service || 'x'"} {
		if b := d.bound(t, x); compileArith(b) != nil {
			t.Errorf("%s is computed by columns", x)
		}
	}
}

// bound is an expression as a key of a plan.
func (d *diffTable) bound(t testing.TB, x string) *query.Bound {
	t.Helper()
	plan, err := d.query("SELECT count() FROM t GROUP BY "+x, diffNow).Plan()
	if err != nil {
		t.Fatal(err)
	}
	return plan.Keys[0].Expr
}
