package exec

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

// TestSetsAlone: every set of several has the groups and values that it has when it is
// asked for alone, whatever the others are, also when not all groups are taken.
func TestSetsAlone(t *testing.T) {
	r := diffRand(t, 8)
	pool := NewPool(2)
	defer pool.Close()
	columns := []string{"service", "status", "ok", "rare", "path", "same", "user", "mix", "any", "nosuch", "seq", "tags", "service, ok", "status, service", "path, user", ""}
	aggs := []string{"count()", "hits()", "sum(status)", "avg(ms)", "p90(ms)", "p50(seq)", "sum(seq)", "uniq(user)", "uniq(status)", "max(ms)", "min(service)", "variance(status)",
		"count_if(ms > 20)", "p10(status) FILTER (WHERE ok)", "avg(mix)", "count(rare)"}
	for range *diffRounds / 2 {
		d := layOut(t, r, diffRows(r, 1500), 1, 400+r.IntN(600))
		for range 6 {
			var sets []string
			for _, i := range r.Perm(len(columns))[:2+r.IntN(6)] {
				sets = append(sets, "("+columns[i]+")")
			}
			picked := r.Perm(len(aggs))[:1+r.IntN(4)]
			var list []string
			for _, i := range picked {
				list = append(list, aggs[i])
			}
			where := []string{"", " WHERE status >= 404", " WHERE service != 'api' AND ms < 300"}[r.IntN(3)]
			tail := []string{") LIMIT ALL", ") LIMIT ALL RAW"}[r.IntN(2)] // weights of most rows keep values from being sorted
			lim := Limits{Groups: []int{0, 0, 5, 40}[r.IntN(4)]}
			from := "SELECT " + strings.Join(list, ", ") + " FROM t" + where + " GROUP BY GROUPING SETS ("
			whole := d.ask(t, pool, from+strings.Join(sets, ", ")+tail, lim)
			sides, err := whole.Split()
			if err != nil {
				t.Fatal(err)
			}
			for i, set := range sets {
				alone := d.ask(t, pool, from+set+tail, lim)
				if alone.Partial.Truncated != nil && whole.Partial.Truncated == nil {
					t.Errorf("%s%s: %+v is not said of %s", from, set, alone.Partial.Truncated, sets)
				}
				one, err := alone.Split()
				if err != nil {
					t.Fatal(err)
				}
				sameGroups(t, from+set+" of "+strings.Join(sets, ", ")+" over "+d.layout, sides[i].Partial, one[0].Partial)
			}
		}
	}
}

// TestRunsOfManyGroups: where rows are put in order of many groups, with a few that weigh
// more than 1, and where an expression makes one value of many codes, the answers are the
// oracle's.
func TestRunsOfManyGroups(t *testing.T) {
	r := diffRand(t, 9)
	pool := NewPool(2)
	defer pool.Close()
	var rows []oracle.Row
	for range 4000 {
		row := oracle.Row{storage.TimeColumn: storage.Time(diffNow - r.Int64N(3600)*1e9), "path": storage.String(fmt.Sprintf("/p%d/%d", r.IntN(3), r.IntN(20))),
			"seq": storage.Int(r.Int64N(100_000)), "ms": storage.Float(r.ExpFloat64() * 50), "service": storage.String([]string{"api", "web", "db"}[r.IntN(3)])}
		if r.IntN(20) == 0 {
			row[storage.SampleRateColumn] = storage.Int(1 + r.Int64N(30))
		}
		rows = append(rows, row)
	}
	d := layOut(t, r, rows, 2, 2000)
	paths := "CASE WHEN path IN ('/p0/1', '/p1/2', '/p2/3') THEN path END"
	for _, by := range []string{"path", "split_part(path, '/', 2)", paths, paths + ", service", "service, split_part(path, '/', 3)"} {
		for _, where := range []string{"", " WHERE ms > 20"} {
			sql := "SELECT count(), uniq(seq), p90(ms), p50(ms), avg(ms), min(ms) FROM t" + where + " GROUP BY " + by
			if problem, err := d.differs(r, pool, sql, diffNow); err != nil || problem != "" {
				t.Errorf("%s: %v\n%s", sql, err, problem)
			}
		}
	}
}

