package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// TestForeignSole: the only voter that lost its file begins another catalog, and its
// followers do not take that for theirs, in no order of starts; told so, one changes over.
func TestForeignSole(t *testing.T) {
	t.Parallel()
	w, a, b, _ := two(t)
	for i := range 8 {
		put(t, a, KindSaved, fmt.Sprint("old", i), "1", ExpectNone)
	}
	until(t, "b has all", func() bool { return len(b.List(KindSaved)) == 8 })
	old := b.store.id()
	w.stop(t, "a", a)
	a = w.start(t, "a", t.TempDir(), true)
	put(t, a, KindSaved, "new", "1", ExpectNone)
	until(t, "b is told", func() bool { return b.foreign.Load() != nil })
	var no *Unavailable
	_, err := b.Propose(t.Context(), Change{Kind: KindSaved, ID: "viab", Value: []byte("1")})
	if !errors.As(err, &no) || no.FateUnknown || !strings.Contains(err.Error(), old) || !strings.Contains(err.Error(), a.store.id()) || !strings.Contains(err.Error(), "--join") {
		t.Errorf("a change through the follower of another catalog: %v", err)
	}
	if old == "" || len(b.List(KindSaved)) != 8 || len(a.List(KindSaved)) != 1 || len(a.Status().Followers) != 0 {
		t.Errorf("catalog %q: %v and %v, %+v", old, a.List(KindSaved), b.List(KindSaved), a.Status())
	}
	w.stop(t, "b", b)
	b = w.start(t, "b", t.TempDir(), false)
	until(t, "b follows the new one", func() bool { return valueOf(b, KindSaved, "new") == "1" && b.store.id() == a.store.id() })
}

// TestForeignLeader: what another catalog's node sends does nothing, whatever it is;
// one that has no id yet takes the leader's, not that of who asks for a vote.
func TestForeignLeader(t *testing.T) {
	t.Parallel()
	w := &wires{nodes: make(map[string]*Catalog), cut: make(map[string]bool)}
	a := w.start(t, "a", t.TempDir(), true)
	put(t, a, KindSaved, "x", "1", ExpectNone)
	other := &running{store: &store{stable: map[string][]byte{string(keyCatalog): []byte("OTHER")}}}
	link := newLink(t.Context(), &end{w, "b"}, "b", other.store)
	heads := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("b"), Addr: []byte("b")}
	f := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "OTHER") || !strings.Contains(err.Error(), a.store.id()) {
			t.Errorf("%s: %v", what, err)
		}
	}
	term := func() uint64 { v, _ := a.store.GetUint64(keyTerm); return v }
	before := term()
	f("entries", link.AppendEntries("a", "a", &raft.AppendEntriesRequest{RPCHeader: heads, Term: 99}, &raft.AppendEntriesResponse{}))
	f("a vote", link.RequestVote("a", "a", &raft.RequestVoteRequest{RPCHeader: heads, Term: 99, LastLogIndex: 99, LastLogTerm: 99}, &raft.RequestVoteResponse{}))
	f("a snapshot", link.InstallSnapshot("a", "a", &raft.InstallSnapshotRequest{RPCHeader: heads, Term: 99}, &raft.InstallSnapshotResponse{}, strings.NewReader("")))
	asked := func(msg []byte) error {
		answer, err := a.Answer(t.Context(), msg)
		var o outcome
		if err := errors.Join(err, json.Unmarshal(answer, &o)); err != nil {
			return err
		}
		return o.err()
	}
	f("to follow", asked(memberMessage(other, memberRequest{Do: doFollow, Name: "b", Address: "b"})))
	cmd := appendCommand(nil, &command{changes: []Change{{Kind: KindSaved, ID: "y", Value: []byte("1")}}})
	f("a change", asked(append(appendText([]byte{opPropose}, "OTHER"), cmd...)))
	if term() != before || valueOf(a, KindSaved, "y") != "none" || len(a.Status().Followers) != 0 {
		t.Errorf("another catalog's node changed term %d to %d, or %+v", before, term(), a.Status())
	}

	c := w.start(t, "c", t.TempDir(), false)
	until(t, "c has the id", func() bool { return c.running.Load() != nil && c.store.id() == a.store.id() })
}
