package leaf

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/exec"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/storage/arenatest"
)

// sweepAllocMax bounds what one start and its answers may allocate, whatever a
// flipped bit claims: far more than the arena needs.
const sweepAllocMax = 64 << 20

// sweepRest is how soon a damaged block is read again from disk, sweepPoll how
// often that is looked for.
const (
	sweepRest = 5 * time.Millisecond
	sweepPoll = 200 * time.Microsecond
)

// sweepLayout is the newest layout of which there is an arena.
const sweepLayout = 3

// sweepQueries are asked of every table. The first returns every row.
var sweepQueries = []string{
	"SELECT * FROM %q LIMIT ALL",
	"SELECT count(), count(x), uniq_exact(x), min(time), max(time) FROM %q",
	"SELECT x, count(), sum(time - to_timestamp(0)) FROM %q GROUP BY x ORDER BY 2, 1 LIMIT ALL",
	"SELECT count() FROM %q WHERE x = 'GET' OR x LIKE '%%took%%' OR x > 100",
}

// A sweep opens one arena again and again, each time with another bit flipped.
type sweep struct {
	arena *arenatest.Arena
	base  string // its directories lie in it
	dirs  []string
	pool  *exec.Pool
	want  map[string]tableAnswer
	asked map[string][]*query.Query // of each table, bound to the types that an aggregator remembers
	seen  map[string]int            // what became of the flips
	alone *sync.RWMutex             // of all sweeps of the process
}

// tableAnswer is what a leaf says of a table.
type tableAnswer struct {
	unknown bool
	covered uint64
	skipped uint64
	rows    []string // of the first query, sorted
	rest    string   // of the others

	results []*query.Result // what rows and rest say
	texts   [][]string      // of each
}

func loadSweepArena(t *testing.T) *arenatest.Arena {
	t.Helper()
	arena, err := arenatest.Load(filepath.Join("..", "storage", "testdata"), sweepLayout)
	if err != nil {
		t.Fatal(err)
	}
	return arena
}

func newSweep(t *testing.T, alone *sync.RWMutex, arena *arenatest.Arena, dirs ...string) *sweep {
	t.Helper()
	all := filepath.Join("/dev/shm", fmt.Sprintf("kelp-test-%d", os.Getpid()))
	if err := os.MkdirAll(all, 0o700); err != nil {
		t.Fatal(err)
	}
	base, err := os.MkdirTemp(all, "sweep-")
	if err != nil {
		t.Fatal(err)
	}
	s := &sweep{alone: alone, arena: arena, base: base, dirs: dirs, pool: exec.NewPool(1), asked: map[string][]*query.Query{}, seen: map[string]int{}}
	t.Cleanup(func() {
		s.pool.Close()
		os.RemoveAll(base)
		os.Remove(all) // succeeds when the last directory has gone
	})
	if err := s.lay(); err != nil {
		t.Fatal(err)
	}
	l, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	s.waitLoaded(l)
	s.bind(l)
	s.want = s.ask(t, l)
	s.close(t, l)
	for table, rows := range arena.Truth.Tables {
		a := s.want[table]
		if table == "volatile" && !slices.Contains(dirs, arenatest.MemoryDir) {
			rows = nil
		}
		if int(a.covered) != len(rows) || a.skipped != 0 || len(a.rows) != len(rows) {
			t.Fatalf("of table %s %d rows are read and %d skipped before any bit is flipped: want %d", table, a.covered, a.skipped, len(rows))
		}
	}
	return s
}

// lay puts the arena in place, with the directories that the sweep is about.
func (s *sweep) lay() error { return s.arena.LayOnly(s.base, s.dirs...) }

func (s *sweep) open() (*Leaf, error) {
	cfg := storage.Config{
		MemoryDir: filepath.Join(s.base, arenatest.MemoryDir), Now: arenatest.Now,
		BootID:  func() (string, error) { return arenatest.BootID, nil },
		TmpfsOK: func(string) error { return nil },
		// Healing waits for it, but the first answers come before.
		StartRest: sweepRest,
	}
	if slices.Contains(s.dirs, arenatest.DataDir) {
		cfg.DataDir = filepath.Join(s.base, arenatest.DataDir)
	}
	store, err := storage.Open(cfg)
	if err != nil {
		return nil, err
	}
	return New(Config{Name: "leaf", Store: store, Pool: s.pool, Now: arenatest.Now, Log: slog.New(slog.DiscardHandler)}), nil
}

func (s *sweep) close(t *testing.T, l *Leaf) {
	t.Helper()
	if err := l.cfg.Store.Close(); err != nil {
		t.Fatal(err)
	}
}

func (s *sweep) waitLoaded(l *Leaf) {
	for l.cfg.Store.Status().Loading > 0 {
		time.Sleep(sweepPoll)
	}
}

