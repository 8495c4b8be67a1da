package storage

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"unsafe"
)

// The allocator hands out extents of segments. What is free is never written
// down: after a restart everything that no live edit names is free.
type allocator struct {
	dir string

	mu       sync.Mutex
	segments map[uint32]*segment
	order    []*segment // by number, so that space is taken in few segments
	nextNo   uint32
	taken    int64         // bytes taken from tmpfs over all segments
	live     int64         // bytes of extents handed out
	freed    chan struct{} // closed and replaced when an extent is freed
}

func newAllocator(dir string) *allocator {
	return &allocator{dir: dir, segments: map[uint32]*segment{}, nextNo: 1, freed: make(chan struct{})}
}

// alloc returns room for a block of length bytes and takes more memory from
// tmpfs for it if the total stays within limit; else errNoSpace.
func (a *allocator) alloc(length, limit int64) (*extent, error) {
	if length <= 0 {
		panic("BUG: extent of no bytes")
	}
	small := length < fullBlockBytes
	a.mu.Lock()
	defer a.mu.Unlock()
	e, err := a.allocLocked(small, length, limit)
	if !errors.Is(err, errNoSpace) {
		return e, err
	}
	if e := a.takeFreeLocked(small, true, length); e != nil {
		return e, nil
	}
	return nil, err
}

// takeFreeLocked cuts a place out of what is free of a segment that a lane has claimed,
// or of one that none has; nil if there is no such place.
func (a *allocator) takeFreeLocked(small, claimed bool, length int64) *extent {
	for _, s := range a.order {
		if s.small == small && s.claimed == claimed && !s.closed {
			if off, ok := takeRange(&s.free, s.rounded(length)); ok {
				return a.handOut(s, off, length)
			}
		}
	}
	return nil
}

// allocLocked is alloc in the segments that no lane has claimed.
func (a *allocator) allocLocked(small bool, length, limit int64) (*extent, error) {
	if e := a.takeFreeLocked(small, false, length); e != nil {
		return e, nil
	}
	for _, s := range a.order {
		if s.small == small && !s.claimed && !s.closed {
			off, ok, err := a.fillLocked(s, s.rounded(length), limit)
			if err != nil && !errors.Is(err, errNoSpace) {
				return nil, err
			}
			if ok {
				return a.handOut(s, off, length), nil
			}
		}
	}
	for _, s := range a.order {
		if s.small == small && !s.claimed && !s.closed {
			off, ok, err := a.growLocked(s, s.rounded(length), limit)
			if err != nil {
				return nil, err
			}
			if ok {
				return a.handOut(s, off, length), nil
			}
		}
	}
	s, err := a.addLocked(small, length)
	if err != nil {
		return nil, err
	}
	off, ok, err := a.growLocked(s, s.rounded(length), limit)
	if err != nil {
		return nil, errors.Join(err, a.removeLocked(s))
	}
	if !ok {
		panic("BUG: a new segment has no room for its block")
	}
	return a.handOut(s, off, length), nil
}

func (a *allocator) handOut(s *segment, off, length int64) *extent {
	s.used += s.rounded(length)
	a.live += s.rounded(length)
	return &extent{seg: s, off: off, length: length}
}

// takeRange cuts size bytes out of the first range that has them.
func takeRange(ranges *[]byteRange, size int64) (off int64, ok bool) {
	for i, r := range *ranges {
		if r.end-r.off < size {
			continue
		}
		if r.end-r.off == size {
			*ranges = slices.Delete(*ranges, i, i+1)
		} else {
			(*ranges)[i].off += size
		}
		return r.off, true
	}
	return 0, false
}

// fillLocked gives pages to a hole, or the beginning of one, and cuts size bytes
// out of it.
func (a *allocator) fillLocked(s *segment, size, limit int64) (off int64, ok bool, err error) {
	whole := roundUp(size, fullAlign)
	if a.taken+whole > limit {
		return 0, false, errNoSpace
	}
	off, ok = takeRange(&s.holes, whole)
	if !ok {
		return 0, false, nil
	}
	if err := takeSpace(s.file, off, whole); err != nil {
		addRange(&s.holes, byteRange{off, off + whole})
		return 0, false, err
	}
	a.taken += whole
	if whole > size {
		addRange(&s.free, byteRange{off + size, off + whole})
	}
	return off, true, nil
}

