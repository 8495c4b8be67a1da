package storage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// storeModel is what a store should hold, in maps, beside the store.
type storeModel struct {
	t    *testing.T
	rng  *rand.Rand
	cfg  Config
	dir  string
	s    *Store
	now  time.Time
	next int64

	tables map[string]*modelTable
	known  map[string]*modelHist         // what a reader of Changes has learned
	types  map[string]map[string]TypeSet // and of columns, reading them only where it was told to
	upTo   uint64
	copies int
}

type modelTable struct {
	rows  map[int64]int
	thin  map[int64]uint64 // weights of the rows that were thinned
	keys  map[string]modelKey
	added uint64
}

type modelKey struct {
	digest uint64
	rows   uint32
}

type modelHist struct {
	incarnation uint64
	added       uint64
	buckets     map[bucketName]uint64
}

// TestStoreModel does random things to a store and to a model and compares them
// after each, through restarts, copies taken in the middle (as a kill would leave
// them) and reboots.
func TestStoreModel(t *testing.T) {
	seeds := 6
	if testing.Short() {
		seeds = 2
	}
	base := uint64(time.Now().UnixNano())
	for i := range seeds {
		seed := base + uint64(i)
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { runModel(t, seed, 250, i%2 == 1) })
	}
}

func runModel(t *testing.T, seed uint64, steps int, onDisk bool) {
	m := &storeModel{
		t: t, rng: rand.New(rand.NewPCG(seed, 5)), dir: testShm(t), now: time.Now(),
		tables: map[string]*modelTable{}, known: map[string]*modelHist{},
		types: map[string]map[string]TypeSet{},
	}
	m.cfg = testConfig(t, m.dir)
	m.cfg.Now = func() time.Time { return m.now }
	m.cfg.checkpointPast = 8 << 10
	m.cfg.flushEvery = time.Millisecond
	if onDisk {
		m.cfg.DataDir = filepath.Join(m.dir, "data")
	}
	m.s = testOpen(t, m.cfg)
	defer func() { testClose(t, m.s) }()
	for step := range steps {
		what := m.step()
		m.check(fmt.Sprintf("step %d, %s", step, what))
	}
}

func (m *storeModel) step() string {
	m.now = m.now.Add(time.Duration(m.rng.IntN(1_000)) * time.Millisecond)
	switch n := m.rng.IntN(100); {
	case n < 57:
		return m.append()
	case n < 60:
		return m.thin()
	case n < 68:
		return m.merge()
	case n < 72:
		return m.drop()
	case n < 77:
		return m.retention()
	case n < 80:
		return m.evict()
	case n < 84:
		m.s.commitMu.Lock()
		defer m.s.commitMu.Unlock()
		if err := m.s.checkpointLocked(); err != nil {
			m.t.Fatal(err)
		}
		return "checkpoint"
	case n < 90:
		testClose(m.t, m.s)
		m.s = testOpen(m.t, m.cfg)
		return "restart"
	case n < 95:
		return m.crash()
	default:
		return m.reboot()
	}
}

func (m *storeModel) pick() string { return []string{"a", "b", "c"}[m.rng.IntN(3)] }

func (m *storeModel) append() string {
	name := m.pick()
	rows := 1 + m.rng.IntN(30)
	if m.rng.IntN(15) == 0 {
		rows = 8_000 + m.rng.IntN(1_000)
	}
	at := m.now.Add(-time.Duration(m.rng.IntN(100)) * time.Minute).UnixNano()
	if m.rng.IntN(10) == 0 {
		at -= int64(100 * 24 * time.Hour)
	}
	batch := testBatch(m.next, rows, at)
	if m.rng.IntN(3) == 0 { // a column that not all rows have
		v := batch.vector(fmt.Sprint("x", m.rng.IntN(9)), []Type{TypeInt64, TypeBool, TypeTime}[m.rng.IntN(3)])
		v.Rows, v.Ints = append(v.Rows, uint32(m.rng.IntN(rows))), append(v.Ints, 1)
	}
	a := Append{Table: name, Batch: batch, Digest: uint64(m.next), Receipt: Receipt{Accepted: uint32(rows)}}
	t := m.tables[name]
	if m.rng.IntN(2) == 0 {
		a.Key = fmt.Sprint("key", m.next)
		if t != nil && len(t.keys) > 0 && m.rng.IntN(3) == 0 {
			return m.again(name, t, a)
		}
	}
	testAppend(m.t, m.s, a)
	if t == nil {
		t = &modelTable{rows: map[int64]int{}, thin: map[int64]uint64{}, keys: map[string]modelKey{}}
		m.tables[name] = t
	}
	for range rows {
		t.rows[m.next] = 1
		m.next++
	}
	t.added += uint64(rows)
	if a.Key != "" {
		t.keys[a.Key] = modelKey{a.Digest, a.Receipt.Accepted}
	}
	return fmt.Sprint("append ", rows, " to ", name)
}