// bind makes the questions about every table that was ever there.
func (s *sweep) bind(l *Leaf) {
	for _, tables := range []map[string][]map[string]string{s.arena.Truth.Tables, s.arena.Truth.Dropped} {
		for table := range tables {
			if s.asked[table] != nil {
				continue
			}
			for _, sql := range sweepQueries {
				q := &query.Query{SQL: fmt.Sprintf(sql, table), Now: arenatest.Now().UnixNano() + int64(time.Hour)}
				tab, ok := l.cfg.Store.Table(table)
				if !ok { // dropped, and of the same columns
					tab, _ = l.cfg.Store.Table("life")
				}
				q.Schema = schemaOf(tab)
				s.asked[table] = append(s.asked[table], q)
			}
		}
	}
}

// ask puts the questions.
func (s *sweep) ask(t *testing.T, l *Leaf) map[string]tableAnswer {
	t.Helper()
	answers := map[string]tableAnswer{}
	for table := range s.asked {
		answers[table] = s.askTable(t, l, table)
	}
	return answers
}

func (s *sweep) askTable(t *testing.T, l *Leaf, table string) (a tableAnswer) {
	t.Helper()
	for i, q := range s.asked[table] {
		p, err := l.Run(context.Background(), q)
		if err != nil {
			t.Fatalf("%s: %v", q.SQL, err)
		}
		report := p.Leaves[0]
		if report.Shard != 7 {
			t.Fatalf("the leaf says that it holds shard %d", report.Shard)
		}
		covered, skipped := report.Covered, uint64(0)
		for _, part := range report.Skipped {
			for _, h := range part.Hist {
				skipped += h.Rows
			}
		}
		plan, err := q.Plan()
		if err != nil {
			t.Fatal(err)
		}
		res, err := query.Finalise(plan, p, query.FinalEnv{Now: q.Now})
		if err != nil {
			t.Fatalf("%s: %v", q.SQL, err)
		}
		if i == 0 {
			a = tableAnswer{unknown: report.Unknown, covered: covered, skipped: skipped}
			a.rows = s.texts(table, &a, res)
			continue
		}
		// A block may have been healed in between.
		if covered+skipped != a.covered+a.skipped {
			t.Fatalf("%s: %d rows are read and %d skipped; before %d and %d", q.SQL, covered, skipped, a.covered, a.skipped)
		}
		if covered == s.wanted(table) && skipped == 0 {
			a.rest += strings.Join(s.texts(table, &a, res), "\n") + "\n\n"
		}
	}
	return a
}

func (s *sweep) wanted(table string) uint64 { return uint64(len(s.arena.Truth.Tables[table])) }

// texts returns the rows of the next result of a table, and keeps both. Nearly all are
// as they were before any bit was flipped, and need not be written again.
func (s *sweep) texts(table string, a *tableAnswer, res *query.Result) []string {
	n, want := len(a.results), s.want[table]
	var rows []string
	if n < len(want.results) && sameResult(want.results[n], res) {
		rows = want.texts[n]
	} else {
		rows = resultRows(res)
	}
	a.results, a.texts = append(a.results, res), append(a.texts, rows)
	return rows
}

// sameResult tells whether two results have the same rows in the same order.
func sameResult(a, b *query.Result) bool {
	if a.Rows != b.Rows || !slices.Equal(a.Columns, b.Columns) {
		return false
	}
	for c, col := range a.Cols {
		other := b.Cols[c]
		for i := range a.Rows {
			v, w := col.Value(i), other.Value(i)
			if v.Type != w.Type || v.Int != w.Int || math.Float64bits(v.Float) != math.Float64bits(w.Float) ||
				v.Str != w.Str || !slices.Equal(v.List, w.List) {
				return false
			}
		}
	}
	return true
}

// resultRows writes the rows of a result, sorted.
func resultRows(res *query.Result) []string {
	rows := make([]string, res.Rows)
	for i := range rows {
		var row []string
		for c, col := range res.Cols {
			if v := col.Value(i); !v.IsNull() {
				row = append(row, fmt.Sprintf("%s:%v", res.Columns[c].Name, v))
			}
		}
		slices.Sort(row)
		rows[i] = strings.Join(row, " ")
	}
	slices.Sort(rows)
	return rows
}

// try flips one bit and starts, and holds what is told then. What others allocate
// meanwhile is counted too, so what seems too much is looked at again alone.
func (s *sweep) try(t *testing.T, file string, bit int) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("%s, bit %d of byte %d", file, bit%8, bit/8)
		}
	}()
	told, bytes := s.start(t, s.alone.RLocker(), file, bit)
	if bytes > sweepAllocMax && !t.Failed() {
		_, bytes = s.start(t, s.alone, file, bit)
	}
	if bytes > sweepAllocMax {
		t.Errorf("%d bytes were allocated", bytes)
	}
	s.seen[told]++
}

