package exec

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

// TestTextNumbersAsArguments: every aggregate takes texts that are stored as
// numbers, also those that look at some of the values only.
func TestTextNumbersAsArguments(t *testing.T) {
	var rows []oracle.Row
	for i := range 400 {
		rows = append(rows, oracle.Row{storage.TimeColumn: storage.Time(diffNow - int64(i)*1e9),
			"user": storage.String(fmt.Sprintf("user-%06d", i*7919%100_000)), "n": storage.Int(int64(i % 97)), "g": storage.Int(int64(i % 3))})
	}
	pool := NewPool(1)
	defer pool.Close()
	r := rand.New(rand.NewPCG(1, 2))
	d := &diffTable{rows: rows, schema: query.Schema{}, from: diffNow - 2000e9, to: diffNow}
	u := d.block(t, rows, storage.Rich, 1)
	d.leaves = [][]unit{{u}}
	b, err := u.open()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.Columns() {
		if c.Name() == "user" && c.Encoding() != storage.EncAffix {
			t.Fatalf("the texts are not stored as numbers: %v", c.Encoding())
		}
	}
	for _, agg := range []string{"arg_min(user, n)", "arg_max(user, n)", "arg_min(n, user)", "arg_max(user, user)", "topk(3, user)", "min(user)", "max(user)",
		"first(user)", "last(user)", "any(user)", "count(user)", "count(distinct user)", "arg_max(user, n) FILTER (WHERE n < 50)"} {
		for _, by := range []string{"", " GROUP BY g", " GROUP BY user ORDER BY user LIMIT 7"} {
			sql := "SELECT " + agg + " FROM t" + by
			if problem, err := d.differs(r, pool, sql, diffNow); err != nil || problem != "" {
				t.Errorf("%s: %v %s", sql, err, problem)
			}
		}
	}
}