// growLocked takes pages behind the end of what the segment has, so that size
// bytes are free together, and cuts them out.
func (a *allocator) growLocked(s *segment, size, limit int64) (off int64, ok bool, err error) {
	start := s.taken
	if n := len(s.free); n > 0 && s.free[n-1].end == s.taken {
		start = s.free[n-1].off
	}
	if start+size > int64(len(s.data)) {
		return 0, false, nil
	}
	need := roundUp(start+size-s.taken, fullAlign)
	step := min(roundUp(need, segmentStep), int64(len(s.data))-s.taken)
	for _, want := range []int64{step, need} {
		if a.taken+want > limit {
			err = errNoSpace
			continue
		}
		if err = a.takePagesLocked(s, want); err == nil {
			failpoint("segment.grown")
			off, ok = takeRange(&s.free, size)
			return off, ok, nil
		}
		if !errors.Is(err, errNoSpace) {
			return 0, false, err
		}
	}
	return 0, false, err
}

// takePagesLocked takes pages behind the end of what the segment has. Those of a
// segment that a lane has claimed are taken outside the mutex, as that takes a
// millisecond for each MiB or two: nothing else moves its end or removes it.
func (a *allocator) takePagesLocked(s *segment, want int64) error {
	a.taken += want // before: others keep to the limit meanwhile
	if s.claimed {
		s.growing = true
		a.mu.Unlock()
	}
	err := takeSpace(s.file, s.taken, want)
	if s.claimed {
		a.mu.Lock()
		s.growing = false
	}
	if err != nil {
		a.taken -= want
		return err
	}
	addRange(&s.free, byteRange{s.taken, s.taken + want})
	s.taken += want
	return nil
}

func (a *allocator) addLocked(small bool, length int64) (*segment, error) {
	if a.nextNo >= segmentsMax {
		return nil, errors.New("no segment number left: start with an empty memory directory")
	}
	align := int64(fullAlign)
	if small {
		align = smallAlign
	}
	s, err := createSegment(a.dir, a.nextNo, small, max(segmentBytes, roundUp(roundUp(length, align), segmentStep)))
	if err != nil {
		return nil, err
	}
	failpoint("segment.made")
	a.nextNo++
	a.segments[s.no] = s
	a.order = append(a.order, s)
	return s, nil
}

// release gives an extent back. Nobody may read it any more.
func (a *allocator) release(e *extent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.takeBackLocked(e)
	close(a.freed)
	a.freed = make(chan struct{})
}

// takeBack is release for an extent that never came to be used. Who waits for
// memory is not told: an append that fails for want of it frees none by that.
func (a *allocator) takeBack(e *extent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.takeBackLocked(e)
}

// condemn is takeBack for an extent that cannot be written: nothing more is placed
// in its segment, whose file somebody has cut short.
func (a *allocator) condemn(e *extent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e.seg.closed = true
	a.takeBackLocked(e)
}

func (a *allocator) takeBackLocked(e *extent) {
	size := e.seg.rounded(e.length)
	e.seg.used -= size
	a.live -= size
	if e.seg.used < 0 {
		panic("BUG: extent released twice")
	}
	addRange(&e.seg.free, byteRange{e.off, e.off + size})
}

// waitFreed returns a channel that is closed when the next extent is freed.
func (a *allocator) waitFreed() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.freed
}

// addRange puts a range among others and joins it with its neighbours.
func addRange(ranges *[]byteRange, r byteRange) {
	list := *ranges
	i, _ := slices.BinarySearchFunc(list, r.off, func(f byteRange, off int64) int { return cmp.Compare(f.off, off) })
	if i > 0 && list[i-1].end > r.off || i < len(list) && list[i].off < r.end {
		panic("BUG: a free range is freed")
	}
	if i < len(list) && list[i].off == r.end {
		r.end = list[i].end
		list = slices.Delete(list, i, i+1)
	}
	if i > 0 && list[i-1].end == r.off {
		list[i-1].end = r.end
	} else {
		list = slices.Insert(list, i, r)
	}
	*ranges = list
}

// shrink returns memory that no block uses to tmpfs, as whole segments or as
// holes. It returns the bytes given back.
func (a *allocator) shrink() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.taken
	for _, s := range slices.Clone(a.order) {
		a.shrinkLocked(s)
	}
	return before - a.taken
}

func (a *allocator) shrinkLocked(s *segment) {
	if s.growing {
		return
	}
	if s.used == 0 && !s.claimed {
		// A segment that cannot be unmapped stays as it is: its space is
		// still good for blocks.
		_ = a.removeLocked(s)
		return
	}
	a.punchLocked(s)
}

