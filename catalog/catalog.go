package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// Config says where a catalog lies and who votes. Name, Now and Log must be given.
type Config struct {
	Dir  string // of its file; "": in memory only
	Name string // of this node, unique and kept
	Now  func() time.Time
	Log  *slog.Logger

	// Network reaches other nodes; nil: there are none, and this one votes alone.
	Network   Network
	Address   string          // with Network: of this node, for the others
	Others    func() []string // with Network: addresses of nodes that may be in the catalog
	Bootstrap bool            // with Network: begin a new catalog if there is none here
}

// Catalog is this node's copy, and the way to change everyone's. All methods may
// be called concurrently.
type Catalog struct {
	cfg   Config
	state *state

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	begin   sync.Once
	begun   sync.WaitGroup // the goroutine that begins
	work    sync.WaitGroup // those that wait for Raft
	resumed bool           // there were entries when it was opened
	store   *store         // as Open left it; nil: no file was there, or it does not read

	running atomic.Pointer[running]
	failed  atomic.Pointer[failure]
	foreign atomic.Pointer[failure] // the last other catalog that was met
}

// running is what stands once Raft runs.
type running struct {
	raft  *raft.Raft
	store *store // nil: in memory
	link  *link  // nil: it votes alone
}

// failure is why Raft does not run.
type failure struct{ err error }

// Open returns a catalog; Close ends it. It never fails: with a file that cannot
// be read all entries seem to be missing, and writes and Err say why.
//
// The state is whole when it returns, if there was one. Raft begins then where there
// are others, and with the first change where there are none: a start of one process
// does not wait for it, nor for its memory.
func Open(cfg Config) *Catalog {
	c := &Catalog{cfg: cfg, state: newState()}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if cfg.Dir != "" && storeExists(cfg.Dir) {
		if err := c.load(); err != nil {
			c.fail(err)
			return c
		}
		c.resumed = c.store.holds()
	}
	if cfg.Network != nil {
		c.wake()
	}
	return c
}

// fail notes that there will be no changes.
func (c *Catalog) fail(err error) {
	c.cfg.Log.Error("the catalog takes no changes", "error", err)
	c.failed.Store(&failure{err})
}

// load opens the file, and brings the state to where it was.
func (c *Catalog) load() error {
	store, err := openStore(c.ctx, c.cfg.Dir, c.committed(), c.cfg.Log)
	if err != nil {
		return err
	}
	if err := store.replay(c.state, raft.ServerID(c.cfg.Name)); err != nil {
		return errors.Join(err, store.close())
	}
	c.store = store
	return nil
}

// wake has Raft begin, if it has not.
func (c *Catalog) wake() {
	c.begin.Do(func() {
		c.begun.Go(func() {
			run, err := c.start()
			if err != nil {
				c.fail(err)
				return
			}
			c.running.Store(run)
			if run.link != nil {
				c.work.Go(func() { c.takePart(run) })
			}
		})
	})
}

// start starts Raft over the file.
func (c *Catalog) start() (run *running, err error) {
	run = &running{}
	var logs raft.LogStore
	var stable raft.StableStore
	var snapshots raft.SnapshotStore
	if c.cfg.Dir == "" {
		memory := raft.NewInmemStore()
		logs, stable, snapshots = memory, memory, raft.NewInmemSnapshotStore()
	} else {
		if c.store == nil {
			if err := c.load(); err != nil {
				return nil, err
			}
		}
		run.store = c.store
		logs, stable, snapshots = run.store, run.store, run.store
	}
	conf := raft.DefaultConfig()
	conf.LocalID = raft.ServerID(c.cfg.Name)
	conf.Logger = hclog.NewNullLogger() // eight lines a second for a peer that is away: observers tell
	conf.NoLegacyTelemetry = true
	conf.SnapshotThreshold, conf.SnapshotInterval, conf.TrailingLogs = snapshotEvery, snapshotInterval, trailingLogs
	conf.NoSnapshotRestoreOnStart = run.store != nil // replay has done it
	conf.MaxAppendEntries = appendMax
	conf.ShutdownOnRemove = false // it asks to follow anew
	transport := c.transport(run, conf)
	if run.link == nil || c.cfg.Bootstrap {
		if err := bootstrap(logs, stable, snapshots, raft.Server{ID: conf.LocalID, Address: transport.LocalAddr()}); err != nil {
			return nil, err
		}
	}
	if err := run.store.identify(conf.LocalID); err != nil {
		return nil, err
	}
	run.raft, err = raft.NewRaft(conf, c.state, logs, stable, snapshots, transport)
	if err != nil {
		return nil, fmt.Errorf("cannot start from the catalog's log: %w", err)
	}
	return run, nil
}

