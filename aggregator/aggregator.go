package aggregator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/kelpdb/kelp/catalog"
	"github.com/kelpdb/kelp/ingest"
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// Config is what an Aggregator stands on.
type Config struct {
	Name    string
	Version string
	DataDir string // where the book of promises is kept; "": in memory only
	Now     func() time.Time
	Log     *slog.Logger
	Seed    uint64 // of the random choices; tests fix it

	// QueryLog keeps what clients ask in the table _kelp.queries.
	QueryLog bool

	// Catalog is what all aggregators agree on; nil: nothing. It is the caller's, who
	// closes it after the Aggregator.
	Catalog *catalog.Catalog
}

// Aggregator answers queries from many leaves and places batches on them. It
// is a query.Runner.
type Aggregator struct {
	cfg  Config
	book *book
	file *bookFile

	mu    sync.Mutex
	nodes map[string]*node
	rand  *rand.Rand

	decoders ingest.Pool // of bodies

	chunks  *semaphore.Weighted // bytes of decoded chunks in memory
	bodies  chan struct{}       // a place for each ingest call
	room    bodyRoom            // for the bytes of bodies
	asks    chan struct{}       // a place for each query that runs
	waiting atomic.Int64        // queries that have none yet
	queries queries
	past    chan pastQuery        // ended queries on their way into the log; nil: there is none
	setting map[lateSettings]bool // settings on their way; guarded by mu
	metrics *metrics
	quotas  quotas
	moves   atomic.Uint64 // how often a leaf came, went, or changed its state
	streams chan struct{} // a place for each stream of events without an end

	distincts distincts
	agreeing  sync.Mutex // of takeAgreed

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
}

var _ query.Runner = (*Aggregator)(nil)

// New returns an aggregator without leaves, with the promises its data
// directory remembers. Close ends it.
func New(cfg Config) (*Aggregator, error) {
	b, f, err := openBook(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	if f.failed != nil {
		cfg.Log.Error("no rows are acknowledged until promises can be written", "dir", cfg.DataDir, "error", f.failed)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &Aggregator{
		cfg: cfg, book: b, file: f, nodes: make(map[string]*node),
		rand:   rand.New(rand.NewPCG(cfg.Seed, 0x6b656c70)),
		chunks: semaphore.NewWeighted(chunkBytesTotal), bodies: make(chan struct{}, bodiesMax), room: newBodyRoom(),
		asks: make(chan struct{}, queriesMax), streams: make(chan struct{}, streamsMax), setting: make(map[lateSettings]bool),
		ctx: ctx, cancel: cancel,
	}
	a.quotas.now = cfg.Now
	a.metrics = newMetrics(a)
	for _, name := range b.names() {
		a.nodes[name] = &node{name: name, state: StateDown}
	}
	a.work.Go(a.syncBook)
	if cfg.Catalog != nil {
		a.takeAgreed() // before rows come
		a.work.Go(a.followCatalog)
	}
	if cfg.QueryLog {
		a.past = make(chan pastQuery, queryLogMax)
		a.work.Go(a.writeQueryLog)
	}
	return a, nil
}

// Close stops listening to leaves and writes the book to disk. Requests in
// flight must have ended.
func (a *Aggregator) Close() error {
	a.cancel()
	a.work.Wait()
	return a.file.close()
}

// syncBook brings the book to the disk twice a second, as often as leaves do
// their rows, and replaces a journal that has grown.
func (a *Aggregator) syncBook() {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := a.file.sync(); err != nil {
				a.cfg.Log.Error("promises are not on disk", "error", err)
			}
			if err := a.file.compact(a.book); err != nil {
				a.cfg.Log.Warn("the journal of promises goes on growing", "error", err)
			}
		case <-a.ctx.Done():
			return
		}
	}
}

// NodeState is a leaf's state as /v1/cluster names it.
type NodeState string

// States of a leaf.
const (
	StateJoining    NodeState = "joining"
	StateUp         NodeState = "up"
	StateDraining   NodeState = "draining"
	StateRestarting NodeState = "restarting"
	StateDown       NodeState = "down"
	StateSuspended  NodeState = "suspended"
	StateForgotten  NodeState = "forgotten" // and suspended before that, but there
)

