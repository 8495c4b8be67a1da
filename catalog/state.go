package catalog

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/raft"
)

// state is all entries: what Raft calls its state machine. Raft calls Apply,
// Snapshot and Restore one at a time; anyone reads meanwhile.
type state struct {
	mu      sync.RWMutex
	kinds   map[Kind]map[string]Entry
	bytes   int64         // of all entries: see sizeOf
	applied uint64        // index of the last command in Raft's log
	stuck   error         // a command could not be read: nothing is applied any more
	changed chan struct{} // closed when a command has been applied, and made anew
}

var _ raft.FSM = (*state)(nil)

func newState() *state {
	return &state{kinds: make(map[Kind]map[string]Entry), changed: make(chan struct{})}
}

// stuckError says that this node cannot follow what the others agreed on.
type stuckError struct {
	index uint64
	err   error
}

func (e *stuckError) Error() string {
	return fmt.Sprintf("change %d of the catalog cannot be read here: %v", e.index, e.err)
}

func (e *stuckError) Unwrap() error { return e.err }

// Apply makes a committed command's changes. It returns an error or nil.
func (s *state) Apply(log *raft.Log) any {
	cmd, err := decodeCommand(bytes.Clone(log.Data)) // entries keep parts of it
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stuck != nil {
		return s.stuck
	}
	if log.Index <= s.applied { // at the start: replay came first
		return nil
	}
	if err != nil {
		s.stuck = &stuckError{log.Index, err}
		s.tellLocked()
		return s.stuck
	}
	defer s.tellLocked()
	s.applied = log.Index
	if err := s.checkLocked(cmd.changes); err != nil {
		return err
	}
	for i := range cmd.changes {
		s.makeLocked(&cmd.changes[i], log.Index, cmd.at)
	}
	return nil
}

// checkLocked tells whether every entry is what its change was made for.
func (s *state) checkLocked(changes []Change) error {
	for i := range changes {
		ch := &changes[i]
		if ch.Expect == ExpectAny {
			continue
		}
		if has := s.kinds[ch.Kind][ch.ID].Version; has != uint64(ch.Expect) {
			return &Conflict{ch.Kind, ch.ID, has}
		}
	}
	return nil
}

func (s *state) makeLocked(ch *Change, version uint64, at int64) {
	entries := s.kinds[ch.Kind]
	if old, ok := entries[ch.ID]; ok {
		s.bytes -= sizeOf(ch.Kind, ch.ID, old.Value)
	}
	if ch.Delete {
		delete(entries, ch.ID)
		return
	}
	if entries == nil {
		entries = make(map[string]Entry)
		s.kinds[ch.Kind] = entries
	}
	entries[ch.ID] = Entry{ch.Kind, ch.ID, version, at, ch.Value}
	s.bytes += sizeOf(ch.Kind, ch.ID, ch.Value)
}

// sizeOf is the most that an entry takes in a snapshot.
func sizeOf(kind Kind, id string, value []byte) int64 {
	return int64(len(kind) + len(id) + len(value) + changeOverhead)
}

func (s *state) tellLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// room refuses changes that would make the state too big, as far as this node
// knows it.
func (s *state) room(changes []Change) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	size, more := s.bytes, make(map[Kind]int)
	for i := range changes {
		if ch := &changes[i]; !ch.Delete {
			size += sizeOf(ch.Kind, ch.ID, ch.Value)
			if _, ok := s.kinds[ch.Kind][ch.ID]; !ok {
				more[ch.Kind]++
			}
		}
	}
	if size > stateBytesMax {
		return &Refused{fmt.Sprintf("the catalog would take more than %d bytes: delete what is not needed", stateBytesMax)}
	}
	for kind, n := range more {
		if len(s.kinds[kind])+n > entriesMax {
			return &Refused{fmt.Sprintf("there are %d entries of kind %s; at most %d: delete what is not needed", len(s.kinds[kind]), kind, entriesMax)}
		}
	}
	return nil
}

func (s *state) get(kind Kind, id string) (Entry, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.kinds[kind][id]
	return e, ok
}

// list returns a kind's entries by id.
func (s *state) list(kind Kind) []Entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]Entry, 0, len(s.kinds[kind]))
	for _, e := range s.kinds[kind] {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// allLocked lists every entry, by kind and id.
func (s *state) allLocked() []Entry {
	var list []Entry
	for _, entries := range s.kinds {
		for _, e := range entries {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b Entry) int {
		return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.ID, b.ID))
	})
	return list
}

// Snapshot takes the state as it is. There is none of a state that is stuck: it
// would claim to hold what could not be read.
func (s *state) Snapshot() (raft.FSMSnapshot, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.stuck != nil {
		return nil, s.stuck
	}
	return &snapshot{appendSnapshot(nil, s.applied, s.allLocked())}, nil
}

// Restore replaces the state by a snapshot.
func (s *state) Restore(src io.ReadCloser) error {
	defer src.Close()
	text, err := io.ReadAll(src)
	if err != nil {
		return err
	}
	applied, entries, err := decodeSnapshot(text)
	if err != nil {
		return fmt.Errorf("cannot read a snapshot of the catalog: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds, s.bytes, s.applied, s.stuck = make(map[Kind]map[string]Entry), 0, applied, nil
	for _, e := range entries {
		s.makeLocked(&Change{Kind: e.Kind, ID: e.ID, Value: e.Value}, e.Version, e.Changed)
	}
	s.tellLocked()
	return nil
}

// reached waits until the command of an index has been applied, or cannot be.
func (s *state) reached(ctx context.Context, index uint64) error {
	for {
		s.mu.RLock()
		applied, stuck, changed := s.applied, s.stuck, s.changed
		s.mu.RUnlock()
		if applied >= index || stuck != nil {
			return stuck
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// trouble is why nothing is applied any more; nil: it is.
func (s *state) trouble() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.stuck
}
