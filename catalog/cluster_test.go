package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// wires is a network in memory between catalogs, which can be cut.
type wires struct {
	mu    sync.Mutex
	nodes map[string]*Catalog
	cut   map[string]bool // addresses
}

// end is a node's end of the wires.
type end struct {
	all  *wires
	addr string
}

func (e *end) Call(ctx context.Context, addr string, msg []byte) ([]byte, error) {
	e.all.mu.Lock()
	to := e.all.nodes[addr]
	if e.all.cut[addr] || e.all.cut[e.addr] {
		to = nil
	}
	e.all.mu.Unlock()
	if to == nil {
		return nil, fmt.Errorf("%s: %w", addr, ErrNotSent)
	}
	return to.Answer(ctx, msg)
}

func (w *wires) set(addr string, c *Catalog) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes[addr] = c
}

func (w *wires) others() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for addr := range w.nodes {
		list = append(list, addr)
	}
	return list
}

// start opens a node called by its address.
func (w *wires) start(t *testing.T, name, dir string, bootstrap bool) *Catalog {
	t.Helper()
	c := Open(Config{Dir: dir, Name: name, Address: name, Now: time.Now, Log: quiet(),
		Network: &end{w, name}, Others: w.others, Bootstrap: bootstrap})
	w.set(name, c)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// stop ends a node as its death would: nobody reaches it before.
func (w *wires) stop(t *testing.T, name string, c *Catalog) {
	t.Helper()
	w.set(name, nil)
	closed(t, c)
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to hold that %s", what)
		}
		time.Sleep(5 * time.Millisecond) // a poll
	}
}

// two makes a catalog of a voter a and b, which follows, in dir.
func two(t *testing.T) (w *wires, a, b *Catalog, dir string) {
	t.Helper()
	w, dir = &wires{nodes: make(map[string]*Catalog), cut: make(map[string]bool)}, t.TempDir()
	a, b = w.start(t, "a", t.TempDir(), true), w.start(t, "b", dir, false)
	until(t, "b follows", b.listed)
	return w, a, b, dir
}

// three makes a catalog of three voters a, b, c, by their commands.
func three(t *testing.T) (w *wires, dirs map[string]string, nodes map[string]*Catalog) {
	t.Helper()
	w = &wires{nodes: make(map[string]*Catalog), cut: make(map[string]bool)}
	dirs, nodes = make(map[string]string), make(map[string]*Catalog)
	for _, name := range []string{"a", "b", "c"} {
		dirs[name] = t.TempDir()
		nodes[name] = w.start(t, name, dirs[name], name == "a")
	}
	for _, name := range []string{"b", "c"} {
		until(t, name+" follows", nodes[name].listed)
		if err := nodes["b"].AddVoter(t.Context(), name); err != nil { // b forwards it
			t.Fatal(err)
		}
	}
	for _, c := range nodes { // one that has not heard it yet gives the new voter no vote
		until(t, "all three vote", func() bool { return len(c.Status().Voters) == 3 })
	}
	return w, dirs, nodes
}

func leaderOf(nodes map[string]*Catalog) string {
	for name, c := range nodes {
		if run := c.running.Load(); run != nil && run.raft.State() == raft.Leader {
			return name
		}
	}
	return ""
}