// node is one leaf the aggregator knows. Its fields are guarded by Aggregator.mu.
type node struct {
	name    string
	address string
	state   NodeState
	leaf    wire.Leaf // nil: not reachable now
	free    uint64    // bytes of memory left, as last heard
	local   bool
	heard   time.Time // of the last Update
	ready   bool      // its first Update has been applied since it was attached, and written down
	told    bool      // it has been applied; the journal may not take it
	broken  bool      // its updates have broken off, and not begun again
	stop    context.CancelFunc
	done    chan struct{}
	// life ends when the leaf is taken for dead: calls to it need not wait for
	// their deadlines.
	life    context.Context
	endLife context.CancelFunc
}

// Know registers a leaf that the membership tells of, reachable or not, so that
// its absence is seen. id and born are those of its memory; born in ns.
func (a *Aggregator) Know(name, address, id string, born int64) {
	a.mu.Lock()
	if n := a.nodes[name]; n != nil {
		n.address = address
		a.mu.Unlock()
		return
	}
	a.nodes[name] = &node{name: name, address: address, state: StateDown}
	a.book.know(name, id, born)
	a.mu.Unlock()
	if a.cfg.Catalog != nil {
		a.takeAgreed()
	}
}

// Attach makes a leaf reachable under its name and begins to listen to its
// promises. A leaf attached before under the name is detached first.
func (a *Aggregator) Attach(name, address string, leaf wire.Leaf, local bool) {
	a.Detach(name, StateDown)
	ctx, stop := context.WithCancel(a.ctx)
	a.mu.Lock()
	n := a.nodes[name]
	if n == nil {
		n = &node{name: name}
		a.nodes[name] = n
	}
	n.address, n.leaf, n.local, n.state = address, leaf, local, StateJoining
	n.ready, n.told, n.broken, n.stop, n.done = false, false, false, stop, make(chan struct{})
	n.life, n.endLife = context.WithCancel(ctx)
	done := n.done
	a.moves.Add(1)
	a.mu.Unlock()
	a.work.Go(func() {
		defer close(done)
		a.listen(ctx, n, leaf)
	})
}

// Detach says that a leaf can not be reached for now; its promises stay.
func (a *Aggregator) Detach(name string, state NodeState) {
	a.mu.Lock()
	n := a.nodes[name]
	if n == nil {
		a.mu.Unlock()
		return
	}
	stop, done := n.stop, n.done
	n.leaf, n.stop, n.state, n.ready, n.told = nil, nil, state, false, false
	a.moves.Add(1)
	if n.endLife != nil {
		n.endLife()
	}
	a.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
}

// SetState notes what the membership says of a leaf, and its free memory in bytes.
func (a *Aggregator) SetState(name string, state NodeState, free uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.nodes[name]
	if n == nil {
		return
	}
	if n.leaf != nil && state == StateDown && n.state != StateDown {
		n.endLife()
	}
	if n.leaf != nil && state != StateDown && n.state == StateDown {
		n.life, n.endLife = context.WithCancel(a.ctx)
	}
	if n.state != state {
		a.moves.Add(1)
	}
	n.state, n.free = state, free
}

