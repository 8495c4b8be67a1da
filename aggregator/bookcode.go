package aggregator

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// The body of a record of the journal begins with a byte that says its form:
//
//	{  JSON of a bookRecord: what changes rarely, and all that older versions wrote
//
//	1  an Update: varint at, update
//	2  a snapshot: uvarint pages, each:
//	     byte 1 suspended, 2 heard (a sum); update; uvarint tables with lost rows,
//	     each text name, part buckets
//	   then uvarint banned ids, each a text
//
//	update  part of wire.AppendUpdate without buckets, then for each of its tables
//	        part buckets (promise.go)
//	part    uvarint length, bytes
//	text    as part
//
// A start reads all of it but the buckets, of which there may be a hundred
// thousand; so they stand apart.
const (
	formJSON     byte = '{'
	formUpdate   byte = 1
	formSnapshot byte = 2
)

const (
	pageSuspended byte = 1
	pageHeard     byte = 2
)

// errBookCut says that a field reaches beyond the end of its record.
var errBookCut = errors.New("a record of promises is cut short")

// newerFormError says that a record is whole and of a form that is not known.
type newerFormError struct{ form byte }

func (e *newerFormError) Error() string {
	return fmt.Sprintf("a record of promises of unknown form %d: was it written by a newer kelp?", e.form)
}

func appendPart(dst, part []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(part))), part...)
}

// appendPromise is appendPart of buckets.
func appendPromise(dst []byte, list []storage.TimeCount) []byte {
	return appendPart(dst, appendBuckets(nil, list))
}

// appendWithout encodes an Update without its buckets.
func appendWithout(dst []byte, u *wire.Update) []byte {
	bare := *u
	bare.Tables = slices.Clone(u.Tables)
	for i := range bare.Tables {
		bare.Tables[i].Buckets = nil
	}
	return appendPart(dst, wire.AppendUpdate(nil, &bare))
}

// appendBookBody encodes a record.
func appendBookBody(dst []byte, rec *bookRecord) []byte {
	if rec.Update == nil {
		text, err := json.Marshal(rec)
		if err != nil {
			panic(fmt.Sprintf("BUG: a record of promises is not JSON: %v", err))
		}
		return append(dst, text...)
	}
	dst = binary.AppendVarint(append(dst, formUpdate), rec.At)
	dst = appendWithout(dst, rec.Update)
	for i := range rec.Update.Tables {
		dst = appendPromise(dst, rec.Update.Tables[i].Buckets)
	}
	return dst
}

// appendBookLocked encodes all of a book. Its mutex is held.
func appendBookLocked(dst []byte, b *book) []byte {
	dst = binary.AppendUvarint(append(dst, formSnapshot), uint64(len(b.leaves)))
	for _, name := range slices.Sorted(maps.Keys(b.leaves)) {
		dst = appendPage(dst, b.leaves[name])
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.banned)))
	for _, id := range slices.Sorted(maps.Keys(b.banned)) {
		dst = appendPart(dst, []byte(id))
	}
	return dst
}

func appendPage(dst []byte, p *leafPage) []byte {
	flags := byte(0)
	if p.Suspended {
		flags |= pageSuspended
	}
	if p.Heard {
		flags |= pageHeard
	}
	u := &wire.Update{Leaf: p.Leaf, ID: p.ID, Shard: p.Shard, Born: p.Born, Epoch: p.Epoch, Seq: p.Seq, Full: true}
	names := slices.Sorted(maps.Keys(p.Tables))
	for _, name := range names {
		t := p.Tables[name]
		u.Tables = append(u.Tables, wire.TableUpdate{
			TableChange: storage.TableChange{Table: name, Incarnation: t.Incarnation, Added: t.Added, Full: true, Horizon: t.Horizon, Newest: t.Newest},
			Schema:      t.Schema, Settings: t.Settings, OldestKey: t.OldestKey, Rows: t.Rows, Bytes: t.Bytes,
		})
	}
	dst = appendWithout(append(dst, flags), u)
	for _, name := range names {
		dst = appendPromise(dst, histogram(p.Tables[name].promise.buckets()))
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.Lost)))
	for _, name := range slices.Sorted(maps.Keys(p.Lost)) {
		dst = appendPart(dst, []byte(name))
		dst = appendPromise(dst, p.Lost[name])
	}
	return dst
}