// again repeats a key, with the same content or other.
func (m *storeModel) again(name string, t *modelTable, a Append) string {
	keys := slices.Sorted(maps.Keys(t.keys))
	a.Key = keys[m.rng.IntN(len(keys))]
	k := t.keys[a.Key]
	if m.rng.IntN(2) == 0 {
		if _, err := m.s.Append(context.Background(), a); !errors.Is(err, ErrKeyReused) {
			m.t.Fatalf("other content under key %s: %v", a.Key, err)
		}
		return "key reused"
	}
	a.Digest = k.digest
	if res := testAppend(m.t, m.s, a); !res.Duplicate || res.Receipt.Accepted != k.rows {
		m.t.Fatalf("key %s of %s again: %+v", a.Key, name, res)
	}
	return "duplicate"
}

func (m *storeModel) merge() string {
	tab, ok := m.s.Table(m.pick())
	if !ok {
		return "merge nothing"
	}
	level := m.rng.IntN(mergeLevels)
	rule := mergeRuleOf(level)
	class := mergeSets[m.rng.IntN(len(mergeSets))]
	refs, _ := tab.candidates(rule.from, class, 2+m.rng.IntN(20), RowsPerBlockMax)
	if len(refs) < 2 {
		return "merge nothing"
	}
	// The store's own merges may come first.
	if err := m.s.merge(tab, refs, rule, class); err != nil && !errors.Is(err, errMergeMoot) {
		m.t.Fatal(err)
	}
	return fmt.Sprint("merge ", len(refs), " blocks")
}

func (m *storeModel) drop() string {
	name := m.pick()
	err := m.s.DropTable(name)
	if m.tables[name] == nil {
		if !errors.Is(err, ErrUnknownTable) {
			m.t.Fatalf("drop of no table: %v", err)
		}
		return "drop nothing"
	}
	if err != nil {
		m.t.Fatal(err)
	}
	delete(m.tables, name)
	return "drop " + name
}

// loseOld does something that drops blocks and takes over what is left: it must
// be a part of what was there, nothing newer than the horizon may be missing.
func (m *storeModel) loseOld(what func()) {
	what()
	for name, t := range m.tables {
		got := readIDs(m.t, m.s, name)
		for id, n := range got {
			if t.rows[id] != 1 || n != 1 {
				m.t.Fatalf("row %d of %s: %d times there, %d before", id, name, n, t.rows[id])
			}
		}
		tab, _ := m.s.Table(name)
		if len(got) < len(t.rows) && tab.Horizon() == 0 {
			m.t.Fatalf("rows of %s went and its horizon did not move", name)
		}
		t.rows = got
	}
}

func (m *storeModel) retention() string {
	name := m.pick()
	if m.tables[name] == nil {
		return "retain nothing"
	}
	err := m.s.SetSettings(name, Settings{RetentionAge: time.Duration(1+m.rng.IntN(200)) * time.Minute, RetentionBytes: int64(m.rng.IntN(200_000))})
	if err != nil {
		m.t.Fatal(err)
	}
	m.loseOld(m.s.retain)
	if err := m.s.SetSettings(name, Settings{}); err != nil {
		m.t.Fatal(err)
	}
	return "retain " + name
}

// thin thins a table and takes over what is left: rows of which each weighs what it
// did, or if it was not thinned before, what the setting says.
func (m *storeModel) thin() string {
	name := m.pick()
	t := m.tables[name]
	if t == nil {
		return "thin nothing"
	}
	keep := uint64(2 + m.rng.IntN(3))
	err := m.s.SetSettings(name, Settings{ThinAfter: time.Duration(1+m.rng.IntN(200)) * time.Minute, ThinKeep: int64(keep)})
	if err != nil {
		m.t.Fatal(err)
	}
	m.s.thin()
	if err := m.s.SetSettings(name, Settings{}); err != nil {
		m.t.Fatal(err)
	}
	got := readWeights(m.t, m.s, name)
	rows := map[int64]int{}
	for id, w := range got {
		switch was := t.thin[id]; {
		case t.rows[id] != 1:
			m.t.Fatalf("row %d of %s is there after thinning and was not before", id, name)
		case w == was || was == 0 && w == 1:
		case was == 0 && w == keep:
			t.thin[id] = w
		default:
			m.t.Fatalf("row %d of %s weighs %d after thinning by %d, %d before", id, name, w, keep, was)
		}
		rows[id] = 1
	}
	for id := range t.rows {
		if t.thin[id] != 0 && rows[id] == 0 {
			m.t.Fatalf("row %d of %s was thinned twice", id, name)
		}
	}
	t.rows = rows
	return fmt.Sprint("thin ", name)
}

// checkWeights holds the weights of a table against the model.
func (m *storeModel) checkWeights(when, name string, t *modelTable) {
	m.t.Helper()
	for id, w := range readWeights(m.t, m.s, name) {
		if want := max(1, t.thin[id]); w != want {
			m.t.Fatalf("%s: row %d of %s weighs %d, not %d", when, id, name, w, want)
		}
	}
}

