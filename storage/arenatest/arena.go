package arenatest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The directories of an arena.
const (
	MemoryDir = "mem"
	DataDir   = "data"

	truthName = "truth.json"
)

// BootID is what the memory directory of an arena believes that the system was
// started with.
const BootID = "boot-1"

// Now is when the arenas were written: leaf, epoch and receipts follow this clock.
func Now() time.Time { return time.Unix(1_790_000_000, 0).UTC() }

// Truth is what an arena holds, in words that no layout changes. A row is its
// values by column, each with its type before it; nulls are left out.
type Truth struct {
	Layout  uint16                         `json:"layout"`
	Files   map[string]int64               `json:"files"` // bytes; the zeros at their ends are left out in testdata
	Tables  map[string][]map[string]string `json:"tables"`
	Dropped map[string][]map[string]string `json:"dropped"` // rows that earlier edits added and later ones took
	Keys    []Key                          `json:"keys"`
	Kept    map[string]int64               `json:"retention_bytes"`
}

// Key is a chunk whose receipt the arena remembers.
type Key struct {
	Table    string `json:"table"`
	Key      string `json:"key"`
	Chunk    uint32 `json:"chunk"`
	Digest   uint64 `json:"digest"`
	Seq      uint64 `json:"seq"`
	Accepted uint32 `json:"accepted"`
	Rejected uint32 `json:"rejected"`
	Error    string `json:"error"`
}

// Arena is the files of one, without the zeros at their ends.
type Arena struct {
	Truth Truth
	Files map[string][]byte // by path below the directory of Lay
}

func path(testdata string, layout uint16) string {
	return filepath.Join(testdata, "arena", fmt.Sprint("layout-", layout))
}

// Load reads the arena of a layout; testdata is the path of storage/testdata.
func Load(testdata string, layout uint16) (*Arena, error) {
	dir := path(testdata, layout)
	src, err := os.ReadFile(filepath.Join(dir, truthName))
	if err != nil {
		return nil, fmt.Errorf("%w (go test ./storage -run ArenaIsWrittenSo -rewrite writes that of today's layout)", err)
	}
	a := &Arena{Files: map[string][]byte{}}
	if err := json.Unmarshal(src, &a.Truth); err != nil {
		return nil, fmt.Errorf("cannot read %s of %s: %w", truthName, dir, err)
	}
	for name := range a.Truth.Files {
		if a.Files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Names returns the files in order.
func (a *Arena) Names() []string { return slices.Sorted(maps.Keys(a.Files)) }

// Bytes is how many bytes of the files are not zeros at their ends.
func (a *Arena) Bytes() (n int) {
	for _, src := range a.Files {
		n += len(src)
	}
	return n
}

// Lay writes the files below a directory, at their lengths, and removes what lies
// there of them and is not of the arena.
func (a *Arena) Lay(dir string) error { return a.LayOnly(dir, MemoryDir, DataDir) }

// LayOnly is Lay of some of the arena's directories. Of the others nothing stays.
func (a *Arena) LayOnly(dir string, subs ...string) error {
	for _, sub := range []string{MemoryDir, DataDir} {
		if err := os.RemoveAll(filepath.Join(dir, sub)); err != nil {
			return err
		}
	}
	for _, sub := range subs {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	for name, src := range a.Files {
		if !slices.Contains(subs, filepath.Dir(name)) {
			continue
		}
		if err := writeFile(filepath.Join(dir, name), src, a.Truth.Files[name]); err != nil {
			return err
		}
	}
	return nil
}

// writeFile makes a file that begins with src and is zeros up to its length.
func writeFile(path string, src []byte, length int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(src)
	return errors.Join(err, f.Truncate(length), f.Close())
}

// Take reads the files of the two directories below dir, and their lengths into
// the truth.
func Take(dir string, truth Truth) (*Arena, error) {
	a := &Arena{Truth: truth, Files: map[string][]byte{}}
	a.Truth.Files = map[string]int64{}
	for _, sub := range []string{MemoryDir, DataDir} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			name := filepath.Join(sub, e.Name())
			src, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return nil, err
			}
			a.Files[name], a.Truth.Files[name] = bytes.TrimRight(src, "\x00"), int64(len(src))
		}
	}
	return a, nil
}

// Save puts the arena into testdata, in place of the one of its layout.
func (a *Arena) Save(testdata string) error {
	dir := path(testdata, a.Truth.Layout)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for name, src := range a.Files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, src, 0o644); err != nil {
			return err
		}
	}
	truth, err := json.MarshalIndent(&a.Truth, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, truthName), append(truth, '\n'), 0o644)
}
