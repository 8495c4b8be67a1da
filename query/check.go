package query

// CheckPartial holds a Partial from elsewhere against the plan it answers: the
// columns, states and lengths must be the plan's.
func CheckPartial(plan *Plan, p *Partial) error { return checkPartial(plan, p) }