func (m *storeModel) evict() string {
	m.loseOld(func() {
		if _, err := m.s.evict(int64(m.rng.IntN(50_000))); err != nil {
			m.t.Fatal(err)
		}
	})
	return "evict"
}

// crash goes on with a copy of the directories, taken while the store is open.
func (m *storeModel) crash() string {
	m.copies++
	dir := filepath.Join(m.dir, fmt.Sprint("copy", m.copies))
	// No edit comes while the copy is taken, or it would be of several moments; the
	// disk is quiet for the same reason.
	testSync(m.t, m.s)
	m.s.commitMu.Lock()
	copyDir(m.t, m.cfg.MemoryDir, filepath.Join(dir, "mem"))
	if m.cfg.DataDir != "" {
		copyDir(m.t, m.cfg.DataDir, filepath.Join(dir, "data"))
	}
	m.s.commitMu.Unlock()
	testClose(m.t, m.s)
	os.RemoveAll(m.cfg.MemoryDir)
	m.cfg.MemoryDir = filepath.Join(dir, "mem")
	if m.cfg.DataDir != "" {
		os.RemoveAll(m.cfg.DataDir)
		m.cfg.DataDir = filepath.Join(dir, "data")
	}
	m.s = testOpen(m.t, m.cfg)
	return "crash"
}

// reboot loses the memory directory, or only the trust in it.
func (m *storeModel) reboot() string {
	testClose(m.t, m.s)
	boot := fmt.Sprint("boot-", m.rng.Uint64())
	m.cfg.BootID = func() (string, error) { return boot, nil }
	if m.cfg.DataDir != "" && m.rng.IntN(2) == 0 {
		os.RemoveAll(m.cfg.MemoryDir)
	}
	m.s = testOpen(m.t, m.cfg)
	waitLoaded(m.t, m.s)
	m.known, m.upTo = map[string]*modelHist{}, 0 // a new epoch
	return "reboot"
}

func (m *storeModel) check(when string) {
	m.t.Helper()
	names := []string{}
	for _, tab := range m.s.Tables() {
		names = append(names, tab.Name())
	}
	if want := slices.Sorted(maps.Keys(m.tables)); !slices.Equal(names, want) {
		m.t.Fatalf("%s: tables %v, not %v", when, names, want)
	}
	m.learn()
	for name, t := range m.tables {
		if got := readIDs(m.t, m.s, name); !maps.Equal(got, t.rows) {
			wantIDs(m.t, m.s, name, t.rows)
		}
		m.checkWeights(when, name, t)
		tab, _ := m.s.Table(name)
		checkSums(m.t, tab)
		if tab.Rows() != int64(len(t.rows)) {
			m.t.Fatalf("%s: %s says %d rows, not %d", when, name, tab.Rows(), len(t.rows))
		}
		for key := range t.keys {
			if !m.s.Holds(name, key) {
				m.t.Fatalf("%s: key %s of %s is forgotten", when, key, name)
			}
		}
		for column, info := range tab.Schema() {
			if unknown := info.Types &^ m.types[name][column]; unknown != 0 {
				m.t.Fatalf("%s: Changes did not tell of column %s of %s", when, column, name)
			}
		}
		k := m.known[name]
		if k.added != t.added {
			m.t.Fatalf("%s: Changes says %d rows were added to %s, not %d", when, k.added, name, t.added)
		}
		sum := uint64(0)
		for _, n := range k.buckets {
			sum += n
		}
		if sum != uint64(len(t.rows)) {
			m.t.Fatalf("%s: the buckets of Changes hold %d rows of %s, not %d", when, sum, name, len(t.rows))
		}
	}
	if st := m.s.Status(); st.Damaged != 0 || st.LogDamaged {
		m.t.Fatalf("%s: %+v", when, st)
	}
}

// learn reads Changes as an aggregator does.
func (m *storeModel) learn() {
	var changes []TableChange
	m.upTo, changes, _ = m.s.Changes(m.upTo)
	for _, c := range changes {
		k := m.known[c.Table]
		if c.Dropped {
			if k != nil && k.incarnation == c.Incarnation {
				delete(m.known, c.Table)
			}
			continue
		}
		if k == nil || k.incarnation != c.Incarnation || c.Full {
			k = &modelHist{incarnation: c.Incarnation, buckets: map[bucketName]uint64{}}
			m.known[c.Table] = k
		}
		k.added = c.Added
		if c.Columns {
			types := map[string]TypeSet{}
			if tab, ok := m.s.Table(c.Table); ok {
				for column, info := range tab.Schema() {
					types[column] = info.Types
				}
			}
			m.types[c.Table] = types
		}
		for _, b := range c.Buckets {
			if k.buckets[bucketName{b.From, b.Width}] = b.Rows; b.Rows == 0 {
				delete(k.buckets, bucketName{b.From, b.Width})
			}
		}
	}
}
