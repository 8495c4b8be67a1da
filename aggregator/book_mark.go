package aggregator

// marks tells of each table whether leaves have said anything new of it, so that who
// keeps an answer fresh need not ask to find out. It is guarded by the book's mutex.
type marks struct {
	turn   uint64            // of the last note
	tables map[string]uint64 // the turn of each table's last; those that are there
	all    uint64            // the turn of the last that may be of any table
}

// note says that a table has changed. One that is gone is not kept: all others count
// as changed with it, which costs a question each and is rare.
func (m *marks) note(table string, gone bool) {
	if gone {
		delete(m.tables, table)
		m.noteAll()
		return
	}
	if m.tables == nil {
		m.tables = make(map[string]uint64)
	}
	m.turn++
	m.tables[table] = m.turn
}

// noteAll says that any table may have changed.
func (m *marks) noteAll() {
	m.turn++
	m.all = m.turn
}

// mark is another one after each change of what leaves have promised for a table.
func (b *book) mark(table string) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(b.marks.tables[table], b.marks.all)
}
