package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// WhenFull says what happens when memory is used up.
type WhenFull int

const (
	WhenFullEvict  WhenFull = iota // the oldest full blocks go and the horizon moves
	WhenFullReject                 // Append fails with a FullError
)

// Config of a store. It is validated by Open and must not change after.
type Config struct {
	MemoryDir string // on tmpfs; made if there is none
	DataDir   string // on disk; empty: nothing is written to disk

	Budget   int64 // bytes of tmpfs to use; 0: what the file system gives
	WhenFull WhenFull

	Shard ShardID // written into every block, fixed when the leaf is born; 0: its own

	Now      func() time.Time       // nil: time.Now
	BootID   func() (string, error) // nil: DefaultBootID
	TmpfsOK  func(dir string) error // nil: DefaultTmpfsOK
	Log      *slog.Logger           // nil: nothing is logged
	LeafName string                 // written into the superblock, for people

	// Unmerged keeps blocks as they were appended. It is for benchmarks of tables
	// that merges have not caught up with; receipts do not wait for merges then.
	Unmerged bool

	// StartRest is how long after a start the disk's log is read, unless recovery
	// needs it, and so how long a damaged block waits for its copy. It is for tests
	// that start thousands of times. 0: 300 ms.
	StartRest time.Duration

	// For tests; zero is the real thing.
	leafID         [16]byte             // of a new leaf
	checkpointPast int64                // when a checkpoint is due
	lagWait        time.Duration        // how long receipts wait for the disk
	fullWait       time.Duration        // how long appends wait for memory that views hold
	flushEvery     time.Duration        // the pause before a flush
	retryEvery     time.Duration        // the pause after a flush that failed
	fullRest       time.Duration        // how long after such a wait in vain others do not begin one
	reloadEvery    time.Duration        // the pause before a block is read from disk again
	diskFileBytes  int64                // when a file of blocks is full
	syncFile       func(*os.File) error // makes a file survive power loss
	files          fileOps              // what else is done to files of the data directory
	atCheckpoint   func(step string)    // called at the steps of a checkpoint
}

