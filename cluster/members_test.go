package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// memberlist's Shutdown does not wait for a probe that is under way; it ends
	// with its own timeout, a second or more on a busy machine.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode"))
}

// node is a member with the HTTP face that seeds need.
type node struct {
	*Members
	web *httptest.Server
	at  atomic.Pointer[Members]

	asked atomic.Int32 // requests that came
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	type member struct {
		State  string `json:"state"`
		Gossip string `json:"gossip"`
	}
	var answer struct {
		Members []member `json:"members"`
	}
	n.asked.Add(1)
	m := n.at.Load()
	if m == nil || r.URL.Path != "/v1/cluster" {
		http.Error(w, "not yet", http.StatusServiceUnavailable)
		return
	}
	for _, x := range m.Members() {
		answer.Members = append(answer.Members, member{x.State.String(), x.GossipAddr})
	}
	_ = json.NewEncoder(w).Encode(&answer)
}

func (n *node) addr() string { return n.web.Listener.Addr().String() }

// newWeb opens the HTTP face of a node that has not joined yet.
func newWeb(t *testing.T) *node {
	n := &node{}
	n.web = httptest.NewServer(n)
	t.Cleanup(n.web.Close)
	return n
}

// join makes a member; it is closed at the end of the test unless killed.
func (n *node) join(t *testing.T, name string, change func(*Config), seeds ...string) *node {
	t.Helper()
	cfg := Config{
		Name: name, Role: RoleLeaf, HTTPAddr: n.addr(), RPCAddr: "127.0.0.1:9", GossipAddr: "127.0.0.1:0",
		LeafID: "id-" + name, Version: "test", Shard: 7, Born: 5, State: StateUp, Seeds: seeds,
		HTTP: n.web.Client(),
	}
	if change != nil {
		change(&cfg)
	}
	m, err := Join(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.Members = m
	n.at.Store(m)
	t.Cleanup(func() {
		if n.Members == m {
			n.kill()
		}
	})
	return n
}

// kill ends a member without a word, like kill -9.
func (n *node) kill() {
	n.at.Store(nil)
	n.cancel()
	n.loops.Wait()
	_ = n.ml.Shutdown()
	n.Members = nil
}

// waitFor waits until the members seen by n fulfil cond.
func (n *node) waitFor(t *testing.T, what string, cond func(map[string]Member) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	for range n.Watch(ctx) {
		if cond(n.byName()) {
			return
		}
	}
	t.Fatalf("not seen in 15 s: %s; members: %+v", what, n.Members.Members())
}

func (n *node) byName() map[string]Member {
	all := make(map[string]Member)
	for _, m := range n.Members.Members() {
		all[m.Name] = m
	}
	return all
}

func allUp(names ...string) func(map[string]Member) bool {
	return func(all map[string]Member) bool {
		for _, name := range names {
			if m, ok := all[name]; !ok || m.State != StateUp || !m.Alive {
				return false
			}
		}
		return len(all) == len(names)
	}
}

func stateOf(name string, s State) func(map[string]Member) bool {
	return func(all map[string]Member) bool { m, ok := all[name]; return ok && m.State == s }
}

// Five members whose seeds come up after them find each other; a killed one is
// seen down and comes back under its name at another address.
func TestFiveMembersConverge(t *testing.T) {
	t.Parallel()
	names := []string{"m0", "m1", "m2", "m3", "m4"}
	webs := make([]*node, len(names))
	for i := range webs {
		webs[i] = newWeb(t)
	}
	// Each but the last is seeded with the next: nobody's seed is up when it starts.
	for i, n := range webs {
		var seeds []string
		if i+1 < len(webs) {
			seeds = append(seeds, webs[i+1].addr())
		}
		n.join(t, names[i], nil, seeds...)
	}
	for _, n := range webs {
		n.waitFor(t, "five up", allUp(names...))
	}
	m := webs[4].byName()["m2"]
	if m.Role != RoleLeaf || m.LeafID != "id-m2" || m.Shard != 7 || m.Born != 5 || m.Version != "test" ||
		m.HTTPAddr != webs[2].addr() || m.RPCAddr != "127.0.0.1:9" || m.GossipAddr != webs[2].Addr() || m.Self {
		t.Errorf("m2 as m4 knows it: %+v", m)
	}
	if me := webs[2].byName()["m2"]; !me.Self {
		t.Errorf("m2 as it knows itself: %+v", me)
	}

	start := time.Now()
	epoch := m.Epoch
	webs[2].kill()
	for i, n := range webs {
		if i != 2 {
			n.waitFor(t, "m2 down", stateOf("m2", StateDown))
		}
	}
	t.Logf("a killed member was seen down by all after %v", time.Since(start))
	if err := webs[0].Forget("m3"); !errors.Is(err, ErrAlive) {
		t.Errorf("forgetting a living member: %v", err)
	}

	webs[2].join(t, "m2", nil, webs[0].addr())
	for _, n := range webs {
		n.waitFor(t, "m2 back", allUp(names...))
	}
	if m := webs[4].byName()["m2"]; m.Epoch <= epoch || m.GossipAddr != webs[2].Addr() {
		t.Errorf("m2 after its return: %+v, epoch before %d", m, epoch)
	}
}

// A restart so quick that nobody saw the death, at the same and at another port.
func TestQuickRestart(t *testing.T) {
	t.Parallel()
	a := newWeb(t).join(t, "a", nil)
	b := newWeb(t)
	b.join(t, "b", nil, a.addr())
	a.waitFor(t, "both up", allUp("a", "b"))
	for _, same := range []bool{true, false} {
		before := a.byName()["b"]
		addr := b.Addr()
		b.kill()
		start := time.Now()
		b.join(t, "b", func(c *Config) {
			if same {
				c.GossipAddr = addr
			}
		}, a.addr())
		a.waitFor(t, "the new b", func(all map[string]Member) bool {
			return all["b"].Epoch > before.Epoch && all["b"].State == StateUp && all["b"].GossipAddr == b.Addr()
		})
		b.waitFor(t, "a seen by the new b", allUp("a", "b"))
		t.Logf("same address %v: known after %v", same, time.Since(start))
	}
}

// Members without seeds are found again by those who know them.
func TestRestartWithoutSeeds(t *testing.T) {
	t.Parallel()
	a := newWeb(t)
	a.join(t, "a", nil)
	addr := a.Addr()
	b := newWeb(t).join(t, "b", nil, a.addr())
	a.waitFor(t, "both up", allUp("a", "b"))
	a.kill()
	b.waitFor(t, "a down", stateOf("a", StateDown))
	a.join(t, "a", func(c *Config) { c.GossipAddr = addr })
	a.waitFor(t, "both up again", allUp("a", "b"))
	b.waitFor(t, "both up again", allUp("a", "b"))
}

func TestStatesTravel(t *testing.T) {
	t.Parallel()
	a := newWeb(t).join(t, "a", nil)
	b := newWeb(t)
	b.join(t, "b", func(c *Config) { c.State = 0 }, a.addr())
	a.waitFor(t, "b joining", stateOf("b", StateJoining))
	b.SetState(StateUp)
	a.waitFor(t, "b up", stateOf("b", StateUp))
	b.SetFree(12_345)
	a.waitFor(t, "b's free memory", func(all map[string]Member) bool { return all["b"].Free == 12_345 })
	b.SetState(StateDraining)
	a.waitFor(t, "b draining", stateOf("b", StateDraining))

	m := b.Members
	b.Members = nil
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	a.waitFor(t, "b left", func(all map[string]Member) bool {
		return all["b"].State == StateLeft && !all["b"].Alive
	})
	b.join(t, "b", nil, a.addr())
	a.waitFor(t, "b up again", stateOf("b", StateUp))
	b.SetState(StateRestarting)
	m = b.Members
	b.Members = nil
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	a.waitFor(t, "b restarting and away", func(all map[string]Member) bool {
		return all["b"].State == StateRestarting && !all["b"].Alive
	})
	r := &record{said: StateRestarting, away: time.Unix(0, 0)}
	if got := r.state(time.Unix(0, 0).Add(restartGrace)); got != StateDown {
		t.Errorf("after its grace a restarting member is %v", got)
	}
}

// SetFree in a loop does not become a message each time.
func TestFreeDoesNotFlood(t *testing.T) {
	t.Parallel()
	a := newWeb(t).join(t, "a", nil)
	b := newWeb(t).join(t, "b", nil, a.addr())
	a.waitFor(t, "both up", allUp("a", "b"))
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	seen := make(map[uint64]bool)
	events := a.Watch(ctx)
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for free := uint64(1); ; free = free%1000 + 1 {
		select {
		case _, ok := <-events:
			if !ok {
				if len(seen) > 4 {
					t.Errorf("%d changes of free memory were told within 3 s", len(seen))
				}
				return
			}
			seen[a.byName()["b"].Free] = true
		case <-tick.C:
			b.SetFree(free << 20)
		}
	}
}

func TestTwoOfOneName(t *testing.T) {
	a := newWeb(t).join(t, "a", nil)
	b := newWeb(t).join(t, "b", nil, a.addr())
	a.waitFor(t, "both up", allUp("a", "b"))
	n := newWeb(t)
	m, err := Join(Config{
		Name: "b", Role: RoleLeaf, HTTPAddr: n.addr(), GossipAddr: "127.0.0.1:0", LeafID: "another", Seeds: []string{a.addr()},
	})
	var taken *NameTakenError
	if !errors.As(err, &taken) {
		if err == nil {
			_ = m.Close()
		}
		t.Fatalf("a second b got in: %v", err)
	}
	if taken.Addr != b.Addr() || !strings.Contains(err.Error(), "--name") {
		t.Errorf("the error is %v", err)
	}
	if got := a.byName()["b"]; got.LeafID != "id-b" || got.State != StateUp {
		t.Errorf("b as a knows it afterwards: %+v", got)
	}
	if err := b.Err(); err != nil {
		t.Errorf("the first b gives way: %v", err)
	}
}

// A newcomer learns of a member that died before it came; forgetting it holds
// on all, although others still tell of it.
func TestTheDeadAreToldAndForgotten(t *testing.T) {
	t.Parallel()
	a := newWeb(t).join(t, "a", nil)
	b := newWeb(t).join(t, "b", nil, a.addr())
	c := newWeb(t).join(t, "c", nil, a.addr())
	for _, n := range []*node{a, b, c} {
		n.waitFor(t, "three up", allUp("a", "b", "c"))
	}
	c.kill()
	a.waitFor(t, "c down", stateOf("c", StateDown))
	b.waitFor(t, "c down", stateOf("c", StateDown))
	d := newWeb(t).join(t, "d", nil, a.addr())
	d.waitFor(t, "c down, told by others", func(all map[string]Member) bool {
		return all["c"].State == StateDown && all["c"].LeafID == "id-c"
	})
	if err := d.Forget("c"); err != nil {
		t.Fatal(err)
	}
	if err := d.Forget("c"); !errors.Is(err, ErrUnknown) {
		t.Errorf("forgetting twice: %v", err)
	}
	for _, n := range []*node{a, b, d} {
		n.waitFor(t, "c forgotten", func(all map[string]Member) bool { _, ok := all["c"]; return !ok })
	}
	// It may come back all the same.
	c.join(t, "c", nil, d.addr())
	for _, n := range []*node{a, b, d} {
		n.waitFor(t, "c back", allUp("a", "b", "c", "d"))
	}
}

// Members of an earlier run are known from the start.
func TestKnown(t *testing.T) {
	gone := Member{Name: "old", Role: RoleLeaf, State: StateUp, Alive: true, GossipAddr: "127.0.0.1:1", LeafID: "id-old", Epoch: 3}
	a := newWeb(t).join(t, "a", func(c *Config) { c.Known = []Member{gone, {Name: "a"}, {}} })
	all := a.byName()
	if m := all["old"]; len(all) != 2 || m.State != StateDown || m.Alive || m.LeafID != "id-old" {
		t.Errorf("members: %+v", all)
	}
}

func TestSecretKey(t *testing.T) {
	t.Parallel()
	key := func(k string) func(*Config) { return func(c *Config) { c.SecretKey = []byte(k) } }
	a := newWeb(t).join(t, "a", key("a key of 20 bytes..."))
	b := newWeb(t).join(t, "b", key("a key of 20 bytes..."), a.addr())
	a.waitFor(t, "both up", allUp("a", "b"))
	for i, change := range []func(*Config){key("another key, 22 bytes."), nil} {
		x := newWeb(t).join(t, fmt.Sprint("x", i), change, a.addr())
		if got := x.byName(); len(got) != 1 {
			t.Errorf("a stranger sees %+v", got)
		}
	}
	b.SetState(StateDraining)
	a.waitFor(t, "b draining", stateOf("b", StateDraining))
	if got := a.byName(); len(got) != 2 {
		t.Errorf("members: %+v", got)
	}
}

func TestBadConfig(t *testing.T) {
	f := func(c Config) {
		t.Helper()
		if m, err := Join(c); err == nil {
			_ = m.Close()
			t.Errorf("%+v was taken", c)
		}
	}
	f(Config{Role: RoleLeaf, GossipAddr: "127.0.0.1:0"})
	f(Config{Name: "a", GossipAddr: "127.0.0.1:0"})
	f(Config{Name: "a", Role: RoleLeaf, GossipAddr: "nonsense"})
	f(Config{Name: "a", Role: RoleLeaf, GossipAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0"})
	f(Config{Name: "a", Role: RoleLeaf, GossipAddr: "127.0.0.1:0", SecretKey: []byte("short")})
	f(Config{Name: "a", Role: RoleLeaf, GossipAddr: "127.0.0.1:0", Host: strings.Repeat("h", textBytesMax+1)})
	f(Config{Name: strings.Repeat("n", nameBytesMax+1), Role: RoleLeaf, GossipAddr: "127.0.0.1:0"})
}

// Garbage on the gossip port, well-formed and not, harms nobody.
func TestGarbage(t *testing.T) {
	t.Parallel()
	a := newWeb(t).join(t, "a", nil)
	b := newWeb(t).join(t, "b", nil, a.addr())
	a.waitFor(t, "both up", allUp("a", "b"))
	rnd := rand.New(rand.NewPCG(1, 9))
	udp, err := net.Dial("udp", a.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for i := range 2_000 {
		buf := make([]byte, 1+rnd.IntN(300))
		for j := range buf {
			buf[j] = byte(rnd.Uint32())
		}
		if i%2 == 0 { // behind a right label
			buf = append([]byte("\xf4\x04kelp"), buf...)
			buf[6] = byte(rnd.IntN(14))
		}
		_, _ = udp.Write(buf)
		if i%50 == 0 {
			tcp, err := net.Dial("tcp", a.Addr())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = tcp.Write(buf)
			_ = tcp.Close()
		}
	}
	(*delegate)(a.Members).MergeRemoteState([]byte(`{"away":[{"name":"","meta":"AAAA"}],"forgotten":{"b":99}}`), true)
	(*delegate)(a.Members).MergeRemoteState([]byte(`{"away":[{"name":17`), true)
	b.SetState(StateDraining)
	a.waitFor(t, "b draining", stateOf("b", StateDraining))
	if got := a.byName(); len(got) != 2 {
		t.Errorf("members: %+v", got)
	}
}

func TestResolveSeeds(t *testing.T) {
	serve := func(body string, code int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	good := serve(`{"members":[{"state":"up","gossip":"10.0.0.1:1"},{"state":"down","gossip":"10.0.0.2:1"},{"state":"up"},{"state":"up","gossip":"x"},{"state":"up","gossip":"10.0.0.1:1"}]}`, 200)
	got, err := ResolveSeeds(context.Background(), client, []string{serve("", 500), good, "http://" + good + "/", "127.0.0.1:1"})
	if err != nil || len(got) != 1 || got[0] != "10.0.0.1:1" {
		t.Errorf("seeds: %v, %v", got, err)
	}
	for _, bad := range []string{serve("", 503), serve("{", 200), serve("{}", 200), "127.0.0.1:1", "%%"} {
		if got, err := ResolveSeeds(context.Background(), client, []string{bad}); err == nil {
			t.Errorf("from %q: %v", bad, got)
		}
	}
}

func TestLogIsLimited(t *testing.T) {
	var lines, dropped int
	log := slog.New(handlerFunc(func(r slog.Record) {
		lines++
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "lines_dropped" {
				dropped += int(a.Value.Int64())
			}
			return true
		})
		if r.Level != slog.LevelWarn || r.Message != "Suspect x has failed" {
			t.Errorf("record: %v %q", r.Level, r.Message)
		}
	}))
	w := newLogWriter(log)
	for range 1_000 {
		_, _ = w.Write([]byte("[WARN] memberlist: Suspect x has failed\n"))
	}
	if lines < logBurst || lines > logBurst+1 {
		t.Errorf("%d of 1000 lines logged", lines)
	}
}

// TestGossipInWords: what the gossip library says of a member's metadata is
// put in words.
func TestGossipInWords(t *testing.T) {
	f := func(line string, level slog.Level, want string) {
		t.Helper()
		w := newLogWriter(slog.New(handlerFunc(func(r slog.Record) {
			if r.Level != level || r.Message != want {
				t.Errorf("%v %q, want %v %q", r.Level, r.Message, level, want)
			}
		})))
		_, _ = w.Write([]byte(line))
	}
	f("[WARN] memberlist: Refuting an alive message for 'l2' (127.0.0.1:20431) meta:([1 1 2] VS [1 2 3]), vsn:([1 5] VS [1 5])\n",
		slog.LevelInfo, "others take this member for its former process, or for dead; it tells them that it is alive")
	f("[ERR] memberlist: Conflicting address for l2 meta:([1 1 2])\n", slog.LevelWarn, "Conflicting address for l2")
}

// TestSilentSeeds: that no seed answers is said once, and that one does again.
func TestSilentSeeds(t *testing.T) {
	said := make(chan string, 100)
	log := slog.New(handlerFunc(func(r slog.Record) {
		if strings.Contains(r.Message, "to join") {
			said <- r.Message
		}
	}))
	hear := func() string {
		t.Helper()
		select {
		case text := <-said:
			return text
		case <-time.After(20 * time.Second):
			t.Fatal("nothing was said")
			return ""
		}
	}
	first, second := newWeb(t), newWeb(t)
	second.join(t, "b", func(c *Config) { c.Log = log }, first.addr()) // which answers 503 yet
	if got := hear(); !strings.Contains(got, "no member to join answers") {
		t.Errorf("said %q", got)
	}
	for deadline := time.Now().Add(20 * time.Second); first.asked.Load() < 3; time.Sleep(time.Millisecond) { // a poll
		if time.Now().After(deadline) {
			t.Fatal("the seed is not asked again")
		}
	}
	first.join(t, "a", nil)
	if got := hear(); got != "a member to join answers" { // and nothing in between
		t.Errorf("said %q", got)
	}
}

type handlerFunc func(slog.Record)

func (h handlerFunc) Enabled(context.Context, slog.Level) bool      { return true }
func (h handlerFunc) Handle(_ context.Context, r slog.Record) error { h(r); return nil }
func (h handlerFunc) WithAttrs([]slog.Attr) slog.Handler            { return h }
func (h handlerFunc) WithGroup(string) slog.Handler                 { return h }
