package storage

import (
	"cmp"
	"slices"
)

// settled is at which edit of a table its quiet blocks were looked at and none were
// to be merged, and whether it was at rest then.
type settled struct {
	seq  uint64
	rest bool
}

// mergeStale is what maintain does for each table, and some tests. It makes the tables due where time and not their counts says so, and
// those whose merges found no room. It forgets the queues of tables without fresh
// blocks, vanished buckets, and the sums of schemas that nobody asks for.
func (s *Store) mergeStale() {
	now := s.cfg.Now().UnixNano()
	busy := make(map[string]bool)
	s.looks.Lock()
	defer s.looks.Unlock()
	before := s.swept[0]
	s.swept = [2]uint64{s.swept[1], s.seq.Load()}
	for _, t := range s.Tables() {
		s.wakeMerges(t)
		t.mu.Lock()
		quiet := t.quietLocked(now)
		if !t.uncounted {
			t.hist.forget(before, 0)
		}
		if t.fresh.blocks > 0 {
			busy[t.name] = true
		}
		t.mu.Unlock()
		if quiet {
			s.merges.put(mergeQuiet, t)
		}
		t.schema.forget(now)
	}
	s.queues.forget(func(table string) bool { return !busy[table] })
}

// past tells whether an arrival is longer ago than that. One in the future is of
// a clock that is wrong, and must not put a merge off for ever.
func past(arrival, now, than int64) bool { return arrival > now || arrival < now-than }

// quietLocked tells whether the table may have blocks for a quiet merge.
func (t *Table) quietLocked(now int64) bool {
	rest := past(t.arrival, now, int64(restAfter))
	if t.fresh.blocks+t.small.blocks < 2 || t.settled.seq == t.seq && (t.settled.rest || !rest) {
		return false
	}
	return rest ||
		t.fresh.blocks > 1 && past(t.fresh.oldest, now, int64(staleAfter)) ||
		t.small.blocks > 1 && past(t.small.oldest, now, int64(staleAfter))
}

// mergeQuietOnce merges some small blocks of a quiet table. It tells whether there
// may be more to do.
func (s *Store) mergeQuietOnce(t *Table) bool {
	t.mu.Lock()
	now := s.cfg.Now().UnixNano()
	quiet, seq, rest := t.quietLocked(now), t.seq, past(t.arrival, now, int64(restAfter))
	t.mu.Unlock()
	if !quiet {
		return false
	}
	for _, class := range mergeSets {
		refs := pickQuiet(t.smallBlocks(class), rest)
		if len(refs) < 2 {
			continue
		}
		rule := mergeRule{from: levelFresh, to: levelMid, richness: Cheap}
		if rowsOf(refs) >= quietRichMin {
			rule.richness = Rich
		}
		return s.tryMerge(t, mergeQuiet, refs, rule, class)
	}
	t.mu.Lock()
	t.settled = settled{seq, rest}
	t.mu.Unlock()
	return false
}

// smallBlocks returns the blocks of a merge set, in the order of their edits, that are
// live, in no other merge, and too small for the other rules.
func (t *Table) smallBlocks(set blockKind) (refs []*Ref) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.refs {
		if r.kind&^levelMask == set && r.kind.level() != levelFinal && r.Meta.Rows < smallMergeRows && !r.merging && r.State() == Live {
			refs = append(refs, r)
		}
	}
	return refs
}

// pickQuiet chooses the smallest of some blocks, as many as go together by the
// rule of quietGrowth: what is written has at least so many times the rows of the
// largest block read. Of a table at rest it takes them all if they come to
// smallMergeRows rows at most. They keep their order.
func pickQuiet(refs []*Ref, rest bool) []*Ref {
	bySize := slices.Clone(refs)
	slices.SortStableFunc(bySize, func(a, b *Ref) int { return cmp.Compare(a.Meta.Rows, b.Meta.Rows) })
	rows, bytes, n := 0, 0, 0
	for i, r := range bySize[:min(len(bySize), smallBlocksMax)] {
		if rows += r.Meta.Rows; rows >= finalRowsMin {
			break
		}
		if bytes += r.Meta.Length; bytes > mergeBytesMax || i > 1 && bytes > mergeTinyBytesMax {
			break
		}
		if rest && rows <= smallMergeRows || quietGrowth*r.Meta.Rows <= rows {
			n = i + 1
		}
	}
	chosen := make(map[*Ref]bool, n)
	for _, r := range bySize[:n] {
		chosen[r] = true
	}
	return slices.DeleteFunc(refs, func(r *Ref) bool { return !chosen[r] })
}
