package storage

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// RefState tells whether a block can be read.
type RefState uint32

const (
	Live    RefState = iota // in memory
	Loading                 // on disk, on its way into memory
	Damaged                 // set aside: its bytes are not what was written
)

// ErrLoading says that a block is not in memory yet.
var ErrLoading = errors.New("the block is still being read from disk")

// A Ref is a live block of a table. ID and Meta never change; Meta.Hist belongs
// to the Ref. It is safe for concurrent use.
type Ref struct {
	ID   BlockID
	Meta Meta

	table   *Table
	kind    blockKind
	merging bool   // a merge reads it; guarded by the table's mutex
	shape   uint64 // of its columns, see Batch.shape; 0: not known
	state   atomic.Uint32
	extent  atomic.Pointer[extent] // nil while loading
	damage  atomic.Pointer[error]  // why it is, or was, set aside

	// Guarded by the schema's mutex: what the block gave to the sums, and the last
	// round in which it was seen.
	columns []columnShare
	round   uint64

	unthinned bool // thinning it has failed; of the goroutine that thins
}

// State tells whether the block can be read now.
func (r *Ref) State() RefState { return RefState(r.state.Load()) }

// Open returns the block. It points into mapped memory: use it under Guard, and
// not after the view it came from is released. A block that turns out to be
// damaged is set aside.
func (r *Ref) Open() (*Block, error) {
	switch r.State() {
	case Loading:
		return nil, fmt.Errorf("block %v: %w", r.ID, ErrLoading)
	case Damaged:
		return nil, fmt.Errorf("block %v is set aside: %w", r.ID, *r.damage.Load())
	}
	e := r.extent.Load()
	if b := e.block.Load(); b != nil {
		if !e.asked.Load() {
			e.asked.Store(true)
		}
		return b, nil
	}
	b, err := r.openAt(e, nil)
	if err == nil && e.block.CompareAndSwap(nil, b) {
		r.table.store.opened.add(e, b)
	}
	return b, err
}

// OpenBriefly is Open for a reader that wants little of each of many blocks: one that
// nobody has asked for yet is opened in room, and good until the next one is. Whoever
// comes for it again has it opened to be kept.
func (r *Ref) OpenBriefly(room *BlockRoom) (*Block, error) {
	if r.State() == Live {
		if e := r.extent.Load(); e.block.Load() == nil && !e.looked.Swap(true) {
			return r.openAt(e, room)
		}
	}
	return r.Open()
}

// openOnce is Open for a reader that comes once, like a merge: what it opens is not
// kept.
func (r *Ref) openOnce() (*Block, error) {
	if r.State() == Live {
		if e := r.extent.Load(); e.block.Load() == nil {
			return r.openAt(e, nil)
		}
	}
	return r.Open()
}

func (r *Ref) openAt(e *extent, room *BlockRoom) (*Block, error) {
	b, err := openExtent(e, r.ID, room)
	if err != nil {
		r.setDamaged(err, func(now *extent) bool { return now == e })
		return nil, fmt.Errorf("block %v cannot be opened: %w", r.ID, err)
	}
	return b, nil
}

