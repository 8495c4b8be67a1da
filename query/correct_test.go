package query

import (
	"errors"
	"strings"
	"testing"
)

// TestCorrectedQuery: the hint ends with the query as it may have been meant; it is
// taken as it stands, and "" is where nothing is offered.
func TestCorrectedQuery(t *testing.T) {
	f := func(sql, want string) {
		t.Helper()
		_, err := testQuery(sql).Plan()
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v, want an error", sql, err)
		}
		switch {
		case want == "" && strings.Contains(e.Hint, " FROM "):
			t.Errorf("%s\n offers %s", sql, e.Hint)
		case want != "" && !strings.HasSuffix(e.Hint, " "+want):
			t.Errorf("%s\n got  %s\n want %s", sql, e.Hint, want)
		}
		if want == "" {
			return
		}
		if _, err := testQuery(want).Plan(); err != nil {
			t.Errorf("%s: the correction is wrong: %v", want, err)
		}
	}
	f("SELECT cuont(ms), LOWR(service) FROM t GROUP BY 2", "SELECT count(ms), lower(service) FROM t GROUP BY 2") // two mistakes
	f("SELECT ms FORM t", "SELECT ms FROM t")
	f("select ms from t where ok grup by ms", "")
	f("SELECT count() FROM t GRUOP BY service -- why?", "SELECT count() FROM t GROUP BY service -- why?")
	f("SELECT ms::flot FROM t;", "SELECT ms::float FROM t;")
	f("SELECT status FROM t LIMTI 5", "SELECT status FROM t LIMIT 5")
	// A key that is missing.
	f("SELECT service, path, count() FROM t WHERE ok AND (ms > 1)", "SELECT service, path, count() FROM t WHERE ok AND (ms > 1) GROUP BY service, path")
	f("SELECT lower(service) AS s, count() FROM t ORDER BY 2 LIMIT 3", "SELECT lower(service) AS s, count() FROM t GROUP BY s ORDER BY 2 LIMIT 3")
	f("SELECT service || path, count() FROM t GROUP BY (ok) HAVING count() > 1", "SELECT service || path, count() FROM t GROUP BY (ok), service || path HAVING count() > 1")
	f(`SELECT time(1m) AS "the time", max(ms) FROM t LAST 1h;`, `SELECT time(1m) AS "the time", max(ms) FROM t LAST 1h GROUP BY "the time";`)
	f("SELECT CASE WHEN ok THEN 1 END, count() FROM t", "SELECT CASE WHEN ok THEN 1 END, count() FROM t GROUP BY CASE WHEN ok THEN 1 END")
	f("FROM t GROUP BY service SELECT status, count()", "FROM t GROUP BY service, status SELECT status, count()")
	f("FROM t SELECT ms, count() LIMIT 2", "FROM t SELECT ms, count() GROUP BY ms LIMIT 2")
	f("SELECT status + count() FROM t", "SELECT status + count() FROM t GROUP BY status")
	f("SELECT count() FROM t GROUP BY service ORDER BY path", "SELECT count() FROM t GROUP BY service, path ORDER BY path")
	f("SELECT service, count() FROM t GROUP BY ALL HAVING path = 'x'", "")
	// A condition on an aggregate.
	f("SELECT service, count() FROM t WHERE count() > 5 GROUP BY service", "SELECT service, count() FROM t GROUP BY service HAVING count() > 5")
	f("SELECT service FROM t WHERE ms BETWEEN 1 AND 2 AND max(ms) > 5 GROUP BY service", "")
	f("SELECT service FROM t WHERE ok AND max(ms) > 5 AND path = 'a AND b' GROUP BY service ORDER BY 1",
		"SELECT service FROM t WHERE ok AND path = 'a AND b' GROUP BY service HAVING max(ms) > 5 ORDER BY 1")
	f("SELECT service FROM t WHERE (ok AND path LIKE 'a') AND max(ms) > 5 GROUP BY service HAVING count() > 1",
		"SELECT service FROM t WHERE (ok AND path LIKE 'a') GROUP BY service HAVING max(ms) > 5 AND count() > 1")
	f("SELECT service FROM t WHERE ok OR max(ms) > 5 GROUP BY service, ok", "SELECT service FROM t GROUP BY service, ok HAVING ok OR max(ms) > 5")
	// What cannot be corrected, or is too long to be shown.
	f("SELECT qqqqqq(ms) FROM t", "")
	f("SELECT cuont(ms), max(tags) FROM t", "")
	f("SELECT cuont(ms), '"+strings.Repeat("x", correctedBytesMax)+"' FROM t", "")
}
