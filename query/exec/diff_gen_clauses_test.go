package exec

import "strings"

// diffZones have half hours, days without a midnight, and days with two.
var diffZones = []string{"Europe/Berlin", "America/New_York", "Asia/Kolkata", "America/Sao_Paulo", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "UTC"}

// clauses is what may stand behind LIMIT in a query for groups.
func (g *diffGen) clauses(keys []string, bucket bool, where string) string {
	s := ""
	// The oracle fills by rows that it makes up: another key must not see their time.
	// An OR that comes down to a condition on time narrows the range, or does not.
	if bucket && !strings.Contains(where, " OR ") && g.chance(40) && !strings.Contains(strings.Join(keys[1:], " "), "time") && keys[0] != "time(1m)" {
		s += " FILL"
	}
	if g.chance(15) {
		s += " COMPARE " + g.one("1h", "45m", "30m", "100s", "1d", "1mo", "1h")
	}
	if g.chance(20) {
		s += " TIMEZONE '" + g.one(diffZones...) + "'"
	}
	return s
}

// limitOther is LIMIT n [BY some keys] WITH OTHER; at least one key that is no
// bucket is left to put together.
func (g *diffGen) limitOther(keys []string, bucket bool) string {
	s := " LIMIT " + g.one("1", "2", "5", "100")
	first := 0
	if bucket {
		first = 1
	}
	left := first + g.r.IntN(len(keys)-first)
	var by []string
	for i, key := range keys {
		if i != left && g.chance(60) {
			by = append(by, key)
		}
	}
	if len(by) == 0 {
		return s + " WITH OTHER"
	}
	s += " BY " + strings.Join(by, ", ") + " WITH OTHER"
	if g.chance(30) {
		s += " LIMIT " + g.one("3", "7", "ALL")
	}
	if g.chance(20) {
		s += " OFFSET " + g.one("1", "4")
	}
	return s
}

// together is a query in which the clauses meet that each make rows: FILL, COMPARE, and
// LIMIT with Other, mostly by some of the keys.
func (g *diffGen) together() string {
	for {
		sql := g.groups()
		_, limit, _ := strings.Cut(sql, " LIMIT ")
		ranged := strings.Contains(sql, " FROM t LAST ") || strings.Contains(sql, " FROM t SINCE ")
		if ranged && strings.Contains(limit, " WITH OTHER") && strings.Contains(limit, " FILL") && strings.Contains(limit, " COMPARE ") {
			return sql
		}
	}
}

// with is derived columns: one that is new, one that hides a column, and one
// made of both. Queries use them by the columns that they hide.
func (g *diffGen) with() string {
	if !g.chance(15) {
		return ""
	}
	return "WITH d AS " + g.one(g.number(1), g.text(1), "any", "status") + ", " + g.one("rare", "odd", "path") + " AS " +
		g.one("coalesce(rare, d)", "d", "d || path", "status + d", "CASE WHEN "+g.cond(1)+" THEN d END") + " "
}
