package storage

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// A powerTrace notes all that a store does to its data directory, and what the
// test says beside it, so that images of what a power loss leaves can be made for
// any moment after the fact.
type powerTrace struct {
	osFiles
	dir string

	mu        sync.Mutex
	ops       []powerOp
	inodes    map[*os.File]int
	next      int
	names     map[string]int // as of now
	failEvery int            // one sync in so many fails; 0: none
	rng       *rand.Rand
	before    map[string][]byte // the files that were there at the start
}

type powerKind int

const (
	powerCreate powerKind = iota
	powerWrite
	powerSync
	powerSyncFail
	powerRename
	powerRemove
	powerSyncDir
)

// powerOp is one thing that was done. Names are those in the directory.
type powerOp struct {
	kind     powerKind
	name, to string
	inode    int
	at       int64
	data     []byte
}

// newPowerTrace hooks a trace into a configuration.
func newPowerTrace(t *testing.T, cfg *Config, seed uint64, failEvery int) *powerTrace {
	p := &powerTrace{
		dir: cfg.DataDir, inodes: map[*os.File]int{}, names: map[string]int{}, failEvery: failEvery,
		rng: rand.New(rand.NewPCG(seed, 9)), before: readDir(t, cfg.DataDir),
	}
	for _, name := range slices.Sorted(maps.Keys(p.before)) {
		p.next++
		p.names[name] = p.next
	}
	cfg.files, cfg.syncFile = p, p.sync
	return p
}

func readDir(t *testing.T, dir string) map[string][]byte {
	files := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// now is the number of things done so far.
func (p *powerTrace) now() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.ops)
}

func (p *powerTrace) note(op powerOp) { p.ops = append(p.ops, op) }

func (p *powerTrace) create(path string) (*os.File, error) {
	f, err := p.osFiles.create(path)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	p.inodes[f], p.names[filepath.Base(path)] = p.next, p.next
	p.note(powerOp{kind: powerCreate, name: filepath.Base(path), inode: p.next})
	return f, nil
}

func (p *powerTrace) write(f *os.File, data []byte, at int64) error {
	p.mu.Lock()
	p.note(powerOp{kind: powerWrite, inode: p.inodes[f], at: at, data: bytes.Clone(data)})
	p.mu.Unlock()
	return p.osFiles.write(f, data, at)
}

func (p *powerTrace) sync(f *os.File) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failEvery > 0 && p.rng.IntN(p.failEvery) == 0 {
		p.note(powerOp{kind: powerSyncFail, inode: p.inodes[f]})
		return errors.New("injected")
	}
	p.note(powerOp{kind: powerSync, inode: p.inodes[f]})
	return nil
}

func (p *powerTrace) rename(from, to string) error {
	p.mu.Lock()
	from, to = filepath.Base(from), filepath.Base(to)
	p.note(powerOp{kind: powerRename, name: from, to: to, inode: p.names[from]})
	p.names[to] = p.names[from]
	delete(p.names, from)
	p.mu.Unlock()
	return p.osFiles.rename(filepath.Join(p.dir, from), filepath.Join(p.dir, to))
}

func (p *powerTrace) remove(path string) error {
	p.mu.Lock()
	name := filepath.Base(path)
	if p.names[name] != 0 {
		p.note(powerOp{kind: powerRemove, name: name})
		delete(p.names, name)
	}
	p.mu.Unlock()
	return p.osFiles.remove(path)
}

func (p *powerTrace) syncDir(string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(powerOp{kind: powerSyncDir})
	return nil
}

// powerFile is what is known of a file at the moment of a power loss.
type powerFile struct {
	durable []byte
	pending []powerOp // writes since the last sync, which may be there or not
	lost    []powerOp // writes whose sync failed: no later sync brings them
}

// image writes to a directory what a power loss after the first cut operations
// can leave: what was synced, and of the rest any pages of any write, and any
// changes of names.
func (p *powerTrace) image(t *testing.T, cut int, rng *rand.Rand, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	files := map[int]*powerFile{}
	names := map[string]int{}
	for i, name := range slices.Sorted(maps.Keys(p.before)) {
		files[i+1] = &powerFile{durable: p.before[name]}
		names[name] = i + 1
	}
	var naming []powerOp
	for _, op := range p.ops[:cut] {
		switch op.kind {
		case powerCreate:
			files[op.inode] = &powerFile{}
			naming = append(naming, op)
		case powerRename, powerRemove:
			naming = append(naming, op)
		case powerWrite:
			files[op.inode].pending = append(files[op.inode].pending, op)
		case powerSync:
			f := files[op.inode]
			for _, w := range f.pending {
				f.durable = overlay(f.durable, w.data, w.at)
			}
			f.pending = nil
		case powerSyncFail:
			f := files[op.inode]
			f.lost, f.pending = append(f.lost, f.pending...), nil
		case powerSyncDir:
			for _, n := range naming {
				rename(names, n)
			}
			naming = nil
		}
	}
	keep := []float64{0, 0.5, 0.9, 1}[rng.IntN(4)]
	page := []int64{512, 4096}[rng.IntN(2)]
	for _, n := range naming {
		if rng.Float64() < keep {
			rename(names, n)
		}
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, inode := range names {
		if err := os.WriteFile(filepath.Join(to, name), files[inode].torn(rng, keep, page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	super, err := os.ReadFile(filepath.Join(p.dir, superName)) // written at the start, and synced
	if err == nil {
		err = os.WriteFile(filepath.Join(to, superName), super, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func rename(names map[string]int, op powerOp) {
	switch op.kind {
	case powerCreate:
		names[op.name] = op.inode
	case powerRename:
		names[op.to] = op.inode
		delete(names, op.name)
	case powerRemove:
		delete(names, op.name)
	}
}

// torn returns what may be there of a file: of the writes that were not synced
// each page with the given probability. The length may be that of all writes.
func (f *powerFile) torn(rng *rand.Rand, keep float64, page int64) []byte {
	data := bytes.Clone(f.durable)
	for _, w := range slices.Concat(f.lost, f.pending) {
		for at := w.at; at < w.at+int64(len(w.data)); {
			end := min((at/page+1)*page, w.at+int64(len(w.data)))
			if rng.Float64() < keep {
				data = overlay(data, w.data[at-w.at:end-w.at], at)
			}
			at = end
		}
		if end := w.at + int64(len(w.data)); rng.IntN(4) == 0 && end > int64(len(data)) {
			data = append(data, make([]byte, end-int64(len(data)))...)
		}
	}
	return data
}

// overlay writes data over dst, which grows as a file does.
func overlay(dst, data []byte, at int64) []byte {
	if end := at + int64(len(data)); end > int64(len(dst)) {
		dst = append(dst, make([]byte, end-int64(len(dst)))...)
	}
	copy(dst[at:], data)
	return dst
}