// TestSetsBudget: the memory of sets is what their partial takes too, with the keys of
// all of them in each group, and one block of many sets is not too late to look at it.
func TestSetsBudget(t *testing.T) {
	const columns, n = 12, 12_000
	r := diffRand(t, 10)
	pool := NewPool(2)
	defer pool.Close()
	rows := make([]oracle.Row, n)
	var names, sums []string
	for i := range rows {
		rows[i] = oracle.Row{storage.TimeColumn: storage.Time(diffNow - int64(i)*1e8)}
		for c := range columns {
			rows[i][fmt.Sprintf("k%d", c)] = storage.Int(int64(i*(2*c+1)) * 7919)
		}
	}
	for c := range columns {
		names, sums = append(names, fmt.Sprintf("k%d", c)), append(sums, fmt.Sprintf("sum(k%d)", c))
	}
	lim := Limits{Bytes: 6 << 20}
	for _, blockRows := range []int{300, n} {
		d := layOut(t, r, rows, 1, blockRows)
		for _, sql := range []string{
			"SELECT count() FROM t GROUP BY GROUPING SETS (" + strings.Join(names, ", ") + ")",
			"SELECT " + strings.Join(sums, ", ") + " FROM t GROUP BY GROUPING SETS ((k0, k1), (k2), (k3), ())",
		} {
			p := d.ask(t, pool, sql, lim).Partial
			bytes := int64(p.Groups * len(p.Keys) * keyCellBytes)
			for _, s := range p.States {
				bytes += 2 * int64(s.Bytes()) // while they are copied
			}
			most := lim.Bytes*5/4 + bytes*int64(blockRows)/int64(p.Groups) // and one set's groups of a block
			if p.Truncated == nil || p.Truncated.By != "memory" || p.Groups < 1000 || bytes > most {
				t.Errorf("%s over blocks of up to %d rows: %d groups of %d bytes, %+v", sql, blockRows, p.Groups, bytes, p.Truncated)
			}
			if p := d.ask(t, pool, sql, Limits{Bytes: 400 << 20}).Partial; p.Truncated != nil {
				t.Errorf("%s over blocks of up to %d rows, with much memory: %+v", sql, blockRows, p.Truncated)
			}
		}
	}
}

// ask asks the first leaf.
func (d *diffTable) ask(t *testing.T, pool *Pool, sql string, lim Limits) query.ChangeSide {
	t.Helper()
	plan, err := d.query(sql, diffNow).Plan()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	p, _, err := pool.run(context.Background(), plan, d.leaves[0], lim)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return query.ChangeSide{Plan: plan, Partial: p}
}

// sameGroups holds the groups and values of two partials of one grouping together.
func sameGroups(t *testing.T, what string, got, want *query.Partial) {
	t.Helper()
	key := func(p *query.Partial, g int) string {
		var values []storage.Value
		for _, k := range p.Keys {
			values = append(values, k.Value(g))
		}
		return changeKey(values)
	}
	at := make(map[string]int)
	for g := range got.Groups {
		at[key(got, g)] = g
	}
	if got.Groups != want.Groups || len(at) != want.Groups {
		t.Errorf("%s: %d groups, want %d", what, got.Groups, want.Groups)
	}
	for g := range want.Groups {
		i, ok := at[key(want, g)]
		if !ok {
			t.Errorf("%s: %s is missing", what, key(want, g))
			continue
		}
		for a := range want.States {
			x, y := got.States[a].Value(i), want.States[a].Value(g)
			if x.Type != y.Type || query.Order(x, y) != 0 && !(x.Type == storage.TypeFloat64 && near(x.Float, y.Float, 0)) {
				t.Errorf("%s: aggregate %d of %s: %v, want %v", what, a, key(want, g), x, y)
			}
		}
	}
}