// punchLocked turns what is free of a segment into holes, and forgets those at
// its end.
func (a *allocator) punchLocked(s *segment) {
	var free []byteRange
	for _, r := range s.free {
		hole := byteRange{roundUp(r.off, fullAlign), r.end &^ (fullAlign - 1)}
		if s.closed || hole.off >= hole.end || giveSpace(s.file, hole.off, hole.end-hole.off) != nil {
			free = append(free, r)
			continue
		}
		failpoint("segment.punched")
		a.taken -= hole.end - hole.off
		addRange(&s.holes, hole)
		if r.off < hole.off {
			free = append(free, byteRange{r.off, hole.off})
		}
		if hole.end < r.end {
			free = append(free, byteRange{hole.end, r.end})
		}
	}
	s.free = free
	if n := len(s.holes); n > 0 && s.holes[n-1].end == s.taken {
		s.taken = s.holes[n-1].off
		s.holes = s.holes[:n-1]
	}
}

// removeLocked unlinks an empty segment.
func (a *allocator) removeLocked(s *segment) error {
	if s.used != 0 {
		panic("BUG: a segment with blocks is removed")
	}
	if err := os.Remove(s.path); err != nil {
		return fmt.Errorf("cannot remove an empty segment: %w", err)
	}
	failpoint("segment.removed")
	a.taken -= s.taken
	for _, hole := range s.holes {
		a.taken += hole.end - hole.off
	}
	delete(a.segments, s.no)
	a.order = slices.DeleteFunc(a.order, func(o *segment) bool { return o == s })
	return s.close()
}

// restore takes over the segment files of a directory: extents are the places
// that live edits name, by segment; all else is free. Files that no edit names
// are removed. It returns, by segment, how long each file was, so that blocks
// beyond the end of a file cut short can be set aside unread.
func (a *allocator) restore(extents map[uint32][]byteRange) (lengths map[uint32]int64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	names, err := os.ReadDir(a.dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list segments: %w", err)
	}
	lengths = map[uint32]int64{}
	for _, entry := range names {
		no, small, ok := parseSegmentName(entry.Name())
		if !ok {
			continue
		}
		a.nextNo = max(a.nextNo, no+1)
		places := extents[no]
		if len(places) == 0 {
			if err := os.Remove(a.dir + "/" + entry.Name()); err != nil {
				return nil, fmt.Errorf("cannot remove a segment without live blocks: %w", err)
			}
			continue
		}
		slices.SortFunc(places, func(x, y byteRange) int { return int(min(1, max(-1, x.off-y.off))) })
		s, length, err := openSegment(a.dir, no, small, places[len(places)-1].end)
		if err != nil {
			return nil, err
		}
		a.segments[no], lengths[no] = s, length
		if err := a.restoreSegment(s, places, length); err != nil {
			return nil, err
		}
	}
	for _, no := range slices.Sorted(maps.Keys(a.segments)) {
		a.order = append(a.order, a.segments[no])
	}
	for no := range extents {
		a.nextNo = max(a.nextNo, no+1) // a number that is live in the log is never used again
	}
	return lengths, nil
}

// restoreSegment works out what is free between the places in use, in ascending
// order, and returns the rest of the file to tmpfs.
func (a *allocator) restoreSegment(s *segment, places []byteRange, length int64) error {
	at := int64(0)
	for _, p := range places {
		end := p.off + s.rounded(p.end-p.off)
		if p.off < at {
			return fmt.Errorf("two live blocks overlap at byte %d of %s: remove the memory directory to start from disk", p.off, s.path)
		}
		if p.off > at {
			s.free = append(s.free, byteRange{at, p.off})
		}
		s.used += end - p.off
		at = end
	}
	s.taken = roundUp(at, fullAlign)
	if s.taken > at {
		s.free = append(s.free, byteRange{at, s.taken})
	}
	a.taken += s.taken
	a.live += s.used
	if length < s.taken {
		// The end was cut off. What is written there again would need pages that
		// nobody has taken; the blocks in front of the cut are still good.
		s.closed = true
		return nil
	}
	// Which of the free ranges have pages is not known any more: now none has.
	a.punchLocked(s)
	return giveSpace(s.file, s.taken, int64(len(s.data))-s.taken)
}

// stats returns the bytes taken from tmpfs, those in use, and the segments.
func (a *allocator) stats() (taken, live int64, segments int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.taken, a.live, len(a.order)
}

// find returns the segment and offset that an address lies in.
func (a *allocator) find(addr uintptr) (*segment, int64, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.order {
		start := uintptr(unsafe.Pointer(unsafe.SliceData(s.data)))
		if addr >= start && addr < start+uintptr(len(s.data)) {
			return s, int64(addr - start), true
		}
	}
	return nil, 0, false
}

// close unmaps all segments and leaves their files.
func (a *allocator) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for _, s := range a.order {
		errs = append(errs, s.close())
	}
	a.order, a.segments = nil, map[uint32]*segment{}
	return errors.Join(errs...)
}
