package catalog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// store is the file catalog.db: Raft's log, what it must not forget of its votes,
// and the last snapshot. Every write is on disk when it returns.
//
//	bucket log       index, 8 bytes big-endian -> log entry
//	bucket stable    name -> bytes, or 8 bytes big-endian; "commit": see below
//	bucket snapshot  "meta" -> JSON, "state" -> bytes, each with its CRC-32C
//
//	log entry   version 1, type 1, term uvarint, appended varint (ns), text data,
//	            text extensions, CRC-32C of all before it
//
// "commit" is an index up to which the log is committed, for certain; "catalog" the
// catalog's id: see foreign.go.
type store struct {
	db  *bbolt.DB
	log *slog.Logger
	// committed says how far the log is known to be committed; nil: all of it is,
	// for there is no other voter.
	committed func() uint64

	ctx context.Context // when it ends, nobody waits for the disk any more

	mu     sync.Mutex
	stable map[string][]byte // what the bucket holds
}

var (
	_ raft.LogStore      = (*store)(nil)
	_ raft.StableStore   = (*store)(nil)
	_ raft.SnapshotStore = (*store)(nil)

	bucketLog      = []byte("log")
	bucketStable   = []byte("stable")
	bucketSnapshot = []byte("snapshot")
	keyCommit      = []byte("commit")
	keyCatalog     = []byte("catalog")
	keyTerm        = []byte("CurrentTerm") // as Raft calls it
)

// storeFile is the catalog's only file in its directory.
const storeFile = "catalog.db"

// storeExists tells whether a directory holds a catalog.
func storeExists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, storeFile))
	return !errors.Is(err, fs.ErrNotExist)
}

// openStore opens or makes the file in a directory, and reads all of it once:
// later reads meet nothing new.
func openStore(ctx context.Context, dir string, committed func() uint64, log *slog.Logger) (s *store, err error) {
	path := filepath.Join(dir, storeFile)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the catalog's directory: %w", err)
	}
	s = &store{log: log, committed: committed, ctx: ctx, stable: make(map[string][]byte)}
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot use %s: %w", path, err)
		}
	}()
	err = guarded(func() (err error) {
		s.db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType})
		return err
	})
	if errors.Is(err, bbolterrors.ErrTimeout) {
		return nil, errors.New("another process has it open")
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.makeBuckets(), guarded(s.readAll)); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// guarded runs a reading of a file that may be damaged: the library maps it, and
// believes what it finds.
func guarded(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the file is damaged: %v", cause)
		}
	}()
	return read()
}

func (s *store) makeBuckets() error {
	missing := false
	err := guarded(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			missing = tx.Bucket(bucketLog) == nil || tx.Bucket(bucketStable) == nil || tx.Bucket(bucketSnapshot) == nil
			return nil
		})
	})
	if err != nil || !missing {
		return err
	}
	return s.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketLog, bucketStable, bucketSnapshot} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
}

// readAll checks every entry, and takes what is stable into memory. A snapshot of
// the leader's may have come where entries were missing: only those behind it need
// to be without a gap.
func (s *store) readAll() error {
	return s.db.View(func(tx *bbolt.Tx) error {
		meta, err := readMeta(tx)
		if err != nil {
			return err
		}
		last := uint64(0)
		if meta != nil {
			last = meta.Index
			if _, err := withoutSum(tx.Bucket(bucketSnapshot).Get(keyState)); err != nil {
				return fmt.Errorf("the snapshot: %w", err)
			}
		}
		err = tx.Bucket(bucketLog).ForEach(func(k, v []byte) error {
			var l raft.Log
			if err := decodeLog(k, v, &l); err != nil {
				return err
			}
			if l.Index > last+1 {
				return fmt.Errorf("entry %d of the log is followed by %d", last, l.Index)
			}
			last = max(last, l.Index)
			return nil
		})
		if err != nil {
			return err
		}
		return tx.Bucket(bucketStable).ForEach(func(k, v []byte) error {
			s.stable[string(k)] = bytes.Clone(v)
			return nil
		})
	})
}

