package aggregator

import (
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
)

// TestTableCount: a start that asks how many tables there are gets what the list of
// tables would say, and no promise is read for it.
func TestTableCount(t *testing.T) {
	page := func(names ...string) *leafPage {
		p := &leafPage{Tables: map[string]*tablePage{}}
		for _, name := range names {
			table := new(tablePage)
			if err := table.promise.takeWritten(appendBuckets(nil, []storage.TimeCount{{From: 0, Width: int64(time.Second), Rows: 3}})); err != nil {
				t.Fatal(err)
			}
			p.Tables[name] = table
		}
		return p
	}
	b := &book{leaves: map[string]*leafPage{"one": page("a", "b"), "two": page("b", "c"), "new": page()}}
	if got := b.tableCount(); got != 3 {
		t.Errorf("%d tables, want 3", got)
	}
	for _, p := range b.leaves {
		for name, table := range p.Tables {
			if table.promise.counts != nil {
				t.Errorf("the promise of %s was read to count tables", name)
			}
		}
	}
	if got := len(b.tableList(time.Unix(1, 0))); got != 3 {
		t.Errorf("%d tables in the list, want 3", got)
	}
}
