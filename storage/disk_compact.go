package storage

import "slices"

// Blocks on disk lie in files by how long they will live: fresh ones, which the
// next merge replaces, mid ones, and final ones, which stay until retention. So a
// file of the first two is dead as a whole soon after it is full, and files of
// final blocks die in the order in which they were written.
//
// What this does not do, moves do: blocks of quiet tables that no merge takes,
// tables of different retention in one file. While the files take more than
// diskSpareShare over what is live in them, the live blocks of the file with the
// smallest live share are written to a file of final blocks, a few in each flush;
// the edit of that flush names the new places, and the file is unlinked when an
// edit that names no block of it is synced.

// The classes of files, as the index into current.
const (
	diskFinal = iota
	diskMid
	diskFresh
	diskClasses
)

func diskClass(kind blockKind) int {
	switch kind.level() {
	case levelFresh:
		return diskFresh
	case levelMid:
		return diskMid
	}
	return diskFinal
}

// diskAlign is the grid of places of blocks: large ones can be read around the
// page cache.
func diskAlign(length int64) int64 {
	if length >= fullBlockBytes {
		return diskDirectAlign
	}
	return smallAlign
}

// fileBytes is the length at which a file is full. The less there is on disk, the
// sooner: the files that are appended to, and those that are dead in part, are a
// bounded share of all.
func (d *disk) fileBytes(class int) int64 {
	live := int64(0)
	for _, f := range d.files {
		live += f.live
	}
	most := d.store.cfg.diskFileBytes
	if class == diskFinal {
		return min(most, max(diskFinalBytes, live/diskFinalShare))
	}
	return min(most, max(diskMergedBytes, live/diskMergedShare))
}

func (d *disk) isCurrent(f *diskFile) bool { return slices.Contains(d.current[:], f) }

// replace asks the next flush for another copy of a block in place of a damaged
// one. false: the block has gone, or lies elsewhere meanwhile.
func (d *disk) replace(id BlockID, bad place) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.places[id].place != bad {
		return false
	}
	if d.rotten == nil {
		d.rotten = map[BlockID]place{}
	}
	d.rotten[id] = bad
	signal(d.wake)
	return true
}

// pickRotten asks for the blocks to be moved whose copies are damaged, until they
// have been. Their files take no more blocks: they may be cut short or gone.
func (d *disk) pickRotten() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, bad := range d.rotten {
		if d.places[id].place != bad {
			delete(d.rotten, id)
			continue
		}
		d.moves[id] = true
		d.retire(d.files[bad.file])
	}
}

// pickMoves asks for some live blocks of a file to be moved, if the disk holds too
// much that is dead or the file is given up.
func (d *disk) pickMoves() {
	d.pickRotten()
	if len(d.moves) > 0 || d.store.reloading.Load() {
		return // those of a flush that failed go first, and the disk is for reading
	}
	f := d.sparsest()
	if f == nil {
		return
	}
	size := int64(0)
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, p := range d.places {
		if p.file == f.no && size < diskMoveBytes {
			d.moves[id] = true
			size += p.length
		}
	}
}

// sparsest returns the file whose live blocks are to be moved; nil: none.
func (d *disk) sparsest() (pick *diskFile) {
	size, live := int64(0), int64(0)
	for _, f := range d.files {
		if f.bad && f.count > 0 && !f.stuck {
			return f
		}
		size += f.size
		live += f.live
	}
	if size-live < live/diskSpareShare+min(diskSpareBytes, d.store.cfg.diskFileBytes) {
		return nil
	}
	for _, f := range d.files {
		if f.count == 0 || f.stuck || d.isCurrent(f) || f.size-f.live < f.size/diskMoveGain {
			continue
		}
		if pick == nil || float64(f.live)/float64(f.size) < float64(pick.live)/float64(pick.size) {
			pick = f
		}
	}
	return pick
}

// moveBlocks writes the blocks to be moved to another file and adds their places
// to the edit. They come from memory, or from the disk if they are not there.
func (d *disk) moveBlocks(net *edit, b *diskBatch) error {
	for id := range d.moves {
		r := b.refs[id]
		if r == nil {
			delete(d.moves, id) // it goes with this edit, or with the next
			continue
		}
		at, ok := d.unlogged[id]
		if !ok {
			data, err := d.bytesOf(r)
			if err != nil {
				p, _ := d.find(id)
				d.files[p.file].stuck = true
				delete(d.moves, id)
				d.store.cfg.Log.Error("a block cannot be moved, so its file stays", "file", diskFileName(p.file), "block", id.String(), "error", err)
				continue
			}
			if at, err = d.appendBlock(id, data, diskFinal); err != nil {
				return err
			}
			d.moved.Add(int64(len(data)))
			failpoint("disk.moved")
		}
		net.places = append(net.places, editPlace{incarnation: r.table.incarnation, id: id, place: at})
	}
	return nil
}

// bytesOf returns the verified bytes of a block that is on disk: those in memory,
// which may be the only good ones.
func (d *disk) bytesOf(r *Ref) ([]byte, error) {
	if r.State() == Live && r.check() == nil {
		return r.extent.Load().bytes(), nil
	}
	p, _ := d.find(r.ID)
	return d.readBlock(r, p, new(readBuffer))
}
