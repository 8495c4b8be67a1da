package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"
)

// Append is one chunk of a batch on its way into a table.
type Append struct {
	Table string // made with its first row
	Batch *Batch // read until the call returns, never kept

	Key     string // of the batch; empty: none, and a repeat is not noticed
	Chunk   uint32 // number of the chunk in the batch
	Digest  uint64 // of the chunk's content, compared when the key comes again
	Receipt Receipt
	Arrival int64 // ns; 0: now

	// Settings are the newest of the table that the caller knows. If the table is
	// new or has older ones, they come with the rows, in the same edit: so its first
	// rows are as durable as any. Version 0: none are known.
	Settings Settings
}

// AppendResult says what became of a chunk.
type AppendResult struct {
	Receipt   Receipt // of the first time, if Duplicate
	Duplicate bool    // the key and chunk were there; nothing was added
	Seq       uint64  // the edit that made the rows live
}

// ErrKeyReused says that the key came with other content before.
var ErrKeyReused = errors.New("this key was used for other content")

// FullError says that there is no memory for more rows.
type FullError struct {
	Table  string
	Bytes  int64  // in use
	Budget int64  // 0: the file system is full
	Knob   string // the flag that raises the budget
}

func (e *FullError) Error() string {
	if e.Budget == 0 {
		return fmt.Sprintf("no memory for table %q: the file system of the memory directory is full with %d bytes of blocks; raise its size and %s", e.Table, e.Bytes, e.Knob)
	}
	return fmt.Sprintf("no memory for table %q: %d of %d bytes are in use; raise %s, or shorten a retention", e.Table, e.Bytes, e.Budget, e.Knob)
}

// memoryKnob is the flag that says how much memory a store may use.
const memoryKnob = "--memory"

// Append adds the rows of a batch, as one edit with the batch's key. When it
// returns, every later Pin shows them, and they are as durable as the table's
// setting promises at the receipt.
//
// A key and chunk that are there already return the first receipt, or
// ErrKeyReused if the digest differs; if they are just being added, the call
// waits. Other errors: FullError, DiskLagError, ErrNoDisk, ErrClosed: then nothing
// was added. After an UnsyncedError or the context's the rows may be there. Either
// way the key may be tried again.
func (s *Store) Append(ctx context.Context, a Append) (AppendResult, error) {
	if err := checkTableName(a.Table); err != nil {
		return AppendResult{}, err
	}
	if len(a.Key) > KeyBytesMax {
		return AppendResult{}, fmt.Errorf("the key has %d bytes: at most %d", len(a.Key), KeyBytesMax)
	}
	if t, ok := s.Table(a.Table); a.Settings.Version > 0 && (!ok || t.Settings().Version < a.Settings.Version) {
		if err := s.checkSettings(a.Table, a.Settings); err != nil {
			return AppendResult{}, err
		}
	}
	if err := s.begin(); err != nil {
		return AppendResult{}, err
	}
	defer s.calls.Done()
	if a.Key == "" {
		return s.appendOnce(ctx, &a)
	}
	id := chunkID{a.Table, a.Key, a.Chunk}
	if err := s.inflight.enter(ctx, id); err != nil {
		return AppendResult{}, err
	}
	defer s.inflight.leave(id)
	if t, ok := s.Table(a.Table); ok {
		if c, ok := t.keys.get(a.Key, a.Chunk); ok {
			if c.digest != a.Digest {
				return AppendResult{}, fmt.Errorf("key %q of table %q, chunk %d: %w", a.Key, a.Table, a.Chunk, ErrKeyReused)
			}
			if err := s.waitReceipt(ctx, a.Table, c.seq); err != nil {
				return AppendResult{}, err
			}
			return AppendResult{Receipt: c.receipt, Duplicate: true, Seq: c.seq}, nil
		}
	}
	a.Receipt = boundReceipt(a.Receipt)
	return s.appendOnce(ctx, &a)
}