// bookReader reads fields until the first error, which it keeps.
type bookReader struct {
	src  []byte
	err  error
	room *bookRoom
}

// bookRoom is what Updates are decoded into, one after the other.
type bookRoom struct {
	update  wire.Update
	written [][]byte
}

func (r *bookReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.src = nil
}

func (r *bookReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.src)
	if n <= 0 {
		r.fail(errBookCut)
		return 0
	}
	r.src = r.src[n:]
	return v
}

func (r *bookReader) varint() int64 {
	v, n := binary.Varint(r.src)
	if n <= 0 {
		r.fail(errBookCut)
		return 0
	}
	r.src = r.src[n:]
	return v
}

func (r *bookReader) byte() byte {
	if len(r.src) == 0 {
		r.fail(errBookCut)
		return 0
	}
	b := r.src[0]
	r.src = r.src[1:]
	return b
}

func (r *bookReader) part() []byte {
	n := r.uvarint()
	if n > uint64(len(r.src)) {
		r.fail(errBookCut)
		return nil
	}
	b := r.src[:n:n]
	r.src = r.src[n:]
	return b
}

// update reads an Update and, by table, its buckets as they are written. Both are
// good until the next one is read.
func (r *bookReader) update() (u *wire.Update, written [][]byte) {
	u = &r.room.update
	if err := wire.DecodeUpdateInto(u, r.part()); err != nil {
		r.fail(err)
		return nil, nil
	}
	written = r.room.written[:0]
	for range u.Tables {
		written = append(written, r.part())
	}
	r.room.written = written
	return u, written
}

// replayBody takes the body of a record into the book. After an error the book is as
// it was.
func (b *book) replayBody(src []byte) error { return b.replayBodyIn(new(bookRoom), src) }

// replayBodyIn is replayBody for one record after the other, in the same room.
func (b *book) replayBodyIn(room *bookRoom, src []byte) error {
	if len(src) == 0 {
		return errBookCut
	}
	r := &bookReader{src: src[1:], room: room}
	switch src[0] {
	case formJSON:
		rec := new(bookRecord)
		if err := json.Unmarshal(src, rec); err != nil {
			return err
		}
		b.replay(rec)
		return nil
	case formUpdate:
		r.varint()
		u, written := r.update()
		if r.err != nil {
			return r.err
		}
		return b.applyWritten(u, written)
	case formSnapshot:
		return b.replaySnapshot(r)
	}
	return &newerFormError{src[0]}
}

// applyWritten is apply with buckets as they are written.
func (b *book) applyWritten(u *wire.Update, written [][]byte) error {
	for _, src := range written {
		if err := readBuckets(src, func(storage.TimeCount) {}); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.applyLocked(u, written)
}

func (b *book) replaySnapshot(r *bookReader) error {
	var pages []*leafPage
	for range r.uvarint() {
		if r.err != nil {
			break
		}
		pages = append(pages, r.page())
	}
	var banned []string
	for range r.uvarint() {
		if r.err != nil {
			break
		}
		banned = append(banned, string(r.part()))
	}
	if r.err != nil {
		return r.err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range banned {
		b.banned[id] = true
	}
	for _, p := range pages {
		b.shareLocked(p)
		b.leaves[p.Leaf] = p
	}
	return nil
}

func (r *bookReader) page() *leafPage {
	flags := r.byte()
	u, written := r.update()
	if r.err != nil {
		return nil
	}
	p := newLeafPage(u.Leaf)
	p.Suspended, p.Heard = flags&pageSuspended != 0, flags&pageHeard != 0
	p.ID, p.Shard, p.Born, p.Epoch, p.Seq = u.ID, u.Shard, u.Born, u.Epoch, u.Seq
	for i := range u.Tables {
		if err := p.applyTable(&u.Tables[i], written[i]); err != nil {
			r.fail(err)
			return nil
		}
	}
	for range r.uvarint() {
		name := string(r.part())
		list, err := listOf(r.part())
		if err != nil {
			r.fail(err)
		}
		if r.err != nil {
			return nil
		}
		p.Lost[name] = list
	}
	return p
}
