package query

import (
	"fmt"
	"strings"
	"testing"
)

// A chain of derived columns that double each time is refused before it is
// evaluated: written out it would be larger than memory.
func TestDerivedBounded(t *testing.T) {
	chain := func(n int, step string) string {
		var b strings.Builder
		b.WriteString("WITH d0 AS ms")
		for i := range n {
			fmt.Fprintf(&b, ", d%d AS %s", i+1, strings.ReplaceAll(step, "d", fmt.Sprintf("d%d", i)))
		}
		fmt.Fprintf(&b, " SELECT d%d FROM t", n)
		return b.String()
	}
	f := func(sql, want string) {
		t.Helper()
		_, err := testQuery(sql).Plan()
		if err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.80s: %v", sql, err)
		}
	}
	f(chain(12, "d + d"), "")
	f(chain(60, "d + d"), "`d13` is too large an expression when what it is derived from is written out")
	f(chain(90, "d + 1"), "")
	f(chain(90, "-"+strings.Repeat("(-", 30)+"d"+strings.Repeat(")", 30)), "is too large an expression")
	f(chain(101, "d"), "102 columns are derived, at most 100 are possible")
}
