package aggregator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// The book's journal is a file of records
//
//	┌──────────┬──────────┬───────────────┐
//	│ length 4 │ CRC-32C 4│ body: length  │   little-endian; length and CRC of the body
//	└──────────┴──────────┴───────────────┘
//
// first a snapshot of the book, then every Update applied since (bookcode.go). A
// record is written before the Update is confirmed to the leaf, so
// kill -9 loses no promise; the file is synced twice a second. A torn or
// damaged record ends the reading: what stands before it holds.

// bookRecord is one record of the journal, or the book as other aggregators get
// it; exactly one field is set.
type bookRecord struct {
	Snapshot   []savedPage  `json:",omitempty"`
	Banned     []string     `json:",omitempty"` // with a Snapshot
	Update     *wire.Update `json:",omitempty"`
	Suspend    string       `json:",omitempty"` // a leaf that takes no batches any more
	Forget     string       `json:",omitempty"` // a leaf that is not expected any more
	Retire     string       `json:",omitempty"` // a suspended leaf that is alive and not expected any more
	ForgetLost string       `json:",omitempty"` // a leaf whose lost rows are not
	DropTable  string       `json:",omitempty"` // a table whose lost rows are not
	At         int64        // ns since 1970
}

// savedPage is a leafPage as JSON can hold it.
type savedPage struct {
	leafPage
	Promises map[string][]storage.TimeCount
}

// bookFile appends to the journal.
type bookFile struct {
	mu       sync.Mutex
	path     string
	file     *os.File
	size     int64
	snapshot int64 // bytes of the snapshot the file begins with
	dirty    bool
	failed   error
}

// journalError says that the journal of promises takes no writes. Nothing that is
// stored meanwhile may be acknowledged: if its leaf dies, nobody would miss it.
type journalError struct{ err error }

func (e *journalError) Error() string {
	return e.err.Error() + "; no rows are taken in until it can be: free the disk"
}

func (e *journalError) Unwrap() error { return e.err }

// failure returns why the journal takes no writes; nil: it does.
func (f *bookFile) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		return nil
	}
	return &journalError{f.failed}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// bookRecordHead is the bytes in front of a record's body.
const bookRecordHead = 8

// openBook reads the journal of a directory into a book and goes on with it: a
// start writes nothing. Only one that does not end in a whole record is written
// anew. dir "" keeps the book in memory only.
func openBook(dir string) (*book, *bookFile, error) {
	b := newBook()
	if dir == "" {
		return b, &bookFile{}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("cannot make the aggregator's directory: %w", err)
	}
	f := &bookFile{path: filepath.Join(dir, "promises.journal")}
	whole, err := f.read(b)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open the promises of the leaves: %w", err)
	}
	if whole {
		f.file, err = os.OpenFile(f.path, os.O_RDWR|os.O_APPEND, 0o600)
		f.dirty = true // by a process that was killed, maybe
	} else {
		err = f.rewrite(b)
	}
	// A disk that is full, or takes no writes, keeps nobody from asking: what was
	// promised is known, and no new promise is confirmed before it can be written.
	f.failed = err
	return b, f, nil
}

// read takes the journal into an empty book. whole tells that there is one and that
// it ends in a whole record.
func (f *bookFile) read(b *book) (whole bool, err error) {
	file, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return false, err
	}
	w, room := bookWindow{file: file, left: st.Size()}, new(bookRoom)
	for f.size < st.Size() {
		body, ok, err := w.next()
		if err != nil {
			return false, err
		}
		if !ok {
			return false, nil // the torn end of the journal
		}
		var newer *newerFormError
		if err := b.replayBodyIn(room, body); errors.As(err, &newer) {
			return false, fmt.Errorf("%s, byte %d: %w", f.path, f.size, err)
		} else if err != nil {
			return false, nil
		}
		f.size += int64(bookRecordHead + len(body))
		if f.snapshot == 0 {
			f.snapshot = f.size
		}
	}
	return f.size > 0, nil
}

// A bookWindow reads a journal record by record. Its room is used again and again.
type bookWindow struct {
	file *os.File
	left int64  // bytes of the file behind the window
	buf  []byte // what was read of it and is not taken yet
	room []byte
}

// next returns the body of the next record, if it is whole. It is good until the
// next call.
func (w *bookWindow) next() (body []byte, ok bool, err error) {
	need := bookRecordHead
	if ok, err = w.fill(need); !ok || err != nil {
		return nil, false, err
	}
	if need += int(binary.LittleEndian.Uint32(w.buf)); need > len(w.buf) {
		if ok, err = w.fill(need); !ok || err != nil {
			return nil, false, err
		}
	}
	body, ok = bookRecordAt(w.buf[:need])
	w.buf = w.buf[need:]
	return body, ok, nil
}

