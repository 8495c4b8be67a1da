package exec

import "strings"

// clauses is what may stand behind LIMIT in a query for groups.
func (g *diffGen) clauses(keys []string, bucket bool) string {
	s := ""
	// The oracle fills by rows that it makes up: another key must not see their time.
	if bucket && g.chance(40) && !strings.Contains(strings.Join(keys[1:], " "), "time") && keys[0] != "time(1m)" {
		s += " FILL"
	}
	if g.chance(15) {
		s += " COMPARE " + g.one("1h", "45m", "30m", "100s", "1d", "1mo", "1h")
	}
	return s
}
