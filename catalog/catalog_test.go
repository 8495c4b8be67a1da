package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openAt(t *testing.T, dir string) *Catalog {
	t.Helper()
	c := Open(Config{Dir: dir, Name: "a", Now: time.Now, Log: quiet()})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func closed(t *testing.T, c *Catalog) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, c *Catalog, kind Kind, id, value string, expect int64) uint64 {
	t.Helper()
	v, err := c.Propose(t.Context(), Change{Kind: kind, ID: id, Value: []byte(value), Expect: expect})
	if err != nil {
		t.Fatalf("%s %s: %v", kind, id, err)
	}
	return v
}

func valueOf(c *Catalog, kind Kind, id string) string {
	e, ok := c.Get(kind, id)
	if !ok {
		return "none"
	}
	return string(e.Value)
}

func TestChangesTogetherOrNone(t *testing.T) {
	c := openAt(t, "")
	first := put(t, c, KindTable, "t", `{"a":1}`, ExpectNone)
	if e, ok := c.Get(KindTable, "t"); !ok || e.Version != first || string(e.Value) != `{"a":1}` || e.Changed == 0 {
		t.Fatalf("%+v", e)
	}
	var conflict *Conflict
	_, err := c.Propose(t.Context(),
		Change{Kind: KindTable, ID: "u", Value: []byte("1")},
		Change{Kind: KindTable, ID: "t", Value: []byte("2"), Expect: int64(first) + 7})
	if !errors.As(err, &conflict) || conflict.ID != "t" || conflict.Version != first {
		t.Fatalf("a change for another version: %v", err)
	}
	if got := valueOf(c, KindTable, "u"); got != "none" {
		t.Errorf("the other change of a refused command was made: %s", got)
	}
	second := put(t, c, KindTable, "t", "2", int64(first))
	if second <= first {
		t.Errorf("version %d after %d", second, first)
	}
	put(t, c, KindSaved, "t", "3", ExpectNone) // another kind's t is another entry
	if _, err := c.Propose(t.Context(), Change{Kind: KindTable, ID: "t", Delete: true, Expect: int64(second)}); err != nil {
		t.Fatal(err)
	}
	if got := valueOf(c, KindTable, "t") + valueOf(c, KindSaved, "t"); got != "none3" {
		t.Errorf("after the deletion: %s", got)
	}
	if _, err := c.Propose(t.Context(), Change{Kind: KindTable, ID: "t", Delete: true, Expect: int64(second)}); !errors.As(err, &conflict) || conflict.Version != 0 {
		t.Errorf("what is not there was deleted: %v", err)
	}
}

func TestRefused(t *testing.T) {
	c := openAt(t, "")
	f := func(want string, ch Change) {
		t.Helper()
		var refused *Refused
		if _, err := c.Propose(t.Context(), ch); !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	f("an id", Change{Kind: KindSaved, Value: []byte("1")})
	f("an id", Change{Kind: KindSaved, ID: strings.Repeat("x", idBytesMax+1), Value: []byte("1")})
	f("an id", Change{Kind: KindSaved, ID: "\xff", Value: []byte("1")})
	f("not JSON", Change{Kind: KindSaved, ID: "x", Value: []byte("{")})
	f("at most", Change{Kind: KindSaved, ID: "x", Value: []byte(`"` + strings.Repeat("x", valueBytesMax) + `"`)})
	var many []Change
	for i := range entriesMax + 1 {
		many = append(many, Change{Kind: KindMarker, ID: fmt.Sprint(i), Value: []byte("1"), Expect: ExpectAny})
	}
	if err := c.state.room(many[:entriesMax]); err != nil {
		t.Errorf("as many as may be: %v", err)
	}
	if err := c.state.room(many); err == nil {
		t.Error("one more than may be was let in")
	}
	large := slices.Repeat([]Change{{Kind: KindBoard, ID: "b", Value: make([]byte, valueBytesMax)}}, stateBytesMax/valueBytesMax+1)
	if err := c.state.room(large); err == nil {
		t.Error("more bytes than may be were let in")
	}
}

// TestRestart: what was acknowledged is there when Open returns, without an
// election, with and without a snapshot; also what came after the snapshot.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	c := openAt(t, dir)
	put(t, c, KindTable, "t", "1", ExpectNone)
	put(t, c, KindTable, "gone", "1", ExpectNone)
	check := func(c *Catalog, want string) {
		t.Helper()
		if got := valueOf(c, KindTable, "t"); got != want {
			t.Fatalf("after a start: %s, not %s (%v)", got, want, c.Err())
		}
	}
	closed(t, c)
	c = openAt(t, dir)
	check(c, "1")
	put(t, c, KindTable, "t", "2", ExpectAny)
	if _, err := c.Propose(t.Context(), Change{Kind: KindTable, ID: "gone", Delete: true, Expect: ExpectAny}); err != nil {
		t.Fatal(err)
	}
	if err := c.running.Load().raft.Snapshot().Error(); err != nil {
		t.Fatal(err)
	}
	closed(t, c)
	c = openAt(t, dir)
	check(c, "2")
	version := put(t, c, KindTable, "t", "3", ExpectAny)
	closed(t, c)
	c = openAt(t, dir)
	check(c, "3")
	if e, _ := c.Get(KindTable, "t"); e.Version != version {
		t.Errorf("version %d, not %d", e.Version, version)
	}
	if got := valueOf(c, KindTable, "gone"); got != "none" {
		t.Errorf("what was deleted is back: %s", got)
	}
	if again := put(t, c, KindTable, "t", "4", int64(version)); again <= version {
		t.Errorf("version %d after %d", again, version)
	}
}

