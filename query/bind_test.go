package query

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
)

func typeSet(types ...storage.Type) storage.TypeSet {
	var s storage.TypeSet
	for _, t := range types {
		s = s.With(t)
	}
	return s
}

// testSchema has a column of each type and of some mixes.
func testSchema() Schema {
	return Schema{
		"status": typeSet(storage.TypeInt64), "ms": typeSet(storage.TypeInt64, storage.TypeFloat64), "f": typeSet(storage.TypeFloat64),
		"service": typeSet(storage.TypeString), "path": typeSet(storage.TypeString), "ok": typeSet(storage.TypeBool),
		"tags": typeSet(storage.TypeList), "seen": typeSet(storage.TypeTime), "mix": typeSet(storage.TypeInt64, storage.TypeString),
		"a.b": typeSet(storage.TypeInt64), "count": typeSet(storage.TypeInt64),
	}
}

func testQuery(sql string) *Query {
	return &Query{SQL: sql, Now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixNano(), Schema: testSchema()}
}

func TestBind(t *testing.T) {
	f := func(sql string, want ...string) {
		t.Helper()
		p, err := testQuery(sql).Plan()
		if err != nil {
			t.Errorf("%s\n  %v", sql, err)
			return
		}
		if got := strings.TrimSuffix(planText(p), "\n"); got != strings.Join(want, "\n") {
			t.Errorf("%s\n--- got\n%s\n--- want\n%s", sql, got, strings.Join(want, "\n"))
		}
	}
	f("SELECT service, count() FROM t WHERE status >= 500 GROUP BY service ORDER BY 2 DESC LIMIT 10",
		"filter (>= status 500)",
		"key service string: service",
		"agg count() int64",
		"out service string: key0",
		"out count() int64: agg0",
		"order 1 desc, 0",
		"limit 10 offset 0 by 0 [] other false")
}

func TestBindErrors(t *testing.T) {
	f := func(sql, code, want string) {
		t.Helper()
		_, err := testQuery(sql).Plan()
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no error, want %s", sql, want)
			return
		}
		if e.Code != code || !strings.Contains(e.Error(), want) {
			t.Errorf("%s\n got  %s: %v\n want %s: %s", sql, e.Code, e, code, want)
		}
	}
	f("SELECT coun(*) FROM t", CodeBadRequest, "only count takes *")
}
