package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

var (
	keyMeta  = []byte("meta")
	keyState = []byte("state")
)

// readMeta reads what is known of the snapshot; nil: there is none.
func readMeta(tx *bbolt.Tx) (*raft.SnapshotMeta, error) {
	src := tx.Bucket(bucketSnapshot).Get(keyMeta)
	if src == nil {
		return nil, nil
	}
	text, err := withoutSum(src)
	if err != nil {
		return nil, fmt.Errorf("the snapshot: %w", err)
	}
	meta := new(raft.SnapshotMeta)
	if err := json.Unmarshal(text, meta); err != nil {
		return nil, fmt.Errorf("the snapshot: %w", err)
	}
	return meta, nil
}

// Create begins a snapshot, which replaces the one before when it is closed.
func (s *store) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	if version != 1 {
		return nil, fmt.Errorf("snapshots of version %d are not known", version)
	}
	return &sink{store: s, meta: raft.SnapshotMeta{
		Version: version, ID: fmt.Sprintf("%d-%d", term, index), Index: index, Term: term,
		Configuration: configuration, ConfigurationIndex: configurationIndex,
	}}, nil
}

// List names the snapshot, if there is one.
func (s *store) List() (list []*raft.SnapshotMeta, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		meta, err := readMeta(tx)
		if meta != nil {
			list = append(list, meta)
		}
		return err
	})
	return list, err
}

// Open reads the snapshot.
func (s *store) Open(id string) (meta *raft.SnapshotMeta, body io.ReadCloser, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		if meta, err = readMeta(tx); err != nil {
			return err
		}
		if meta == nil || meta.ID != id {
			return fmt.Errorf("snapshot %s is not there any more", id)
		}
		text, err := withoutSum(tx.Bucket(bucketSnapshot).Get(keyState))
		body = io.NopCloser(bytes.NewReader(bytes.Clone(text)))
		return err
	})
	return meta, body, err
}

// sink gathers a snapshot. It is written in one piece: a state is small.
type sink struct {
	store *store
	meta  raft.SnapshotMeta
	text  []byte
	done  bool
}

func (k *sink) ID() string { return k.meta.ID }

func (k *sink) Write(p []byte) (int, error) {
	if len(k.text)+len(p) > snapshotBytesMax {
		return 0, fmt.Errorf("a snapshot takes more than %d bytes", snapshotBytesMax)
	}
	k.text = append(k.text, p...)
	return len(p), nil
}

func (k *sink) Cancel() error {
	k.done, k.text = true, nil
	return nil
}

func (k *sink) Close() error {
	if k.done {
		return nil
	}
	k.done = true
	k.meta.Size = int64(len(k.text))
	meta, err := json.Marshal(&k.meta)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	err = k.store.db.Update(func(tx *bbolt.Tx) error {
		if err := k.dropOther(tx.Bucket(bucketLog)); err != nil {
			return err
		}
		b := tx.Bucket(bucketSnapshot)
		if err := b.Put(keyMeta, appendSum(meta, 0)); err != nil {
			return err
		}
		return b.Put(keyState, appendSum(k.text, 0))
	})
	if err != nil {
		return fmt.Errorf("cannot write a snapshot of the catalog: %w", err)
	}
	return nil
}

// dropOther drops the entries that a snapshot of the leader's replaces: those that
// do not lead up to it. Raft keeps them, may hand them on as the leader, and some
// may never have been committed. A snapshot of this node's own has its entry here.
func (k *sink) dropOther(log *bbolt.Bucket) error {
	key := indexKey(k.meta.Index)
	if v := log.Get(key); v != nil {
		var l raft.Log
		if err := decodeLog(key, v, &l); err != nil {
			return err
		}
		if l.Term == k.meta.Term {
			return nil
		}
	}
	c := log.Cursor()
	for at, _ := c.First(); at != nil && bytes.Compare(at, key) <= 0; at, _ = c.First() {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}
