package storage

import (
	"errors"
	"fmt"
	"os"
)

// A checkpoint is a new log that begins with all that is live. It must not hold
// up commits for as long as it takes to write that, so it is made in three steps:
//
//	begin   under the commit mutex, in a time that grows with the tables alone:
//	        what each table shows, which keys it has, where the old log ends
//	write   without it: all of that, as edits with the sequence of that moment;
//	        then the records that were committed to the old log meanwhile, as
//	        they are, until few are left
//	finish  under the mutex again: the last of those records, then the one word
//	        that makes the new log the current one
//
// Until that word the old log counts, and has every edit; from then on the new
// one has. When anything goes wrong, the new file is removed and nothing has
// changed.

// A liveState is what a store shows at one edit.
type liveState struct {
	seq       uint64
	nextBlock uint64
	tables    []tableState
}

// tableState is what a table shows at one edit. The elements of refs never
// change, but where a block lies may: a later edit says so again.
type tableState struct {
	table    *Table
	settings Settings
	mark     editMark
	refs     []*Ref
	keys     keySpan
}

// stateLocked returns what the store shows now. The commit mutex is held, or the
// store is not open yet.
func (s *Store) stateLocked() *liveState {
	state := &liveState{seq: s.seq.Load(), nextBlock: s.nextBlock.Load()}
	for _, t := range s.Tables() {
		t.mu.Lock()
		refs, mark := t.refs[:len(t.refs):len(t.refs)], editMark{t.incarnation, t.added, t.horizon}
		t.mu.Unlock()
		state.tables = append(state.tables, tableState{table: t, settings: t.Settings(), mark: mark, refs: refs, keys: t.keys.span()})
	}
	return state
}

// edits gives all of a state to write as edits, each of a bounded length. Keys
// that are forgotten meanwhile are left out. No lock is held for longer than some
// checkpointSlice blocks or keys take.
func (l *liveState) edits(write func(*edit) error) error {
	e, size := &edit{seq: l.seq, nextBlock: l.nextBlock}, 0
	flush := func(more int) error {
		if size += more; size < checkpointEditBytes {
			return nil
		}
		err := write(e)
		e, size = &edit{seq: l.seq}, 0
		return err
	}
	var keys []editKey
	for _, ts := range l.tables {
		t := ts.table
		e.tables = append(e.tables, editTable{t.incarnation, t.name})
		e.settings = append(e.settings, editSettings{t.incarnation, ts.settings})
		e.marks = append(e.marks, ts.mark)
		for refs := ts.refs; len(refs) > 0; {
			n, more := min(len(refs), checkpointSlice), 0
			t.mu.Lock() // the kinds of refs are guarded by it
			for _, r := range refs[:n] {
				e.adds = append(e.adds, r.add())
				more += 64 + len(r.Meta.Hist.packed)
			}
			t.mu.Unlock()
			if err := flush(more); err != nil {
				return err
			}
			refs = refs[n:]
		}
		for span := ts.keys; ; {
			if keys = t.keys.next(&span, checkpointSlice, keys[:0]); len(keys) == 0 {
				break
			}
			more := 0
			for i := range keys {
				keys[i].incarnation = t.incarnation
				more += 64 + len(keys[i].key) + keys[i].chunk.receipt.textBytes()
			}
			e.keys = append(e.keys, keys...)
			if err := flush(more); err != nil {
				return err
			}
		}
	}
	return write(e)
}

// add returns the change that makes the block live where it lies now.
func (r *Ref) add() editAdd {
	a := editAdd{incarnation: r.table.incarnation, id: r.ID, kind: r.kind, meta: r.Meta, ref: r}
	if e := r.extent.Load(); e != nil {
		a.place = place{file: e.seg.no, offset: e.off}
	}
	return a
}

// logRoom is the address space for a state and as much again of later edits,
// generously.
func (s *Store) logRoom(l *liveState) int64 {
	blocks := 0
	for _, t := range l.tables {
		blocks += len(t.refs)
	}
	return 3 * (int64(blocks)*blockEditBytes + s.keyBytes.Load())
}

// A checkpoint under way.
type checkpoint struct {
	store *Store
	state *liveState
	old   *memoryLog // mapped until the checkpoint ends, whoever replaces it
	at    int64      // to where its records are in the next one
	next  *memoryLog // nil until it is made
	no    uint64
}