func (s *Store) appendOnce(ctx context.Context, a *Append) (AppendResult, error) {
	if err := ctx.Err(); err != nil {
		return AppendResult{}, err
	}
	t, exists := s.Table(a.Table)
	rows := a.Batch.Rows()
	if rows == 0 && (a.Key == "" || !exists) {
		// A table is born with its first row.
		return AppendResult{Receipt: a.Receipt, Seq: s.seq.Load()}, nil
	}
	if a.Arrival == 0 {
		a.Arrival = s.cfg.Now().UnixNano()
	}
	if exists && s.disk == nil && t.Settings().Durability == DurabilitySync {
		return AppendResult{}, fmt.Errorf("table %q: %w", a.Table, ErrNoDisk)
	}
	if s.onDisk(t) {
		if err := s.disk.waitLag(ctx); err != nil {
			return AppendResult{}, err
		}
	}
	if exists && rows < finalRowsMin { // it makes a block to be merged
		if err := s.waitMerges(ctx, t); err != nil {
			return AppendResult{}, err
		}
	}
	res, err := s.commitAppend(ctx, a)
	if err == nil {
		err = s.waitReceipt(ctx, a.Table, res.Seq)
	}
	if err != nil {
		return AppendResult{}, err
	}
	return res, nil
}

// commitAppend makes the rows of a request live.
func (s *Store) commitAppend(ctx context.Context, a *Append) (AppendResult, error) {
	if a.Batch.Rows() < richRowsMin {
		return s.queues.submit(ctx, a)
	}
	return s.appendRich(ctx, a)
}

// onDisk tells whether the rows of a table go to disk; nil is a table yet to be.
func (s *Store) onDisk(t *Table) bool {
	return s.disk != nil && (t == nil || t.Settings().Durability != DurabilityMemory)
}

// appendRich encodes a large batch in the calling goroutine, so that several are
// encoded at once.
func (s *Store) appendRich(ctx context.Context, a *Append) (AppendResult, error) {
	var refs []*Ref
	for _, part := range cutBatch(a.Batch, a.Arrival) {
		level := levelMid
		if part.batch.Rows() >= finalRowsMin {
			level = levelFinal
		}
		r, err := s.encodeBlock(ctx, a.Table, part, level, Rich)
		if err != nil {
			s.discard(refs)
			return AppendResult{}, err
		}
		refs = append(refs, r)
	}
	seq, err := s.commitRows(ctx, a.Table, refs, []*Append{a})
	if err != nil {
		s.discard(refs)
		return AppendResult{}, err
	}
	return AppendResult{Receipt: a.Receipt, Seq: seq}, nil
}

// blockBuffers keeps the buffers that blocks are encoded into before their length
// is known.
var blockBuffers Shelf[*[]byte]

func takeBlockBuffer() *[]byte {
	if buf, ok := blockBuffers.Take(); ok {
		return buf
	}
	return new([]byte)
}

// encodeBlock encodes rows and puts them into memory as a sealed block that no
// edit names yet.
func (s *Store) encodeBlock(ctx context.Context, table string, part batchPart, level blockKind, rich Richness) (*Ref, error) {
	buf := takeBlockBuffer()
	defer blockBuffers.Put(buf)
	data, meta, err := AppendBlock((*buf)[:0], part.batch, BlockOptions{Shard: s.super.shard, Arrival: part.arrival, Richness: rich})
	if err != nil {
		return nil, fmt.Errorf("cannot encode %d rows of table %q: %w", part.batch.Rows(), table, err)
	}
	*buf = data
	e, err := s.reserve(ctx, table, int64(len(data)))
	if err != nil {
		return nil, err
	}
	r, err := s.placeBlock(e, data, meta, level|part.class)
	if err == nil {
		r.shape = part.batch.shape()
	}
	return r, err
}

// placeBlock seals an encoded block and writes it into its extent.
func (s *Store) placeBlock(e *extent, data []byte, meta Meta, kind blockKind) (*Ref, error) {
	id := BlockID{Epoch: s.super.epoch, Seq: s.nextBlock.Add(1)}
	meta.HeaderCRC = SealBlock(data, id)
	failpointTorn("block.torn", e.seg.file, data, e.off)
	if err := e.write(data); err != nil {
		s.alloc.condemn(e)
		return nil, fmt.Errorf("cannot write block %v: %w", id, err)
	}
	failpoint("block.written")
	if len(data) > mergeBytesMax/2 {
		kind = kind.at(levelFinal)
	}
	r := &Ref{ID: id, Meta: meta, kind: kind}
	r.extent.Store(e)
	return r, nil
}

