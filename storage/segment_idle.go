package storage

import "slices"

// giveBack returns memory to the system that retention, a drop or an eviction has
// freed, if there is much of it and nothing has used it since the last look.
func (s *Store) giveBack() {
	s.looks.Lock()
	defer s.looks.Unlock()
	taken, live, _ := s.alloc.stats()
	idle := taken - live
	if min(idle, s.idle) > max(idleBytesMax, live/idleShare) {
		given := s.alloc.giveBack()
		s.cfg.Log.Debug("memory goes back to the system", "bytes", given, "used", live)
		idle -= given
	}
	s.idle = idle
}

// giveBack is shrink that lets others in after each segment: freeing the pages of
// one takes milliseconds, of all perhaps seconds.
func (a *allocator) giveBack() (bytes int64) {
	a.mu.Lock()
	order := slices.Clone(a.order)
	a.mu.Unlock()
	for _, s := range order {
		a.mu.Lock()
		before := a.taken
		if a.segments[s.no] == s {
			a.shrinkLocked(s)
		}
		bytes += before - a.taken
		a.mu.Unlock()
	}
	return bytes
}