// beginCheckpointLocked takes note of what is live. The commit mutex is held.
func (s *Store) beginCheckpointLocked() *checkpoint {
	s.lastLog++
	s.log.readers++
	return &checkpoint{store: s, state: s.stateLocked(), old: s.log, at: s.log.tail, no: s.lastLog}
}

// write makes the next log and writes the state to it; catchUp adds what was
// committed meanwhile. It is called without the commit mutex, or all through with it.
func (c *checkpoint) write() (err error) {
	s := c.store
	if c.next, err = createLog(s.cfg.MemoryDir, s.super.epoch, c.no, s.logRoom(c.state)); err != nil {
		return fmt.Errorf("cannot begin a checkpoint: %w", err)
	}
	var body []byte
	err = c.state.edits(func(e *edit) error {
		select {
		case <-s.closing:
			return ErrClosed
		default:
		}
		body = appendEdit(body[:0], e)
		s.cfg.atCheckpoint("state")
		return c.next.append(body, false)
	})
	if err != nil {
		return fmt.Errorf("cannot write a checkpoint: %w", err)
	}
	return nil
}

// catchUp copies the records that were committed meanwhile, in rounds that get
// shorter, so that few are left for the last one.
func (c *checkpoint) catchUp() error {
	for range checkpointRounds {
		c.store.commitMu.Lock()
		tail := c.old.tail
		c.store.commitMu.Unlock()
		if tail-c.at < checkpointLastBytes {
			break
		}
		if err := c.copyTo(tail); err != nil {
			return err
		}
	}
	return nil
}

// copyTo copies the records of the old log up to tail. Below the tail that it had
// under the commit mutex, a log never changes.
func (c *checkpoint) copyTo(tail int64) error {
	err := Guard(func() error {
		for c.at < tail {
			word := loadRecordWord(c.old.data, c.at)
			n := int64(uint32(word))
			if n == 0 || n > tail-c.at-logWord {
				return fmt.Errorf("the record at byte %d of %s says %d bytes", c.at, c.old.path, n)
			}
			body := c.old.data[c.at+logWord : c.at+logWord+n]
			if recordWord(c.old.seed, body) != word {
				return fmt.Errorf("the record at byte %d of %s fails its checksum", c.at, c.old.path)
			}
			if err := c.next.append(body, false); err != nil {
				return err
			}
			c.at += logWord + roundUp(n, logWord)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot bring a checkpoint up to date: %w", err)
	}
	return nil
}

// finishLocked makes the next log the current one, unless another one was made
// meanwhile. err is what became of write. The commit mutex is held.
func (c *checkpoint) finishLocked(err error) error {
	s := c.store
	switch {
	case err != nil:
	case s.broken != nil:
		err = s.broken
	case s.log == c.old:
		err = c.copyTo(c.old.tail)
	}
	if err != nil || s.log != c.old {
		err = errors.Join(err, c.old.doneReading())
		if c.next != nil {
			err = errors.Join(err, c.next.close(), os.Remove(c.next.path))
		}
		return err
	}
	c.next.base = c.next.tail
	s.cfg.atCheckpoint("switch")
	// The one word that decides which log counts. The old one goes after it.
	if err := Guard(func() error { s.logSwitch.store(c.next.number); return nil }); err != nil {
		s.broken = fmt.Errorf("the superblock cannot be written any more, restart to recover: %w", err)
		return errors.Join(s.broken, c.old.doneReading())
	}
	failpoint("checkpoint.switched")
	s.log, s.super.log = c.next, c.next.number
	c.old.replaced = true
	return c.old.doneReading()
}

// checkpointLocked makes a checkpoint in one go, for a commit that finds the log
// full. If another one is under way, that one comes too late.
func (s *Store) checkpointLocked() error {
	c := s.beginCheckpointLocked()
	return c.finishLocked(c.write())
}

// checkpoint replaces the log if it is past that length.
func (s *Store) checkpoint(past int64) {
	s.commitMu.Lock()
	if s.broken != nil || !s.log.wantsCheckpoint(past) {
		s.commitMu.Unlock()
		return
	}
	c := s.beginCheckpointLocked()
	s.commitMu.Unlock()
	s.cfg.atCheckpoint("begin")
	err := c.write()
	if err == nil {
		err = c.catchUp()
	}
	s.cfg.atCheckpoint("finish")
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if err = c.finishLocked(err); err != nil {
		// The log goes on growing and asks again when it is twice as long.
		s.log.base = s.log.tail
		s.cfg.Log.Warn("no checkpoint of the edit log", "error", err)
	}
	s.logBytes.Store(s.log.taken)
}