// discard gives back the memory of blocks that no edit came to name.
func (s *Store) discard(refs []*Ref) {
	for _, r := range refs {
		s.alloc.takeBack(r.extent.Load())
	}
}

// commitRows makes new blocks of a table live, with the keys of the requests
// they hold, as one edit. The caller keeps the blocks if it fails.
func (s *Store) commitRows(ctx context.Context, table string, refs []*Ref, of []*Append) (seq uint64, err error) {
	for range commitTries {
		seq, err = s.tryCommitRows(table, refs, of)
		if !errors.Is(err, errNoSpace) {
			return seq, err
		}
		// The log itself found no room: its pages must come from those of blocks.
		if s.alloc.shrink() > 0 {
			continue
		}
		if err := s.makeRoom(ctx, table, memoryLogStep, nil); err != nil {
			return 0, err
		}
		s.alloc.shrink()
	}
	s.inVain.note(s.alloc.waitFreed(), s.cfg.fullRest)
	return 0, s.asFull(table, err)
}

func (s *Store) tryCommitRows(table string, refs []*Ref, of []*Append) (uint64, error) {
	now := s.cfg.Now().UnixNano()
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	e := &edit{}
	incarnation, err := s.tableForLocked(e, table)
	if err != nil {
		return 0, err
	}
	mark := editMark{incarnation: incarnation}
	var settings Settings
	if t, ok := s.Table(table); ok {
		settings = t.Settings()
		t.mu.Lock()
		mark.added, mark.horizon = t.added, t.horizon
		t.mu.Unlock()
	}
	for _, a := range of {
		if a.Settings.Version > settings.Version {
			settings = a.Settings
			e.settings = append(e.settings[:0], editSettings{incarnation, settings})
		}
	}
	for _, r := range refs {
		at := r.extent.Load()
		mark.added += uint64(r.Meta.Rows)
		e.adds = append(e.adds, editAdd{
			incarnation: incarnation, id: r.ID, kind: r.kind, meta: r.Meta, ref: r,
			place: place{file: at.seg.no, offset: at.off},
		})
	}
	e.marks = append(e.marks, mark)
	for _, a := range of {
		if a.Key != "" {
			e.keys = append(e.keys, editKey{incarnation: incarnation, key: a.Key, chunk: chunkReceipt{
				chunk: a.Chunk, digest: a.Digest, seq: s.seq.Load() + 1, at: now, receipt: a.Receipt,
			}})
		}
	}
	if err := s.commitLocked(e, false); err != nil {
		return 0, err
	}
	return e.seq, nil
}

// boundReceipt cuts a receipt to what is kept with a key.
func boundReceipt(r Receipt) Receipt {
	cut := func(s string) string {
		if len(s) <= ReceiptTextMax {
			return s
		}
		n := ReceiptTextMax
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		return s[:n]
	}
	bounded := Receipt{Accepted: r.Accepted, Rejected: r.Rejected}
	for _, e := range r.Errors[:min(len(r.Errors), RowErrorsMax)] {
		bounded.Errors = append(bounded.Errors, RowError{Row: e.Row, Error: cut(e.Error)})
	}
	for _, w := range r.Warnings[:min(len(r.Warnings), ReceiptWarningsMax)] {
		bounded.Warnings = append(bounded.Warnings, cut(w))
	}
	return bounded
}

// inflight holds the chunks that are just being added. Their number is that of
// the callers.
type inflight struct {
	mu     sync.Mutex
	chunks map[chunkID]chan struct{} // closed when the first is done
}

type chunkID struct {
	table, key string
	chunk      uint32
}

// enter waits until no other call adds the chunk.
func (f *inflight) enter(ctx context.Context, id chunkID) error {
	for {
		f.mu.Lock()
		done, busy := f.chunks[id]
		if !busy {
			f.chunks[id] = make(chan struct{})
			f.mu.Unlock()
			return nil
		}
		f.mu.Unlock()
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *inflight) leave(id chunkID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.chunks[id])
	delete(f.chunks, id)
}