// holds tells whether there is an entry or a snapshot. It was read before.
func (s *store) holds() bool {
	last, err := s.LastIndex()
	list, err2 := s.List()
	return err != nil || err2 != nil || last > 0 || len(list) > 0
}

// close closes the file. Nothing may use the store any more.
func (s *store) close() error { return s.db.Close() }

// replay gives a state the last snapshot and what is known to be committed since.
// Raft would do so too, but only once there is a leader; an entry that it applies
// again changes nothing. (It has a way to apply such entries at once, which forgets
// the voters that stand in them.)
//
// Of a node that is the only voter, all of the log is committed.
func (s *store) replay(to *state, self raft.ServerID) error {
	last, err := s.LastIndex()
	if err != nil {
		return err
	}
	if s.committed != nil {
		sole, err := s.soleVoter()
		if err != nil {
			return err
		}
		known, err := s.GetUint64(keyCommit)
		if err != nil {
			return err
		}
		if sole != self {
			last = min(last, known)
		}
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		meta, err := readMeta(tx)
		if err != nil {
			return err
		}
		next := uint64(1)
		if meta != nil {
			text, err := withoutSum(tx.Bucket(bucketSnapshot).Get(keyState))
			if err != nil {
				return err
			}
			if err := to.Restore(io.NopCloser(bytes.NewReader(bytes.Clone(text)))); err != nil {
				return err
			}
			next = meta.Index + 1
		}
		c := tx.Bucket(bucketLog).Cursor()
		for k, v := c.Seek(indexKey(next)); k != nil; k, v = c.Next() {
			var l raft.Log
			if err := decodeLog(k, v, &l); err != nil {
				return err
			}
			if l.Index > last {
				break
			}
			if l.Type == raft.LogCommand {
				to.Apply(&l)
			}
		}
		return nil
	})
}

// soleVoter is the only one that the newest configuration has; "": there are more,
// or none. That it is the newest one here is enough: it was made from one of at most
// two voters, so no other can be made without this node.
func (s *store) soleVoter() (id raft.ServerID, err error) {
	var newest raft.Configuration
	err = s.db.View(func(tx *bbolt.Tx) error {
		meta, err := readMeta(tx)
		if err != nil {
			return err
		}
		if meta != nil {
			newest = meta.Configuration
		}
		return tx.Bucket(bucketLog).ForEach(func(k, v []byte) error {
			var l raft.Log
			if err := decodeLog(k, v, &l); err != nil {
				return err
			}
			if l.Type == raft.LogConfiguration && (meta == nil || l.Index > meta.ConfigurationIndex) {
				newest = raft.DecodeConfiguration(l.Data)
			}
			return nil
		})
	})
	voters := 0
	for _, server := range newest.Servers {
		if server.Suffrage == raft.Voter {
			voters, id = voters+1, server.ID
		}
	}
	if voters != 1 {
		id = ""
	}
	return id, err
}

func indexKey(index uint64) []byte { return binary.BigEndian.AppendUint64(nil, index) }

func appendLog(dst []byte, l *raft.Log) []byte {
	from := len(dst)
	dst = binary.AppendUvarint(append(dst, commandVersion, byte(l.Type)), l.Term)
	dst = binary.AppendVarint(dst, l.AppendedAt.UnixNano())
	dst = appendText(appendText(dst, l.Data), l.Extensions)
	return appendSum(dst, from)
}

// decodeLog reads an entry; the log shares no memory with src.
func decodeLog(key, src []byte, l *raft.Log) error {
	if len(key) != 8 {
		return fmt.Errorf("the log has a key of %d bytes", len(key))
	}
	index := binary.BigEndian.Uint64(key)
	body, err := withoutSum(src)
	if err != nil {
		return fmt.Errorf("entry %d of the log: %w", index, err)
	}
	r := &reader{src: body}
	if v := r.byte(); r.err == nil && v != commandVersion {
		return fmt.Errorf("entry %d of the log: %w", index, &newerError{v})
	}
	l.Index, l.Type = index, raft.LogType(r.byte())
	l.Term = r.uvarint()
	l.AppendedAt = time.Unix(0, r.varint())
	l.Data, l.Extensions = bytes.Clone(r.text()), bytes.Clone(r.text())
	if err := r.end(); err != nil {
		return fmt.Errorf("entry %d of the log: %w", index, err)
	}
	return nil
}