// TestThreeVoters: any node takes changes; those acknowledged outlive the leader,
// and a node that was away catches up, from the log and from a snapshot.
func TestThreeVoters(t *testing.T) {
	t.Parallel()
	w, dirs, nodes := three(t)
	for i, name := range []string{"a", "b", "c"} {
		v := put(t, nodes[name], KindSaved, name, fmt.Sprint(i), ExpectNone)
		if e, ok := nodes[name].Get(KindSaved, name); !ok || e.Version != v {
			t.Errorf("%s does not read what it has written: %+v", name, e)
		}
	}
	var conflict *Conflict
	if _, err := nodes["c"].Propose(t.Context(), Change{Kind: KindSaved, ID: "a", Value: []byte("9")}); !errors.As(err, &conflict) || conflict.ID != "a" {
		t.Errorf("a forwarded change in conflict: %v", err)
	}
	for name, c := range nodes { // whoever tries again at once must not be in conflict for ever
		put(t, nodes[leaderOf(nodes)], KindBoard, "b", "1", ExpectAny)
		_, err := c.Propose(t.Context(), Change{Kind: KindBoard, ID: "b", Value: []byte("2"), Expect: 1})
		if e, _ := c.Get(KindBoard, "b"); !errors.As(err, &conflict) || e.Version != conflict.Version {
			t.Errorf("%s is in conflict with what it does not know: %v, %+v", name, err, e)
		}
	}
	dead := leaderOf(nodes)
	w.stop(t, dead, nodes[dead])
	delete(nodes, dead)
	var alive *Catalog
	for _, c := range nodes {
		alive = c
	}
	put(t, alive, KindSaved, "after", "1", ExpectNone)
	for name, c := range nodes {
		until(t, name+" has all", func() bool { return len(c.List(KindSaved)) == 4 })
	}
	leader := nodes[leaderOf(nodes)]
	run := leader.running.Load()
	if err := run.raft.ReloadConfig(raft.ReloadableConfig{TrailingLogs: 0, SnapshotInterval: time.Hour, SnapshotThreshold: 1,
		HeartbeatTimeout: leaderTimeout, ElectionTimeout: leaderTimeout}); err != nil {
		t.Fatal(err)
	}
	if err := run.raft.Snapshot().Error(); err != nil {
		t.Fatal(err)
	}
	back := w.start(t, dead, dirs[dead], dead == "a")
	if len(back.List(KindSaved)) < 2 {
		t.Errorf("it starts with %v", back.List(KindSaved))
	}
	until(t, dead+" caught up by a snapshot", func() bool { return valueOf(back, KindSaved, "after") == "1" })
	put(t, back, KindSaved, "last", "1", ExpectNone)
	if first, _ := back.running.Load().store.FirstIndex(); first < 8 {
		t.Errorf("entry %d stands before the snapshot, which it does not lead up to", first)
	}
	w.stop(t, dead, back)
	back = w.start(t, dead, dirs[dead], dead == "a")
	if back.Err() != nil || valueOf(back, KindSaved, "after") != "1" {
		t.Errorf("behind a snapshot of the leader's it starts with %v: %v", back.List(KindSaved), back.Err())
	}
}

// TestQuorumLost: without most voters changes fail, clearly and in time; reads go
// on, and what was acknowledged is there when the voters are back.
func TestQuorumLost(t *testing.T) {
	t.Parallel()
	w, dirs, nodes := three(t)
	put(t, nodes["a"], KindTable, "t", "1", ExpectNone)
	until(t, "c has it", func() bool { return valueOf(nodes["c"], KindTable, "t") == "1" })
	w.stop(t, "a", nodes["a"])
	w.stop(t, "b", nodes["b"])
	until(t, "c knows no leader", func() bool { return nodes["c"].Status().Leader == "" })
	began := time.Now()
	_, err := nodes["c"].Propose(t.Context(), Change{Kind: KindTable, ID: "t", Value: []byte("2"), Expect: ExpectAny})
	var no *Unavailable
	if !errors.As(err, &no) || no.FateUnknown || !strings.Contains(err.Error(), "most of its voters (a, b, c)") {
		t.Errorf("a change without a quorum: %v", err)
	}
	if took := time.Since(began); took > 2*applyTimeout {
		t.Errorf("it took %v", took)
	}
	if got := valueOf(nodes["c"], KindTable, "t"); got != "1" {
		t.Errorf("a read without a quorum: %s", got)
	}
	w.start(t, "b", dirs["b"], false)
	put(t, nodes["c"], KindTable, "t", "3", ExpectAny)
}

// TestMinority: a leader that is cut off acknowledges nothing, and has what the
// others agreed on when it is back.
func TestMinority(t *testing.T) {
	t.Parallel()
	w, _, nodes := three(t)
	old := leaderOf(nodes)
	w.mu.Lock()
	w.cut[old] = true
	w.mu.Unlock()
	var no *Unavailable
	if _, err := nodes[old].Propose(t.Context(), Change{Kind: KindTable, ID: "t", Value: []byte(`"minority"`)}); !errors.As(err, &no) {
		t.Errorf("a change on the minority's side: %v", err)
	}
	for name, c := range nodes {
		if name != old {
			put(t, c, KindTable, "t", `"`+name+`"`, ExpectAny)
		}
	}
	w.mu.Lock()
	w.cut[old] = false
	w.mu.Unlock()
	for _, c := range nodes {
		until(t, "all have the same", func() bool {
			e, _ := c.Get(KindTable, "t")
			return valueOf(nodes[old], KindTable, "t") == string(e.Value) && string(e.Value) != `"minority"` && len(e.Value) > 0
		})
	}
}

