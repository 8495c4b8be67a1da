package storage

import (
	"context"
	"sync"
	"time"
)

// Merges run in goroutines of their own, one per rule, so that a long merge into
// a full block never holds up the short ones that keep the number of fresh blocks
// down, and ten thousand quiet tables do not hold up a busy one.
const (
	mergeFresh  = 0 // fresh blocks into one that is rewritten once more
	mergeMid    = 1 // those into a final one
	mergeLevels = 2
	mergeQuiet  = 2 // the few blocks of tables where little happens (merge_quiet.go)
	mergeLoops  = 3
)

var mergeNames = [mergeLoops]string{"fresh", "mid", "quiet"}

// mergeRule says when blocks of a level are merged, and into what.
type mergeRule struct {
	from, to blockKind
	blocks   int // so many, or
	rows     int // so many rows, are enough
	most     int // blocks of one merge
	rowsMax  int // of the result
	richness Richness
}

func mergeRuleOf(level int) mergeRule {
	if level == mergeFresh {
		return mergeRule{from: levelFresh, to: levelMid, blocks: smallMergeBlocks, rows: smallMergeRows, most: smallBlocksMax, rowsMax: finalRowsMin - 1, richness: Cheap}
	}
	return mergeRule{from: levelMid, to: levelFinal, blocks: midMergeBlocks, rows: midMergeRows, most: smallBlocksMax, rowsMax: RowsPerBlockMax, richness: Rich}
}

// enough tells whether a merge is worth it.
func (r mergeRule) enough(refs []*Ref) bool {
	return len(refs) >= r.blocks || rowsOf(refs) >= r.rows
}

func rowsOf(refs []*Ref) (rows int) {
	for _, r := range refs {
		rows += r.Meta.Rows
	}
	return rows
}

// freshEnough is how many fresh blocks of a table are merged.
func (s *Store) freshEnough() int {
	s.tablesMu.RLock()
	defer s.tablesMu.RUnlock()
	return min(smallMergeBlocks, max(freshEnoughMin, freshBlocksMax/max(1, len(s.tables))))
}

// merges is what the merging goroutines and those who wait for them share. A
// table is due for a loop when its counts say so, and until the loop has looked at
// it: nobody looks at tables where nothing is to be done.
type merges struct {
	wake [mergeLoops]chan struct{} // of capacity 1

	mu   sync.Mutex
	due  [mergeLoops]dueTables
	done chan struct{} // closed and replaced after a merge
}

// dueTables is tables in the order in which they came to be due, each once.
type dueTables struct {
	line []*Table
	in   map[*Table]struct{}
}

func (m *merges) init() {
	for i := range m.wake {
		m.wake[i] = make(chan struct{}, 1)
		m.due[i].in = map[*Table]struct{}{}
	}
	m.done = make(chan struct{})
}

// put makes a table due, if it is not.
func (m *merges) put(loop int, t *Table) {
	m.mu.Lock()
	d := &m.due[loop]
	if _, ok := d.in[t]; !ok {
		d.in[t] = struct{}{}
		d.line = append(d.line, t)
	}
	m.mu.Unlock()
	signal(m.wake[loop])
}

// take returns the table that has been due for the longest; nil if none is.
func (m *merges) take(loop int) *Table {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := &m.due[loop]
	if len(d.line) == 0 {
		d.line = nil
		return nil
	}
	t := d.line[0]
	d.line[0] = nil
	d.line = d.line[1:]
	delete(d.in, t)
	return t
}

func (m *merges) finished() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.done)
	m.done = make(chan struct{})
}

func (m *merges) wait() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.done
}

// wakeMerges makes a table due that has enough blocks or rows for a merge.
func (s *Store) wakeMerges(t *Table) {
	t.mu.Lock()
	fresh, mid := t.fresh, t.mid
	t.mu.Unlock()
	if fresh.blocks > 1 && (fresh.rows >= smallMergeRows || fresh.blocks >= s.freshEnough()) {
		s.merges.put(mergeFresh, t)
	}
	if mid.blocks > 1 && (mid.blocks >= midMergeBlocks || mid.rows >= midMergeRows) {
		s.merges.put(mergeMid, t)
	}
}

// waitMerges holds an append up while its table has too many blocks of a level to
// be merged, for at most mergeWait: a merge that cannot go on must not stop ingest.
func (s *Store) waitMerges(ctx context.Context, t *Table) error {
	var timer *time.Timer
	for {
		done := s.merges.wait()
		t.mu.Lock()
		fresh, mid := t.fresh.blocks, t.mid.blocks
		t.mu.Unlock()
		if fresh < smallBlocksMax && mid < midBlocksMax || s.cfg.Unmerged {
			return nil
		}
		s.merges.put(mergeFresh, t)
		s.merges.put(mergeMid, t)
		if timer == nil {
			timer = time.NewTimer(mergeWait)
			defer timer.Stop()
		}
		select {
		case <-done:
		case <-timer.C:
			return nil
		case <-s.leaving:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// candidates returns up to most blocks of a level and a merge set that are live, in no
// other merge, and have at most rows rows and mergeBytesMax bytes together, oldest
// edit first, for a merge. full tells that the next one did not go with them.
func (t *Table) candidates(level, class blockKind, most, rows int) (refs []*Ref, full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum, bytes := 0, 0
	for _, r := range t.refs {
		if r.kind != level|class || r.merging || r.State() != Live {
			continue
		}
		if len(refs) == most || sum+r.Meta.Rows > rows || bytes+r.Meta.Length > mergeBytesMax {
			return refs, true
		}
		if level == levelFresh && len(refs) > 1 && bytes+r.Meta.Length > mergeTinyBytesMax {
			return refs, true
		}
		sum += r.Meta.Rows
		bytes += r.Meta.Length
		refs = append(refs, r)
	}
	return refs, false
}

// claim keeps blocks for one merge, if no other has them.
func (t *Table) claim(refs []*Ref) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range refs {
		if r.merging {
			return false
		}
	}
	for _, r := range refs {
		r.merging = true
	}
	return true
}

func (t *Table) unclaim(refs []*Ref) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range refs {
		r.merging = false
	}
}