// TestLogIsCut: the log does not grow without end, and what was cut off is known
// all the same.
func TestLogIsCut(t *testing.T) {
	dir := t.TempDir()
	c := openAt(t, dir)
	for i := range 30 {
		put(t, c, KindTable, fmt.Sprint(i%7), fmt.Sprint(i), ExpectAny)
	}
	run := c.running.Load()
	if err := run.raft.ReloadConfig(raft.ReloadableConfig{TrailingLogs: 2, SnapshotInterval: time.Hour, SnapshotThreshold: 1,
		HeartbeatTimeout: soleTimeout, ElectionTimeout: soleTimeout}); err != nil {
		t.Fatal(err)
	}
	if err := run.raft.Snapshot().Error(); err != nil {
		t.Fatal(err)
	}
	first, _ := run.store.FirstIndex()
	last, _ := run.store.LastIndex()
	if first < 20 || last-first > 3 {
		t.Errorf("the log holds %d to %d after a snapshot", first, last)
	}
	want := c.List(KindTable)
	closed(t, c)
	c = openAt(t, dir)
	if got := c.List(KindTable); !slices.EqualFunc(got, want, equal) {
		t.Errorf("%v\nnot %v", got, want)
	}
}

func equal(a, b Entry) bool {
	return a.Kind == b.Kind && a.ID == b.ID && a.Version == b.Version && a.Changed == b.Changed && string(a.Value) == string(b.Value)
}