// listen follows a leaf's promises until ctx ends, beginning anew with what the
// book does not know yet each time the stream breaks.
func (a *Aggregator) listen(ctx context.Context, n *node, leaf wire.Leaf) {
	wait, toldAt := listenAgain, time.Time{}
	for {
		who, first := wire.Subscriber{Name: a.cfg.Name, Known: a.book.known(n.name)}, true
		var unwritten *journalError
		err := leaf.Subscribe(ctx, who, func(u *wire.Update) error {
			err := a.hear(n, u, first)
			if err == nil {
				wait, first = listenAgain, false
			}
			errors.As(err, &unwritten)
			return err
		})
		a.mu.Lock()
		n.ready, n.broken = false, true // its promise may move without us
		n.told = unwritten != nil
		a.moves.Add(1)
		a.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		if now := a.cfg.Now(); unwritten == nil || now.Sub(toldAt) >= journalTellEvery {
			toldAt = now
			a.cfg.Log.Warn("lost a leaf's promises, asking again", "leaf", n.name, "error", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		wait = min(2*wait, time.Second)
	}
}

// hear takes an Update in: into the book, onto the journal, and then the leaf
// may acknowledge the rows. first tells that it is the first of a subscription.
func (a *Aggregator) hear(n *node, u *wire.Update, first bool) error {
	if u.Leaf != n.name {
		return fmt.Errorf("leaf %q calls itself %q", n.name, u.Leaf)
	}
	now := a.cfg.Now()
	if u.Full || len(u.Tables) > 0 {
		a.book.apply(u)
		a.quotas.note(u)
		if err := a.file.write(a.book, &bookRecord{Update: u, At: now.UnixNano()}); err != nil {
			return &journalError{err}
		}
	} else if err := a.file.mend(a.book); err != nil {
		return &journalError{err}
	}
	if first && a.cfg.Catalog != nil { // before it is read: it may be suspended
		a.takeAgreed()
	}
	for _, late := range a.book.late(u, first) {
		a.bringSettings(late)
	}
	a.mu.Lock()
	n.heard = now
	if !n.ready {
		a.moves.Add(1)
	}
	n.ready, n.broken = true, false
	if n.state == StateJoining {
		n.state = StateUp
	}
	a.mu.Unlock()
	return nil
}

// lateSettings is a leaf that has older settings of a table than another.
type lateSettings struct {
	leaf, table string
	newest      storage.Settings
} // comparable: one that is on its way is not sent twice

// late lists, for the tables of an update, the leaves that were away when the
// settings changed, or have just got their first rows; for the first update of a
// subscription, which may leave out what is known, for all tables of its leaf.
func (b *book) late(u *wire.Update, first bool) []lateSettings {
	var list []lateSettings
	names := make([]string, 0, len(u.Tables))
	for i := range u.Tables {
		names = append(names, u.Tables[i].Table)
	}
	if first {
		names = b.tablesOf(u.Leaf)
	}
	for _, table := range names {
		list = append(list, b.behind(table)...)
	}
	return list
}

// bringSettings gives a leaf that is up a table's newest settings, in a goroutine
// of its own: a leaf waits while it is heard.
func (a *Aggregator) bringSettings(late lateSettings) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.nodes[late.leaf]
	if n == nil || n.leaf == nil || n.state == StateDown || a.setting[late] {
		return
	}
	a.setting[late] = true
	leaf := n.leaf
	a.work.Go(func() {
		ctx, cancel := context.WithTimeout(a.ctx, timeoutDefault)
		defer cancel()
		err := leaf.Set(ctx, late.table, late.newest)
		a.mu.Lock()
		delete(a.setting, late)
		a.mu.Unlock()
		if err != nil {
			a.cfg.Log.Warn("a leaf does not take a table's settings; they are sent again with its next rows",
				"leaf", late.leaf, "table", late.table, "error", err)
		}
	})
}

// seat is a node at one moment.
type seat struct {
	name   string
	leaf   wire.Leaf
	state  NodeState
	ready  bool // it has told its promise since it was attached
	told   bool // it has, but the journal did not take it
	lease  bool // its promise holds now
	free   uint64
	local  bool
	broken bool            // its updates have broken off
	life   context.Context // ends when it is taken for dead; nil with leaf
}

// seat is the node now.
func (n *node) seat(now time.Time) seat {
	return seat{
		name: n.name, leaf: n.leaf, state: n.state, free: n.free, local: n.local, ready: n.ready, told: n.told, broken: n.broken, life: n.life,
		lease: n.ready && (n.local || now.Sub(n.heard) < leaseTime),
	}
}

// seats lists the known leaves by name, but for those that are forgotten.
func (a *Aggregator) seats() []seat {
	now, forgotten := a.cfg.Now(), a.book.forgotten()
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]seat, 0, len(a.nodes))
	for _, n := range a.nodes {
		if !forgotten[n.name] {
			list = append(list, n.seat(now))
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list
}

// Ready tells whether every leaf that is up has told its promises and there is
// one at least, so that answers are as complete as they can be. Where the journal
// takes no writes, that is enough: only rows are not taken in.
func (a *Aggregator) Ready() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	ready := 0
	for _, n := range a.nodes {
		if n.leaf != nil && n.state != StateDown && !n.ready && !n.told {
			return false
		}
		if n.ready || n.told {
			ready++
		}
	}
	return ready > 0
}
