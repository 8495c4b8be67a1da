package leaf

import (
	"fmt"
	"sync"

	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// columnCounts is how many columns each table has at most: what its schema had
// when it was last looked at, and all that came since. It spares most appends
// the look.
type columnCounts struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *columnCounts) set(table string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = make(map[string]int)
	}
	c.counts[table] = n
}

// forget lets go of the count of a table that was dropped.
func (c *columnCounts) forget(table string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.counts, table)
}

// add counts n columns more, unless the table was not looked at yet or the limit
// would be passed.
func (c *columnCounts) add(table string, n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	count, known := c.counts[table]
	if !known || count+n > ColumnsPerTableMax {
		return false
	}
	c.counts[table] += n
	return true
}

// checkColumns refuses rows that would give a table too many columns: names
// made of ids, one for each user, would make every schema and promise grow.
func (l *Leaf) checkColumns(table string, b *storage.Batch) error {
	if l.columns.add(table, len(b.Slots())) {
		return nil
	}
	t, ok := l.cfg.Store.Table(table)
	if !ok {
		l.columns.set(table, len(b.Slots()))
		return nil
	}
	schema := t.Schema()
	l.columns.set(table, len(schema))
	fresh, example := 0, ""
	slots := b.Slots()
	for i := range slots {
		if _, known := schema[slots[i].Name]; !known && slots[i].Used() {
			fresh++
			example = slots[i].Name
		}
	}
	if fresh == 0 || len(schema)+fresh <= ColumnsPerTableMax {
		return nil
	}
	return &wire.Error{Code: wire.CodeBad, Message: fmt.Sprintf(
		"table %s has %d columns of %d at most, and these rows bring %d new ones (%.80q); put ids into values, not into names",
		table, len(schema), ColumnsPerTableMax, fresh, example)}
}