func (c *Config) fill() error {
	if c.MemoryDir == "" {
		return errors.New("a store needs a memory directory")
	}
	if c.Budget < 0 {
		return fmt.Errorf("the memory budget is %d: it must not be negative", c.Budget)
	}
	if c.WhenFull != WhenFullEvict && c.WhenFull != WhenFullReject {
		return fmt.Errorf("what to do when memory is full is %d: no such choice", c.WhenFull)
	}
	if len(c.LeafName) > superNameMax {
		return fmt.Errorf("the leaf's name is %d bytes long: at most %d", len(c.LeafName), superNameMax)
	}
	if c.checkpointPast == 0 {
		c.checkpointPast = checkpointBytes / failpointShare
	}
	if c.lagWait == 0 {
		c.lagWait = diskLagWait
	}
	if c.fullWait == 0 {
		c.fullWait = fullWait
	}
	if c.fullRest == 0 {
		c.fullRest = fullRest
	}
	if c.StartRest == 0 {
		c.StartRest = startRest
	}
	if c.flushEvery == 0 {
		c.flushEvery = diskFlushEvery
	}
	if c.retryEvery == 0 {
		c.retryEvery = diskRetryEvery
	}
	if c.reloadEvery == 0 {
		c.reloadEvery = reloadEvery
	}
	if c.diskFileBytes == 0 {
		c.diskFileBytes = diskFileBytes / failpointShare
	}
	if c.syncFile == nil {
		c.syncFile = syncData
	}
	if c.files == nil {
		c.files = osFiles{}
	}
	if c.atCheckpoint == nil {
		c.atCheckpoint = failpointCheckpoint
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.BootID == nil {
		c.BootID = DefaultBootID
	}
	if c.TmpfsOK == nil {
		c.TmpfsOK = DefaultTmpfsOK
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// ErrClosed is returned by calls that come after Close, and by appends that wait
// when it comes.
var ErrClosed = errors.New("the store is closed")

// ErrUnknownTable is returned where a table must exist.
var ErrUnknownTable = errors.New("no such table")

// ErrTables is returned for rows of a new table where there are TablesMax.
var ErrTables = errors.New("drop a table first")

// A Store keeps the tables of one leaf. It is safe for concurrent use. See
// doc_store.go for its parts and goroutines.
type Store struct {
	cfg   Config
	super superblock
	lock  *dirLock // of the memory directory
	alloc *allocator
	disk  *disk // nil without a data directory

	// commitMu is held to write an edit; it orders before every other mutex.
	commitMu  sync.Mutex
	log       *memoryLog
	lastLog   uint64 // the highest number of a log, current or not
	logSwitch *logSwitch
	editBuf   []byte
	broken    error // after a fault while the log was written: nothing more is committed

	seq       atomic.Uint64 // the last edit that is visible
	nextBlock atomic.Uint64

	tablesMu sync.RWMutex
	tables   map[string]*Table
	byNumber map[uint64]*Table // by incarnation
	sorted   []*Table          // by name; replaced, never changed, so that it can be handed out
	dropped  []TableChange     // the last dropped tables
	unknown  uint64            // of tables dropped up to this edit, some are not in it

	recent recentTables
	opened openedBlocks

	looks    sync.Mutex // of maintain: guards the two below
	swept    [2]uint64  // the edits at the last two
	idle     int64      // bytes without blocks that maintain found when it last looked
	inflight inflight
	queues   queues

	merges     merges
	room       chan struct{} // of capacity 1: held by who makes room in memory
	inVain     waitInVain
	logBytes   atomic.Int64 // pages of the memory log
	logDamaged bool         // the log could not be read to its end at Open
	keyBytes   atomic.Int64 // of the keys of all tables
	evicted    atomic.Int64 // blocks gone for want of memory since Open
	scrubs     scrubs

	reloading atomic.Bool // blocks are being read from disk

	watches watches

	pinned  atomic.Int64 // views not released
	pending atomic.Int64 // bytes dropped that views still hold
	damaged atomic.Int64 // live blocks set aside
	loading atomic.Int64 // live blocks not in memory yet

	changed  chan struct{} // something was committed
	checkpts chan struct{} // the log wants a checkpoint
	reload   chan struct{} // blocks wait to be read from disk

	leaving chan struct{} // closed first by Close: calls that wait for memory, merges or the disk give up
	closing chan struct{} // closed when no call is under way any more: goroutines end
	closed  atomic.Bool
	running sync.WaitGroup // goroutines of the store
	calls   sync.WaitGroup // Append and the like, under way
	callsMu sync.Mutex     // orders calls.Add against Close
}

// LeafID names the leaf for ever; both of its directories carry it.
func (s *Store) LeafID() string { return s.super.leafID() }

// Shard is what the leaf's blocks belong to.
func (s *Store) Shard() ShardID { return s.super.shard }

// Epoch is the first part of the ids of the blocks written now. It is a new one
// whenever the memory directory could not be trusted or was not there.
func (s *Store) Epoch() uint64 { return s.super.epoch }

// Born is when the leaf's first directory was made.
func (s *Store) Born() time.Time { return time.Unix(0, s.super.born).UTC() }

// Seq is the last edit.
func (s *Store) Seq() uint64 { return s.seq.Load() }

// Notify returns a channel that gets a value after edits, before the calls that
// wait for them return; several edits may give one. There is one channel: of
// several readers one gets the value, and tells the others.
func (s *Store) Notify() <-chan struct{} { return s.changed }

// Table returns a table by name.
func (s *Store) Table(name string) (*Table, bool) {
	s.tablesMu.RLock()
	defer s.tablesMu.RUnlock()
	t, ok := s.tables[name]
	return t, ok
}

// Tables returns all tables by name. The slice belongs to the store and must not be
// changed.
func (s *Store) Tables() []*Table {
	s.tablesMu.RLock()
	defer s.tablesMu.RUnlock()
	return s.sorted
}

// Holds tells whether any chunk of a batch key is remembered for a table.
func (s *Store) Holds(table, key string) bool {
	t, ok := s.Table(table)
	return ok && t.keys.holds(key)
}

// begin marks a call under way, which Close waits for.
func (s *Store) begin() error {
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	if s.closed.Load() {
		return ErrClosed
	}
	s.calls.Add(1)
	return nil
}

// DropTable drops a table with its rows, settings and keys.
func (s *Store) DropTable(name string) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.calls.Done()
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	t, ok := s.Table(name)
	if !ok {
		return fmt.Errorf("table %q: %w", name, ErrUnknownTable)
	}
	failpoint("drop.begin")
	if err := s.commitLocked(&edit{gone: []uint64{t.incarnation}}, true); err != nil {
		return fmt.Errorf("cannot drop table %q: %w", name, err)
	}
	failpoint("drop.committed")
	return nil
}

// SetSettings replaces the settings of a table, unless those it has are of a
// later version. Without the table it is ErrUnknownTable: one that is just being
// dropped must not come back by its settings.
func (s *Store) SetSettings(name string, settings Settings) error {
	if err := checkTableName(name); err != nil {
		return err
	}
	if err := s.checkSettings(name, settings); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.calls.Done()
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	t, ok := s.Table(name)
	if !ok {
		return fmt.Errorf("table %q: %w", name, ErrUnknownTable)
	}
	if settings.Version < t.Settings().Version {
		return nil
	}
	e := &edit{settings: []editSettings{{t.incarnation, settings}}}
	if err := s.commitLocked(e, false); err != nil {
		return fmt.Errorf("cannot change the settings of table %q: %w", name, err)
	}
	return nil
}

// checkSettings returns an error for settings that no table of the store can have.
func (s *Store) checkSettings(table string, settings Settings) error {
	err := errors.Join(settings.Validate(), settings.ValidateTogether())
	if err == nil && settings.Durability == DurabilitySync && s.disk == nil {
		err = ErrNoDisk
	}
	if err != nil {
		return fmt.Errorf("settings of table %q: %w", table, err)
	}
	return nil
}

// IsTableName tells whether a table can have the name: 1 to TableNameBytesMax
// letters, digits, _ . and -, all of ASCII; but not . and .., which clients take out
// of the path of a URL before they send it.
func IsTableName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return len(name) > 0 && len(name) <= TableNameBytesMax && name != "." && name != ".."
}

func checkTableName(name string) error {
	if !IsTableName(name) {
		return fmt.Errorf("%.200q is not a table name: 1 to %d of A-Z a-z 0-9 _ . -", name, TableNameBytesMax)
	}
	return nil
}

// Seal ends commits before Close: every later one fails with ErrClosed, those of
// merges and retention too, so that Seq is the last edit of this process and
// whoever follows the store can hear all of it. Reading goes on.
func (s *Store) Seal() {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if s.broken == nil {
		s.broken = ErrClosed
	}
}

// Close waits for what is under way, flushes the disk and lets go of the
// directories. The memory files stay for the next Open. Appends that wait for
// memory or for a disk that lags return ErrClosed.
func (s *Store) Close() error {
	s.callsMu.Lock()
	already := s.closed.Swap(true)
	s.callsMu.Unlock()
	if already {
		return ErrClosed
	}
	close(s.leaving)
	s.calls.Wait()
	close(s.closing)
	s.running.Wait()
	s.watches.closeAll()
	return s.closeFiles()
}

// closeFiles lets go of the files. Memory that a view still reads stays mapped:
// a mapping costs nothing, a fault would be reported as damage.
func (s *Store) closeFiles() error {
	var errs []error
	if s.disk != nil {
		errs = append(errs, s.disk.close())
	}
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	s.broken = ErrClosed
	if s.log != nil {
		errs = append(errs, s.log.close())
	}
	if s.logSwitch != nil {
		errs = append(errs, s.logSwitch.close())
	}
	if s.pinned.Load() == 0 {
		errs = append(errs, s.alloc.close())
	}
	return errors.Join(append(errs, s.lock.unlock())...)
}