// start returns what was told after a start with a bit flipped, and how many bytes the
// process allocated meanwhile.
func (s *sweep) start(t *testing.T, turn sync.Locker, file string, bit int) (told string, bytes uint64) {
	t.Helper()
	turn.Lock()
	defer turn.Unlock()
	if err := s.lay(); err != nil {
		t.Fatal(err)
	}
	flip(t, filepath.Join(s.base, file), bit)
	before := allocated()
	l, err := s.open()
	if err != nil {
		return "refused", allocated() - before
	}
	s.waitLoaded(l)
	st := l.cfg.Store.Status()
	got := s.ask(t, l)
	told = s.compare(t, got, st.LogDamaged)
	if told == "damage is named" && len(s.dirs) == 2 && got["volatile"].skipped == 0 {
		// The other copy is whole.
		for until := time.Now().Add(10 * time.Second); l.cfg.Store.Status().Damaged > 0; time.Sleep(sweepPoll) {
			if time.Now().After(until) {
				t.Fatal("the damaged block is not read again from disk")
			}
		}
		if s.compare(t, s.ask(t, l), false) != "right" {
			t.Error("after the damaged block was read again the answer is not right")
		}
		told = "named, then healed"
	}
	s.close(t, l)
	return told, allocated() - before
}

// allocated is how many bytes the process has allocated in its life.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func flip(t *testing.T, path string, bit int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], int64(bit/8)); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1 << (bit % 8)
	if _, err := f.WriteAt(b[:], int64(bit/8)); err != nil {
		t.Fatal(err)
	}
}

// compare holds that what was answered is right, or that what is missing is named.
func (s *sweep) compare(t *testing.T, got map[string]tableAnswer, logDamaged bool) (told string) {
	t.Helper()
	told = "right"
	if logDamaged {
		told = "the log is damaged"
	}
	for table, a := range got {
		want := s.want[table]
		if a.unknown == want.unknown && a.covered == want.covered && a.skipped == 0 {
			if !slices.Equal(a.rows, want.rows) || a.rest != want.rest {
				t.Errorf("table %s is answered wrongly:\n%v\nnot\n%v", table, a, want)
			}
			continue
		}
		if !logDamaged {
			told = "damage is named"
			if a.covered+a.skipped != want.covered || a.unknown != want.unknown {
				t.Errorf("table %s: %d rows are read and %d named as missing, of %d", table, a.covered, a.skipped, want.covered)
			}
		}
		if int(a.covered) != len(a.rows) {
			t.Errorf("table %s: %d rows are said to be read, %d are answered", table, a.covered, len(a.rows))
		}
		for _, row := range a.rows {
			if !slices.Contains(want.rows, row) && len(s.arena.Truth.Dropped[table]) == 0 {
				t.Errorf("table %s: a row that never was: %s", table, row)
			}
		}
	}
	return told
}

// TestFlips flips bits of an arena, one at a time, before a leaf is started with
// it: its answers are right, or say what is missing, or the leaf refuses to start.
// It is one random bit of each 97 bytes, and of each 3 of a superblock; KELP_SWEEP
// says of how many bits it is one: 1 is every bit, 8 one of each byte.
func TestFlips(t *testing.T) {
	step, stepSuper := 97*8, 3*8
	if text := os.Getenv("KELP_SWEEP"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("KELP_SWEEP=%q: give a number of bits", text)
		}
		step, stepSuper = n, n
	}
	arena := loadSweepArena(t)
	var alone sync.RWMutex
	for name, dirs := range map[string][]string{
		"memory":          {arenatest.MemoryDir},
		"disk":            {arenatest.DataDir},
		"memory and disk": {arenatest.MemoryDir, arenatest.DataDir},
	} {
		for _, file := range arena.Names() {
			if !slices.Contains(dirs, filepath.Dir(file)) {
				continue
			}
			step := step
			if filepath.Base(file) == "super" {
				step = stepSuper
			}
			t.Run(name+"/"+file, func(t *testing.T) {
				t.Parallel()
				newSweep(t, &alone, arena, dirs...).flips(t, file, step)
			})
		}
	}
}

// flips tries one bit of each step of a file.
func (s *sweep) flips(t *testing.T, file string, step int) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	bits, n := 8*len(s.arena.Files[file]), 0
	for at := 0; at < bits; at += step {
		if s.try(t, file, at+rng.IntN(min(step, bits-at))); t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
		n++
	}
	t.Logf("%d flips of %d bits: %v", n, bits, s.seen)
}