// TestVoters: votes are taken and nodes removed by command, and not the last one's.
func TestVoters(t *testing.T) {
	t.Parallel()
	w, _, nodes := three(t)
	if err := nodes["a"].AddVoter(t.Context(), "nobody"); err == nil || !strings.Contains(err.Error(), "no node") {
		t.Errorf("a vote for nobody: %v", err)
	}
	if err := nodes["a"].RemoveVoter(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	w.stop(t, "c", nodes["c"])
	if err := nodes["a"].Remove(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if err := nodes["b"].RemoveVoter(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	until(t, "b leads alone", func() bool { return nodes["a"].Status().Leader == "b" })
	if err := nodes["a"].RemoveVoter(t.Context(), "b"); err == nil || !strings.Contains(err.Error(), "only voter") {
		t.Errorf("the last vote was taken: %v", err)
	}
	put(t, nodes["a"], KindTable, "t", "1", ExpectNone)
	if st := nodes["b"].Status(); len(st.Voters) != 1 || len(st.Followers) != 1 {
		t.Errorf("%+v", st)
	}
}

// TestAnswerBeforeRaft: a node whose Raft has not begun says that it has done nothing,
// so that whoever asks tries again.
func TestAnswerBeforeRaft(t *testing.T) {
	c := &Catalog{state: newState()}
	for _, op := range []byte{opPropose, opMember} {
		answer, err := c.Answer(t.Context(), []byte{op})
		var o outcome
		if err != nil || json.Unmarshal(answer, &o) != nil || !o.NotLeader {
			t.Errorf("message %d: %s, %v", op, answer, err)
		}
	}
}

// TestSoleVoterStartsWhole: the first aggregator starts with all that it has
// acknowledged, and not with what it may not have; a follower waits.
func TestSoleVoterStartsWhole(t *testing.T) {
	t.Parallel()
	w := &wires{nodes: make(map[string]*Catalog), cut: make(map[string]bool)}
	dirs := map[string]string{"a": t.TempDir(), "b": t.TempDir()}
	a := w.start(t, "a", dirs["a"], true)
	b := w.start(t, "b", dirs["b"], false)
	restart := func(snapshot bool, value string) {
		t.Helper()
		put(t, a, KindSaved, "x", value, ExpectAny)
		until(t, "b has it", func() bool { return valueOf(b, KindSaved, "x") == value })
		if snapshot {
			if err := a.running.Load().raft.Snapshot().Error(); err != nil {
				t.Fatal(err)
			}
		}
		put(t, a, KindSaved, "last", value, ExpectAny)
		w.stop(t, "a", a)
		a = w.start(t, "a", dirs["a"], true)
		if b.resumed || !a.resumed || !a.Begun() {
			t.Error("it has not begun")
		}
		if got := valueOf(a, KindSaved, "last"); got != value {
			t.Errorf("it starts with %s, not %s", got, value)
		}
	}
	until(t, "b follows", b.listed)
	restart(false, "1")
	restart(true, "2")
	until(t, "b has the last", func() bool { return valueOf(b, KindSaved, "last") == "2" })
	if err := b.AddVoter(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Catalog{"a": a, "b": b} {
		until(t, "both vote", func() bool { return len(c.Status().Voters) == 2 })
		if sole, err := c.store.soleVoter(); err != nil || sole != "" {
			t.Errorf("of two voters %s says it is %q: %v", name, sole, err)
		}
	}
	if err := b.RemoveVoter(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	restart(false, "3")
}

// TestVoteForDead: a node that does not run, or lags, gets no vote: the vote would
// end all changes, that which takes it back among them.
func TestVoteForDead(t *testing.T) {
	t.Parallel()
	w, a, b, dir := two(t)
	w.stop(t, "b", b)
	var refused *Refused
	if err := a.AddVoter(t.Context(), "b"); !errors.As(err, &refused) || !strings.Contains(err.Error(), "DELETE /v1/catalog/nodes/b") {
		t.Errorf("a vote for the dead: %v", err)
	}
	put(t, a, KindSaved, "x", "1", ExpectNone)
	b = w.start(t, "b", dir, false)
	until(t, "b is back", func() bool { return valueOf(b, KindSaved, "x") == "1" })
	if err := b.caughtUp(t.Context(), followRequest{Name: "b", Applied: a.Status().Applied + 1}); !errors.As(err, &refused) {
		t.Errorf("it has what nobody has: %v", err)
	}
	if err := b.caughtUp(t.Context(), followRequest{Name: "c"}); !errors.As(err, &refused) {
		t.Errorf("it says it is another: %v", err)
	}
	if err := a.AddVoter(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	put(t, a, KindSaved, "y", "1", ExpectNone)
}

// FuzzAnswer: whatever another node sends is answered, or refused.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("\x01\x0e\x00\x00\x00{\"Entries\":[null]}"))
	f.Add(memberMessage(&running{}, memberRequest{Do: doDemote, Name: "a"}))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if rpc, _, err := readRequest(msg); err == nil && rpc.Command == nil {
			t.Fatalf("%x is a request for nothing", msg)
		}
	})
}