// openExtent opens the block that lies in an extent and checks that it is the
// one that should lie there. It is made in room, if that is not nil and it can be.
func openExtent(e *extent, id BlockID, room *BlockRoom) (b *Block, err error) {
	err = Guard(func() (err error) {
		if b, err = (blockFile{e.seg.file, e.off, &e.seg.lastNames}).open(e.bytes(), room); err == nil && b.Header().ID != id {
			err = fmt.Errorf("its header says block %v", b.Header().ID)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("byte %d of %s: %w", e.off, e.seg.path, err)
	}
	return b, nil
}

// SetDamaged sets the block aside: later calls of Open fail, Status counts it,
// and it is read again from disk if a copy is there. Whoever meets an error of
// the block's columns calls it. An error of a copy that was replaced meanwhile,
// which a view from before may still read, changes nothing.
func (r *Ref) SetDamaged(err error) {
	addr := uintptr(0)
	var damage *DamageError
	var fault *FaultError
	if errors.As(err, &damage) {
		addr = damage.addr
	} else if errors.As(err, &fault) {
		addr = fault.Addr
	}
	r.setDamaged(err, func(now *extent) bool { return addr == 0 || now.holds(addr) })
}

// setDamaged is SetDamaged if the copy of now is the one that the error is of.
func (r *Ref) setDamaged(err error, of func(now *extent) bool) {
	t := r.table
	t.mu.Lock()
	if r.State() != Live || !of(r.extent.Load()) {
		t.mu.Unlock()
		return
	}
	r.damage.Store(&err)
	r.state.Store(uint32(Damaged))
	live := t.byID[r.ID] == r
	if live {
		t.store.damaged.Add(1)
	}
	t.mu.Unlock()
	if live {
		t.store.blockDamaged(r, err)
	}
}

// placedLocked makes the block readable at a new place. The cause of an old damage
// stays: whoever saw the old state a moment ago may be about to read it.
func (r *Ref) placedLocked(e *extent) {
	r.table.store.refGone(r)
	r.extent.Store(e)
	r.state.Store(uint32(Live))
}

// age is the time by which a block gets old: of a row, the smaller of its time
// and its arrival; of a block, that of its newest row.
func (r *Ref) age() int64 { return min(r.Meta.MaxTime, r.Meta.Arrival) }

// horizon is the time up to which a table is incomplete once the block is gone:
// that of its newest row. Rows that claim to be from far in the future say
// nothing about the others, so of those it is their arrival.
func (r *Ref) horizon() int64 {
	if r.kind.class() == classFuture {
		return r.Meta.Arrival
	}
	return r.Meta.MaxTime
}

// A View is the blocks of a table at one edit. It never changes.
type View struct {
	Seq    uint64 // the last edit it shows
	Blocks []*Ref // in the order of their edits

	table    *Table
	gen      uint64
	released atomic.Bool
}

// Release lets go of the view's memory. Calling it again does nothing.
func (v *View) Release() {
	if !v.released.Swap(true) {
		v.table.unpin(v.gen)
	}
}

// pins counts the views of a table by generation. A drop of blocks ends a
// generation, so what was dropped is seen by no view of a later one.
type pins struct {
	gen     uint64
	held    []pinCount    // ascending; only generations with views
	garbage []garbageItem // ascending
}

type pinCount struct {
	gen   uint64
	count int
}

// garbageItem is memory that views up to gen may still read.
type garbageItem struct {
	gen     uint64
	extents []*extent
}

func (p *pins) pin() (gen uint64) {
	if n := len(p.held); n > 0 && p.held[n-1].gen == p.gen {
		p.held[n-1].count++
	} else {
		p.held = append(p.held, pinCount{gen: p.gen, count: 1})
	}
	return p.gen
}

func (p *pins) unpin(gen uint64) {
	for i := range p.held {
		if p.held[i].gen == gen {
			if p.held[i].count--; p.held[i].count == 0 {
				p.held = append(p.held[:i], p.held[i+1:]...)
			}
			return
		}
	}
	panic("BUG: a view is released that was not pinned")
}

// drop puts extents of dropped blocks aside until no view can see them.
func (p *pins) drop(extents []*extent) {
	if len(extents) > 0 {
		p.garbage = append(p.garbage, garbageItem{gen: p.gen, extents: extents})
		p.gen++
	}
}

// collect takes out the extents that no view can see any more.
func (p *pins) collect() (free []*extent) {
	for len(p.garbage) > 0 && (len(p.held) == 0 || p.held[0].gen > p.garbage[0].gen) {
		free = append(free, p.garbage[0].extents...)
		p.garbage = p.garbage[1:]
	}
	return free
}

// Pin returns the live blocks of the table. Until it is released, its blocks
// stay in memory, also those dropped meanwhile, and count in the budget.
func (t *Table) Pin() *View {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.refs)
	return t.pinLocked(t.refs[:n:n])
}

// pinLocked is Pin for some of the live blocks.
func (t *Table) pinLocked(blocks []*Ref) *View {
	t.store.pinned.Add(1)
	return &View{Seq: t.seq, Blocks: blocks, table: t, gen: t.pins.pin()}
}

func (t *Table) unpin(gen uint64) {
	t.mu.Lock()
	t.pins.unpin(gen)
	free := t.pins.collect()
	t.mu.Unlock()
	t.store.pinned.Add(-1)
	t.store.releaseAll(free)
}