// FirstIndex is that of the oldest entry; 0: there is none.
func (s *store) FirstIndex() (uint64, error) {
	return s.edge(func(c *bbolt.Cursor) []byte { k, _ := c.First(); return k })
}

// LastIndex is that of the newest entry; 0: there is none.
func (s *store) LastIndex() (uint64, error) {
	return s.edge(func(c *bbolt.Cursor) []byte { k, _ := c.Last(); return k })
}

func (s *store) edge(find func(*bbolt.Cursor) []byte) (index uint64, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		if k := find(tx.Bucket(bucketLog).Cursor()); k != nil {
			index = binary.BigEndian.Uint64(k)
		}
		return nil
	})
	return index, err
}

// GetLog reads one entry.
func (s *store) GetLog(index uint64, l *raft.Log) error {
	key := indexKey(index)
	return s.db.View(func(tx *bbolt.Tx) error {
		v := tx.Bucket(bucketLog).Get(key)
		if v == nil {
			return raft.ErrLogNotFound
		}
		return decodeLog(key, v, l)
	})
}

// StoreLog writes one entry.
func (s *store) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs writes entries, and how far those before are committed.
func (s *store) StoreLogs(logs []*raft.Log) error {
	committed := uint64(0)
	if s.committed != nil {
		committed = s.committed()
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketLog)
		for _, l := range logs {
			if err := b.Put(indexKey(l.Index), appendLog(nil, l)); err != nil {
				return err
			}
		}
		if committed == 0 {
			return nil
		}
		return tx.Bucket(bucketStable).Put(keyCommit, indexKey(committed))
	})
	if err == nil {
		return nil
	}
	s.log.Error("the catalog cannot be written", "file", s.db.Path(), "error", err)
	return fmt.Errorf("cannot write %s: %w", s.db.Path(), err)
}

// DeleteRange drops entries from min to max, both inclusive.
func (s *store) DeleteRange(min, max uint64) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketLog).Cursor()
		for k, _ := c.Seek(indexKey(min)); k != nil && binary.BigEndian.Uint64(k) <= max; k, _ = c.Next() {
			if err := c.Delete(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Set writes what Raft must not forget. Raft panics where that fails, and waits
// where it does not return: so this returns when it is written, or at the end.
func (s *store) Set(key, value []byte) error {
	if has, _ := s.Get(key); bytes.Equal(has, value) && has != nil {
		return nil // each start says what it has read
	}
	for told := false; ; told = true {
		err := s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketStable).Put(key, value) })
		if err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.stable[string(key)] = bytes.Clone(value)
			return nil
		}
		if !told {
			s.log.Error("the catalog takes no changes until its file can be written", "file", s.db.Path(), "error", err)
		}
		select {
		case <-s.ctx.Done():
			return nil // see SetUint64
		case <-time.After(diskAgain):
		}
	}
}

// Get reads what Set wrote; nil: nothing.
func (s *store) Get(key []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stable[string(key)], nil
}

// SetUint64 is Set of a number. At the end of a process it may return without
// having written a term: then the vote of that term is not written either, and no
// entry is, so nobody has been told anything.
func (s *store) SetUint64(key []byte, v uint64) error { return s.Set(key, indexKey(v)) }

// GetUint64 reads what SetUint64 wrote; 0: nothing.
func (s *store) GetUint64(key []byte) (uint64, error) {
	v, err := s.Get(key)
	if err != nil || v == nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("%s in the catalog's file has %d bytes, not 8", key, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}
