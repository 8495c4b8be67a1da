package aggregator

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
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
//	│ length 4 │ CRC-32C 4│ JSON: length  │   little-endian; length and CRC of the JSON
//	└──────────┴──────────┴───────────────┘
//
// each a bookRecord: first a snapshot of the book, then every Update applied
// since. A record is written before the Update is confirmed to the leaf, so
// kill -9 loses no promise; the file is synced twice a second. A torn or
// damaged record ends the reading: what stands before it holds.

// bookRecord is one record of the journal; exactly one field is set.
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

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const bookRecordBytesMax = 1 << 30

// openBook reads the journal of a directory into a book and starts a fresh
// one. dir "" keeps the book in memory only.
func openBook(dir string) (*book, *bookFile, error) {
	b := newBook()
	if dir == "" {
		return b, &bookFile{}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("cannot make the aggregator's directory: %w", err)
	}
	path := filepath.Join(dir, "promises.journal")
	if err := b.read(path); err != nil {
		return nil, nil, err
	}
	f := &bookFile{path: path}
	if err := f.rewrite(b); err != nil {
		return nil, nil, err
	}
	return b, f, nil
}

func (b *book) read(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read the promises of the leaves: %w", err)
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 1<<20)
	for {
		rec, err := readBookRecord(r)
		if err != nil {
			return nil // the torn end of the journal
		}
		b.replay(rec)
	}
}

func readBookRecord(r io.Reader) (*bookRecord, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(head[:4])
	if length > bookRecordBytesMax {
		return nil, errors.New("record too long")
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(length)))
	if err != nil {
		return nil, err
	}
	if len(body) != int(length) || crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, errors.New("record damaged")
	}
	rec := new(bookRecord)
	return rec, json.Unmarshal(body, rec)
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
			b.leaves[page.Leaf] = page
		}
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
		t.Buckets = make(map[bucket]uint64, len(p.Promises[name]))
		for _, c := range p.Promises[name] {
			t.Buckets[bucket{c.From, c.Width}] = c.Rows
		}
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
			copied := *t
			s.Tables[name] = &copied
			s.Promises[name] = histogram(t.Buckets)
		}
		rec.Snapshot = append(rec.Snapshot, s)
	}
	return rec
}

func appendBookRecord(dst []byte, rec *bookRecord) []byte {
	body, err := json.Marshal(rec)
	if err != nil {
		panic(fmt.Sprintf("BUG: a promise is not JSON: %v", err))
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(body)))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(body, castagnoli))
	return append(dst, body...)
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
	n, err := f.file.Write(appendBookRecord(nil, rec))
	f.size += int64(n)
	f.dirty = true
	if err != nil {
		f.failed = fmt.Errorf("cannot write the promises of the leaves to %q: %w", f.path, err)
		return f.failed
	}
	if f.size > max(bookRewriteBytes, 4*f.snapshot) {
		return f.rewriteLocked(b)
	}
	return nil
}

func (f *bookFile) rewrite(b *book) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rewriteLocked(b)
}

// rewriteLocked replaces the journal by a snapshot of the book.
func (f *bookFile) rewriteLocked(b *book) error {
	bytes := appendBookRecord(nil, b.save())
	next, err := os.OpenFile(f.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot write the promises of the leaves: %w", err)
	}
	_, err = next.Write(bytes)
	if err == nil {
		err = next.Sync()
	}
	if err == nil {
		err = os.Rename(next.Name(), f.path)
	}
	if err != nil {
		next.Close()
		return fmt.Errorf("cannot write the promises of the leaves: %w", err)
	}
	if f.file != nil {
		f.file.Close()
	}
	f.file, f.size, f.snapshot, f.dirty, f.failed = next, int64(len(bytes)), int64(len(bytes)), false, nil
	return nil
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
