package storage

import (
	"sort"
	"time"
)

// maintain looks after what time brings: checkpoints, retention, stale blocks and
// expired keys, until the store closes.
func (s *Store) maintain() {
	defer s.running.Done()
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for settled := false; ; {
		select {
		case <-s.closing:
			return
		case <-s.checkpts:
			s.checkpoint(s.cfg.checkpointPast)
		case <-tick.C:
			for _, t := range s.Tables() {
				if settled || s.closed.Load() {
					break
				}
				t.settle()
			}
			settled = true
			s.retain()
			s.trim()
			s.giveBack()
			s.mergeStale()
			s.expireKeys()
		}
	}
}

// trim brings the memory in use back under the budget, which may be smaller than
// that of the last process.
func (s *Store) trim() {
	if s.cfg.Budget == 0 {
		return
	}
	over := func() int64 {
		taken, _, _ := s.alloc.stats()
		return taken - s.mergeLimit()
	}
	if over() <= 0 {
		return
	}
	s.alloc.shrink()
	if n := over() - s.pending.Load(); n > 0 && s.cfg.WhenFull == WhenFullEvict {
		if _, err := s.evict(n); err != nil {
			s.cfg.Log.Warn("the budget is exceeded and nothing can be evicted", "bytes", n, "error", err)
		}
		s.alloc.shrink()
	}
}

// retain drops the blocks that are older than their table keeps, or too many.
func (s *Store) retain() {
	now := s.cfg.Now().UnixNano()
	for _, t := range s.Tables() {
		settings := t.Settings()
		if !t.outlived(settings, now) {
			continue
		}
		if err := s.retainTable(t, settings, now); err != nil {
			s.cfg.Log.Error("retention failed", "table", t.name, "error", err)
		}
	}
}

// outlived tells whether retention has anything to drop.
func (t *Table) outlived(settings Settings, now int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if settings.RetentionBytes > 0 && t.bytes > settings.RetentionBytes {
		return true
	}
	if settings.RetentionAge == 0 {
		return false
	}
	for _, r := range t.refs {
		if r.age() < now-int64(settings.RetentionAge) {
			return true
		}
	}
	return false
}

func (s *Store) retainTable(t *Table, settings Settings, now int64) error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	t.mu.Lock()
	refs := append([]*Ref(nil), t.refs...)
	bytes, gone := t.bytes, t.dropped
	t.mu.Unlock()
	if gone {
		return nil
	}
	sort.SliceStable(refs, func(i, j int) bool { return refs[i].age() < refs[j].age() })
	n := 0
	for n < len(refs) {
		old := settings.RetentionAge > 0 && refs[n].age() < now-int64(settings.RetentionAge)
		many := settings.RetentionBytes > 0 && bytes > settings.RetentionBytes
		if !old && !many {
			break
		}
		bytes -= int64(refs[n].Meta.Length)
		n++
	}
	if n == 0 {
		return nil
	}
	return s.dropLocked(refs[:n])
}

func (s *Store) expireKeys() {
	now := s.cfg.Now().UnixNano()
	for _, t := range s.Tables() {
		t.keys.expire(now)
	}
}