// bootstrap begins a catalog with a sole voter, where there is no entry yet. It does
// again what a death cut short: Raft's own takes a term without an entry, which it
// writes first, for a catalog that has begun.
func bootstrap(logs raft.LogStore, stable raft.StableStore, snapshots raft.SnapshotStore, sole raft.Server) error {
	last, err := logs.LastIndex()
	if err != nil || last > 0 {
		return err
	}
	list, err := snapshots.List()
	if err != nil || len(list) > 0 {
		return err
	}
	term, err := stable.GetUint64(keyTerm)
	if err != nil && err.Error() != "not found" { // as Raft's store in memory says of none
		return err
	}
	if term == 0 {
		term = 1
		if err := stable.SetUint64(keyTerm, term); err != nil {
			return err
		}
	}
	first := raft.Configuration{Servers: []raft.Server{sole}}
	return logs.StoreLog(&raft.Log{Index: 1, Term: term, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(first)})
}

// committed says how far the log is known to be committed; nil: all of it.
func (c *Catalog) committed() func() uint64 {
	if c.cfg.Network == nil {
		return nil
	}
	return func() uint64 {
		c.state.mu.RLock()
		defer c.state.mu.RUnlock()
		return c.state.applied
	}
}

// transport is how Raft reaches the others, and sets how long it waits for them.
func (c *Catalog) transport(run *running, conf *raft.Config) raft.Transport {
	if c.cfg.Network == nil {
		conf.HeartbeatTimeout, conf.ElectionTimeout, conf.LeaderLeaseTimeout = soleTimeout, soleTimeout, soleTimeout
		_, alone := raft.NewInmemTransport(raft.ServerAddress(c.cfg.Name))
		return alone
	}
	conf.HeartbeatTimeout, conf.ElectionTimeout, conf.LeaderLeaseTimeout = leaderTimeout, leaderTimeout, leaseTimeout
	run.link = newLink(c.ctx, c.cfg.Network, c.cfg.Address, run.store)
	return run.link
}

// Resign hands the lead to another voter, if there is one: for a node that is about
// to Close, so that nobody waits until it is missed.
func (c *Catalog) Resign() {
	run := c.running.Load()
	if run == nil || run.link == nil || run.raft.State() != raft.Leader || len(c.Status().Voters) < 2 {
		return
	}
	done := make(chan struct{})
	c.work.Go(func() {
		defer close(done)
		_ = run.raft.LeadershipTransfer().Error() // or the others miss it
	})
	select {
	case <-done:
	case <-time.After(leaderTimeout):
	}
}

// Close ends Raft and closes the file. Calls of Propose must have ended.
func (c *Catalog) Close() error {
	c.cancel()
	c.begun.Wait()
	var err error
	if run := c.running.Load(); run != nil {
		err = run.raft.Shutdown().Error()
	}
	c.work.Wait()
	if c.store != nil {
		err = errors.Join(err, c.store.close())
	}
	return err
}

// Err is why no changes are taken, apart from a leader that is not there for the
// moment; nil: they are.
func (c *Catalog) Err() error {
	if f := c.failed.Load(); f != nil {
		return f.err
	}
	return c.state.trouble()
}

// Get returns an entry as this node knows it.
func (c *Catalog) Get(kind Kind, id string) (Entry, bool) { return c.state.get(kind, id) }

// List returns a kind's entries by id, as this node knows them.
func (c *Catalog) List(kind Kind) []Entry { return c.state.list(kind) }

// Changed returns a channel that is closed when the state has changed after this
// call. Look at the state after it, and then wait.
func (c *Catalog) Changed() <-chan struct{} {
	c.state.mu.RLock()
	defer c.state.mu.RUnlock()
	return c.state.changed
}

// Propose makes changes together or none of them, and returns when this node's
// copy has them: their entries have the version returned. Errors: *Refused,
// *Conflict, *Unavailable, or that of ctx.
func (c *Catalog) Propose(ctx context.Context, changes ...Change) (version uint64, err error) {
	for i := range changes {
		if err := changes[i].check(); err != nil {
			return 0, err
		}
	}
	if err := c.state.room(changes); err != nil {
		return 0, err
	}
	text := appendCommand(nil, &command{c.cfg.Now().UnixNano(), changes})
	if len(text) > commandBytesMax {
		return 0, &Refused{fmt.Sprintf("the changes take %d bytes together; at most %d", len(text), commandBytesMax)}
	}
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	message := func(run *running) []byte { return append(appendText([]byte{opPropose}, run.store.id()), text...) }
	return c.lead(ctx, message, func(run *running) (uint64, error) { return c.apply(ctx, run, text) })
}

// apply proposes a command on this node, which leads.
func (c *Catalog) apply(ctx context.Context, run *running, text []byte) (uint64, error) {
	future := run.raft.Apply(text, applyTimeout)
	done := make(chan error, 1)
	c.work.Go(func() { done <- future.Error() })
	select {
	case err := <-done:
		if err != nil {
			return 0, applyError(err)
		}
	case <-ctx.Done():
		return 0, &Unavailable{Reason: "it was not answered in time", FateUnknown: true}
	}
	if err, ok := future.Response().(error); ok {
		var stuck *stuckError
		if errors.As(err, &stuck) {
			return 0, &Unavailable{Reason: err.Error()}
		}
		return future.Index(), err
	}
	return future.Index(), nil
}

// applyError says what Raft's error means for whoever proposed.
func applyError(err error) error {
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return errNotLeader
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return &Unavailable{Reason: err.Error()}
	}
	return &Unavailable{Reason: err.Error(), FateUnknown: true}
}
