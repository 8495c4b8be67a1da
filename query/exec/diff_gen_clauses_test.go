package exec

// clauses is what may stand behind LIMIT in a query for groups.
func (g *diffGen) clauses() string {
	s := ""
	if g.chance(15) {
		s += " COMPARE " + g.one("1h", "45m", "30m", "100s", "1d", "1mo", "1h")
	}
	return s
}