// TestCutBootstrap: a death between the first term and the first entry does not
// leave a catalog that nobody leads, ever.
func TestCutBootstrap(t *testing.T) {
	for _, term := range []uint64{1, 7} {
		dir := t.TempDir()
		s, err := openStore(t.Context(), dir, nil, quiet())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetUint64(keyTerm, term); err != nil {
			t.Fatal(err)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		c := openAt(t, dir)
		put(t, c, KindSaved, "x", "1", ExpectNone)
		closed(t, c)
		c = openAt(t, dir)
		put(t, c, KindSaved, "x", "2", ExpectAny)
		if now, _ := c.store.GetUint64(keyTerm); now <= term {
			t.Errorf("it goes on with term %d after %d", now, term)
		}
	}
}

// TestGaps: entries may be missing up to the snapshot, and none behind it.
func TestGaps(t *testing.T) {
	f := func(want string, snapshot uint64, indexes ...uint64) {
		t.Helper()
		dir := t.TempDir()
		s, err := openStore(t.Context(), dir, nil, quiet())
		if err != nil {
			t.Fatal(err)
		}
		sink, err := s.Create(1, snapshot, 1, raft.Configuration{}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		if snapshot != 0 {
			if err := sink.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for _, i := range indexes {
			if err := s.StoreLog(&raft.Log{Index: i, Term: 1}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		s, err = openStore(t.Context(), dir, nil, quiet())
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%d, %v: %s; want %s", snapshot, indexes, got, want)
		}
		if err == nil {
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	f("nil", 9, 1, 2, 10, 11)
	f("nil", 9, 7, 8, 9, 10)
	f("nil", 9, 2, 4)
	f("nil", 0, 1, 2)
	f("entry 2 of the log is followed by 4", 0, 1, 2, 4)
	f("entry 9 of the log is followed by 11", 9, 8, 9, 11)
	f("entry 9 of the log is followed by 11", 9, 1, 2, 11, 12)
}

// TestNewerCommand: a node that meets what it cannot read takes part no more, says
// so, and makes no snapshot that would hide it; a newer kelp goes on from there.
func TestNewerCommand(t *testing.T) {
	dir := t.TempDir()
	c := openAt(t, dir)
	put(t, c, KindTable, "t", "1", ExpectNone)
	newer := appendCommand(nil, &command{changes: []Change{{Kind: KindTable, ID: "t", Value: []byte("2"), Expect: ExpectAny}}})
	newer[0] = commandVersion + 1
	if err := c.running.Load().raft.Apply(newer, time.Second).Error(); err != nil {
		t.Fatal(err)
	}
	refuses := func(c *Catalog) {
		t.Helper()
		var no *Unavailable
		_, err := c.Propose(t.Context(), Change{Kind: KindTable, ID: "t", Value: []byte("3"), Expect: ExpectAny})
		if !errors.As(err, &no) || !strings.Contains(err.Error(), "finish the upgrade") || c.Err() == nil {
			t.Errorf("it goes on: %v, %v", err, c.Err())
		}
		if got := valueOf(c, KindTable, "t"); got != "1" {
			t.Errorf("the last known value is %s", got)
		}
		if run := c.running.Load(); run != nil && run.raft.Snapshot().Error() == nil {
			t.Error("a snapshot was made of a state that lacks a change")
		}
	}
	refuses(c)
	closed(t, c)
	refuses(openAt(t, dir))
}

// TestDamagedFile: a file that cannot be read keeps nobody from starting, is told
// of, and is left as it is.
func TestDamagedFile(t *testing.T) {
	damage := map[string]func(src []byte) []byte{
		"cut":      func(src []byte) []byte { return src[:2*4096+100] },
		"no file":  func([]byte) []byte { return []byte("hello") },
		"an entry": func(src []byte) []byte { return []byte(strings.ReplaceAll(string(src), "the value", "the vAlue")) },
		"all ones": func(src []byte) []byte {
			for i := 8192; i < len(src); i++ {
				src[i] = 0xff
			}
			return src
		},
	}
	for name, f := range damage {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := openAt(t, dir)
			for i := range 40 {
				put(t, c, KindTable, fmt.Sprint(i), `"the value"`, ExpectNone)
			}
			closed(t, c)
			path := filepath.Join(dir, storeFile)
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			src = f(src)
			if err := os.WriteFile(path, src, 0o600); err != nil {
				t.Fatal(err)
			}
			c = openAt(t, dir)
			if c.Err() == nil || !strings.Contains(c.Err().Error(), path) {
				t.Errorf("Err: %v", c.Err())
			}
			var no *Unavailable
			if _, err := c.Propose(t.Context(), Change{Kind: KindTable, ID: "t", Value: []byte("3")}); !errors.As(err, &no) {
				t.Errorf("a change: %v", err)
			}
			closed(t, c)
			if now, _ := os.ReadFile(path); string(now) != string(src) {
				t.Error("the damaged file was written to")
			}
		})
	}
}

// TestLocked: two processes do not share a file.
func TestLocked(t *testing.T) {
	dir := t.TempDir()
	c := openAt(t, dir)
	put(t, c, KindTable, "t", "1", ExpectNone)
	other := openAt(t, dir)
	if err := other.Err(); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("the other one: %v", err)
	}
}

// TestDiskFull: Raft may not see a failed write of its votes; it waits, and Close
// does not.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	s, err := openStore(t.Context(), dir, nil, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetUint64(keyTerm, 3); err != nil {
		t.Fatal(err)
	}
	path := s.db.Path()
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if s.db, err = bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	s.ctx = ctx
	done := make(chan error, 1)
	go func() { done <- s.SetUint64(keyTerm, 4) }()
	select {
	case err := <-done:
		t.Errorf("a write that failed returned: %v", err)
	case <-time.After(2 * diskAgain):
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if term, _ := s.GetUint64(keyTerm); term != 3 {
		t.Errorf("term %d is known, which was not written", term)
	}
	if err := s.StoreLog(&raft.Log{Index: 1}); err == nil {
		t.Error("an entry was written to a disk that takes none")
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

func TestChanged(t *testing.T) {
	c := openAt(t, "")
	seen := c.Changed()
	put(t, c, KindMarker, "m", "1", ExpectNone)
	select {
	case <-seen:
	default:
		t.Error("a change was not told of")
	}
	select {
	case <-c.Changed():
		t.Error("a change was told of that is not there")
	default:
	}
}

// TestSnapshotIdentity: a state that went through a snapshot is the same to the
// byte, and whoever restores it forgets what he had.
func TestSnapshotIdentity(t *testing.T) {
	s := newState()
	for i := range 50 {
		cmd := &command{at: int64(i), changes: []Change{
			{Kind: KindTable, ID: fmt.Sprint(i), Value: []byte("1"), Expect: ExpectNone},
			{Kind: KindBoard, ID: fmt.Sprint(i % 5), Value: json.RawMessage(fmt.Sprint(i)), Expect: ExpectAny},
			{Kind: KindTable, ID: fmt.Sprint(i - 3), Delete: true, Expect: ExpectAny},
		}}
		if err := s.Apply(&raft.Log{Index: uint64(i + 1), Data: appendCommand(nil, cmd)}); err != nil {
			t.Fatal(err)
		}
	}
	text := stateText(t, s)
	other := newState()
	other.makeLocked(&Change{Kind: KindSaved, ID: "old", Value: []byte("1")}, 1, 1)
	restore(t, other, text)
	if again := stateText(t, other); string(again) != string(text) {
		t.Errorf("%q\n%q", text, again)
	}
	again := &command{changes: []Change{{Kind: KindTable, ID: "again", Value: []byte("1")}}}
	if s.Apply(&raft.Log{Index: 50, Data: appendCommand(nil, again)}); string(stateText(t, s)) != string(text) {
		t.Error("a command that had been applied changed something")
	}
	if a, b := s.list(KindTable), other.list(KindTable); len(a) == 0 || !slices.EqualFunc(a, b, equal) {
		t.Errorf("%v\n%v", a, b)
	}
	if s.bytes != other.bytes || s.applied != other.applied || other.applied != 50 {
		t.Errorf("%d bytes, %d applied; %d bytes, %d applied", s.bytes, s.applied, other.bytes, other.applied)
	}
}

// TestFullState: a state that is as full as may be still goes into a snapshot, also
// one of many long names; what is replaced or deleted makes room.
func TestFullState(t *testing.T) {
	s := newState()
	fill := func(kind Kind, value []byte) (full bool) {
		for i := range entriesMax {
			ch := Change{Kind: kind, ID: fmt.Sprintf("%0*d", idBytesMax, i), Value: value}
			if s.room([]Change{ch}) != nil {
				return true
			}
			s.makeLocked(&ch, 1<<62, 1<<62)
		}
		return false
	}
	if fill(KindTable, []byte("1")) || fill(KindSuspension, []byte("1")) || fill(KindSaved, []byte("1")) {
		t.Error("three kinds of short values do not fit")
	}
	if !fill(KindBoard, []byte("1")) || s.bytes <= stateBytesMax-idBytesMax-100 {
		t.Errorf("it is full at %d bytes", s.bytes)
	}
	if n := len(stateText(t, s)); int64(n) > s.bytes+changeOverhead || n > snapshotBytesMax {
		t.Errorf("a snapshot takes %d bytes of a state of %d", n, s.bytes)
	}
	for _, e := range s.allLocked() {
		s.makeLocked(&Change{Kind: e.Kind, ID: e.ID, Value: []byte("22")}, 1, 1)
		s.makeLocked(&Change{Kind: e.Kind, ID: e.ID, Delete: true}, 1, 1)
		s.makeLocked(&Change{Kind: e.Kind, ID: e.ID, Delete: true}, 1, 1)
	}
	if s.bytes != 0 {
		t.Errorf("an empty state takes %d bytes", s.bytes)
	}
}

// TestRaftBeginsLate: a start of a sole voter has the state, and who votes, without
// Raft; the first change brings it.
func TestRaftBeginsLate(t *testing.T) {
	dir := t.TempDir()
	c := openAt(t, dir)
	c.begun.Wait()
	if c.running.Load() != nil || storeExists(dir) {
		t.Error("there is work before the first change")
	}
	put(t, c, KindTable, "t", "1", ExpectNone)
	closed(t, c)
	c = openAt(t, dir)
	c.begun.Wait()
	if st := c.Status(); valueOf(c, KindTable, "t") != "1" || c.running.Load() != nil || st.Leader != "a" || len(st.Voters) != 1 || st.Applied == 0 {
		t.Errorf("before a change: %s, %+v", valueOf(c, KindTable, "t"), c.Status())
	}
	put(t, c, KindTable, "t", "2", ExpectAny)
	if st := c.Status(); valueOf(c, KindTable, "t") != "2" || c.running.Load() == nil || st.Leader != "a" {
		t.Errorf("after one: %s, %+v", valueOf(c, KindTable, "t"), st)
	}
}