// fill brings need bytes into the window; false: the file does not have them.
func (w *bookWindow) fill(need int) (ok bool, err error) {
	have := len(w.buf)
	if need <= have {
		return true, nil
	}
	if int64(need-have) > w.left {
		return false, nil
	}
	room := w.room
	if len(room) < need {
		room = make([]byte, max(need, bookWindowBytes))
	}
	copy(room, w.buf)
	n := int(min(int64(len(room)-have), w.left))
	w.room, w.buf = room, room[:have+n]
	w.left -= int64(n)
	if _, err := io.ReadFull(w.file, w.buf[have:]); err != nil {
		return false, fmt.Errorf("cannot read the journal of promises: %w", err)
	}
	return true, nil
}

// bookRecordAt returns the body of the record that src begins with, if it is whole.
func bookRecordAt(src []byte) (body []byte, ok bool) {
	if len(src) < bookRecordHead {
		return nil, false
	}
	length := binary.LittleEndian.Uint32(src)
	if uint64(length) > uint64(len(src)-bookRecordHead) {
		return nil, false
	}
	body = src[bookRecordHead : bookRecordHead+int(length)]
	return body, crc32.Checksum(body, castagnoli) == binary.LittleEndian.Uint32(src[4:])
}

func (b *book) replay(rec *bookRecord) {
	switch {
	case rec.Update != nil:
		b.apply(rec.Update)
	case rec.Suspend != "":
		b.change(rec.Suspend, func(p *leafPage) { p.Suspended = true })
	case rec.ForgetLost != "":
		b.change(rec.ForgetLost, func(p *leafPage) { clear(p.Lost) })
	case rec.DropTable != "":
		b.forgetTable(rec.DropTable)
	case rec.Retire != "":
		b.retire(rec.Retire)
	case rec.Forget != "":
		b.forget(rec.Forget)
	default:
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, id := range rec.Banned {
			b.banned[id] = true
		}
		for i := range rec.Snapshot {
			page := rec.Snapshot[i].page()
			b.shareLocked(page)
			b.leaves[page.Leaf] = page
		}
	}
}

// shareLocked gives equal schemas of a page that was read the same memory.
func (b *book) shareLocked(page *leafPage) {
	for _, t := range page.Tables {
		t.Schema = b.pool.Share(t.Schema)
	}
}

// page is the leafPage that was saved.
func (p *savedPage) page() *leafPage {
	page := p.leafPage
	if page.Tables == nil {
		page.Tables = make(map[string]*tablePage)
	}
	if page.Lost == nil {
		page.Lost = make(map[string][]storage.TimeCount)
	}
	for name, t := range page.Tables {
		t.promise.take(p.Promises[name])
	}
	return &page
}

func (b *book) save() *bookRecord {
	b.mu.Lock()
	defer b.mu.Unlock()
	rec := &bookRecord{Snapshot: []savedPage{}, Banned: slices.Sorted(maps.Keys(b.banned))}
	for _, page := range b.leaves {
		s := savedPage{leafPage: *page, Promises: make(map[string][]storage.TimeCount)}
		s.Lost = make(map[string][]storage.TimeCount, len(page.Lost)) // the page's own goes on changing
		for name, list := range page.Lost {
			s.Lost[name] = slices.Clone(list)
		}
		s.Tables = make(map[string]*tablePage, len(page.Tables))
		for name, t := range page.Tables {
			s.Promises[name] = histogram(t.promise.buckets())
			copied := *t
			copied.promise = promise{}
			s.Tables[name] = &copied
		}
		rec.Snapshot = append(rec.Snapshot, s)
	}
	return rec
}

// appendBookRecord appends the record of a body, which is written by fill.
func appendBookRecord(dst []byte, fill func(dst []byte) []byte) []byte {
	start := len(dst)
	dst = fill(append(dst, make([]byte, bookRecordHead)...))
	body := dst[start+bookRecordHead:]
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(body)))
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(body, castagnoli))
	return dst
}

// write appends a record. It is in the kernel when write returns.
func (f *bookFile) write(b *book, rec *bookRecord) error {
	if f.path == "" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil { // a disk that was full may have room again
		return f.rewriteLocked(b)
	}
	n, err := f.file.Write(appendBookRecord(nil, func(dst []byte) []byte { return appendBookBody(dst, rec) }))
	f.size += int64(n)
	f.dirty = true
	if err != nil {
		f.failed = fmt.Errorf("cannot write the promises of the leaves to %q: %w", f.path, err)
		return f.failed
	}
	return nil
}

// mend writes the book anew if a record could not be written: the book has it, and
// what is confirmed next may stand on it.
func (f *bookFile) mend(b *book) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		return nil
	}
	return f.rewriteLocked(b)
}

// sync brings what was written to the disk. Records may be written meanwhile.
func (f *bookFile) sync() error {
	f.mu.Lock()
	file, dirty := f.file, f.dirty
	f.dirty = false
	f.mu.Unlock()
	if file == nil || !dirty {
		return nil
	}
	err := file.Sync()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.file == file { // else a rewrite has replaced and synced it
		f.failed = fmt.Errorf("cannot sync the promises of the leaves to %q: %w", f.path, err)
	}
	return f.failed
}

func (f *bookFile) close() error {
	err := f.sync()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
	return err
}
