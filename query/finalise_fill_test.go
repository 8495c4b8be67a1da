package query

import (
	"strconv"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// TestFillBounded: what would be too many groups is left out, and told.
func TestFillBounded(t *testing.T) {
	f := func(sql string, rows int, warned bool) {
		t.Helper()
		q := testQuery(sql)
		plan, err := q.Plan()
		if err != nil {
			t.Fatal(err)
		}
		p := NewPartial(plan)
		p.Groups = len(p.Keys)
		for i := range p.Groups { // as many combinations of the other keys
			for _, k := range p.Keys {
				v := storage.Value{}
				if k.Type == storage.TypeString {
					v = storage.String(strconv.Itoa(i))
				}
				k.Append(v)
			}
		}
		for _, s := range p.States {
			s.Grow(p.Groups)
		}
		res, err := Finalise(plan, p, FinalEnv{Now: q.Now})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(res.Warnings, ""), "FILL"); got != warned || res.Rows != rows {
			t.Errorf("%s: %d rows, warnings %q", sql, res.Rows, res.Warnings)
		}
	}
	f("SELECT time(1s), count() FROM t LAST 1h GROUP BY 1 LIMIT ALL FILL", 3602, false)
	f("SELECT time(1s), service, count() FROM t LAST 60h GROUP BY 1, 2 LIMIT ALL FILL", 2*216_001+2, false)
	f("SELECT time(1s), service, count() FROM t LAST 70h GROUP BY 1, 2 LIMIT ALL FILL", 2, true)
	f("SELECT time(1s), count() FROM t LAST 1w GROUP BY 1 LIMIT ALL FILL", 1, true)
	f("SELECT time(1s), count() FROM t SINCE '1700-01-01' GROUP BY 1 LIMIT ALL FILL", 1, true)
	f("SELECT time(1s), count() FROM t GROUP BY 1 LIMIT ALL FILL", 1, false) // nothing was read
	f("SELECT time(1mo), count() FROM t UNTIL '2026-11-01' GROUP BY 1 LIMIT ALL FILL", 1, false)
}
