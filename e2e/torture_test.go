package e2e

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	tortureKills = flag.Int("kills", 24, "how many kills TestTorture is about")
	tortureSeed  = flag.Uint64("seed", 0, "the seed of TestTorture; 0: another one each time")
	tortureKind  = flag.Int("kind", -1, "the one kind of history that TestTorture is about, of those in drawPlan; -1: all in turn")
	tortureKeep  = flag.String("keep", "", "where TestTorture leaves the directories of a history that went wrong")
)

// TestTorture kills -9 a server again and again, by the clock and at failpoints,
// takes its memory away now and then, and holds every answer against a model: no
// row that was acknowledged is missing beyond what the durability allows, none is
// there twice, no sum is wrong, none that was dropped comes back, and an answer
// that lacks something says so.
func TestTorture(t *testing.T) {
	seed := *tortureSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: -args -seed %d", seed, seed)
	bins := tortureBinaries(t)
	points := failpoints(t)
	count := &tortureCount{points: map[string]int{}}
	rnd := rand.New(rand.NewPCG(seed, 1))
	began := time.Now()
	for h := 0; int(count.kills.Load()) < *tortureKills && !t.Failed(); h++ {
		runHistory(t, seed, h, drawPlan(rnd, h, *tortureKills), bins, points, count)
		t.Logf("%v after history %d: %s", time.Since(began).Round(time.Second), h, count)
	}
	if !t.Failed() {
		count.report(t)
	}
}

// tortureBinaries are the binary that users get and the one with failpoints.
func tortureBinaries(t *testing.T) [2]string {
	t.Helper()
	plain := binary(t)
	armed := filepath.Join(filepath.Dir(plain), "kelp-failpoint")
	if _, err := os.Stat(armed); err != nil {
		t.Fatalf("no binary with failpoints: %v; run `make build-failpoint` first", err)
	}
	return [2]string{plain, armed}
}

// failpoints are the names in the sources of storage.
func failpoints(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("../storage/*.go")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`\b(failpoint|failpointHalf|failpointTorn|s\.cfg\.atCheckpoint)\("([a-z.]+)"`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range call.FindAllStringSubmatch(string(text), -1) {
			name := m[2]
			if strings.HasPrefix(m[1], "s.") {
				name = "checkpoint." + name
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) < 30 {
		t.Fatalf("only %d failpoints found: %v", len(names), names)
	}
	return names
}

// kinds is how many kinds of histories there are; most numbers are the usual one.
const kinds = 8

func drawPlan(rnd *rand.Rand, h, kills int) historyPlan {
	p := historyPlan{rounds: 25, leaves: 1 + rnd.IntN(3), memory: "256MiB", rowsMax: 400_000, writers: 3, lossOf: 4}
	kind := h % kinds
	if *tortureKind >= 0 {
		kind = *tortureKind
	}
	switch kind {
	case 3: // rows go for want of memory
		p.evict, p.leaves, p.memory, p.rowsMax, p.rounds = true, 1, "12MiB", 1_500_000, 15
	case 5: // much is loaded from disk while as much comes in
		p.large, p.leaves, p.rowsMax, p.rounds, p.lossOf = true, 1, 3_000_000, 15, 2
	}
	if kills < 100 {
		p.rounds = max(1, kills/2)
	}
	return p
}

// runHistory is one server's life, with its deaths.
func runHistory(t *testing.T, seed uint64, h int, plan historyPlan, bins [2]string, points []string, count *tortureCount) {
	w := &torture{
		t: t, seed: seed + uint64(h)<<32, rnd: rand.New(rand.NewPCG(seed, uint64(h)+2)), plan: plan, count: count,
		shm: filepath.Join(shmDir(t), "memory"), stop: make(chan struct{}), broken: make(chan struct{}), began: time.Now(),
	}
	data := t.TempDir()
	if err := os.Mkdir(w.shm, 0o700); err != nil {
		t.Fatal(err)
	}
	w.args = []string{
		"serve", "--listen", "127.0.0.1:0", "--data", data, "--memory-dir", w.shm,
		"--memory", plan.memory, "--leaves", fmt.Sprint(plan.leaves),
	}
	for _, name := range []string{"memory", "disk", "disk2", "sync", "rolling"} {
		durability := strings.TrimRight(name, "2")
		if name == "rolling" {
			durability = "disk"
		}
		w.tables = append(w.tables, &tortureTable{name: name, durability: durability, rolling: plan.evict || name == "rolling", batches: map[int]*tortureBatch{}})
	}
	for i := range plan.writers {
		w.workers.Go(func() { w.write(rand.New(rand.NewPCG(w.seed, uint64(10+i)))) })
	}
	w.workers.Go(func() { w.dropSome(rand.New(rand.NewPCG(w.seed, 3))) })
	w.workers.Go(func() { w.read(rand.New(rand.NewPCG(w.seed, 4))) })
	lost := false
	for round := 0; round < plan.rounds && w.err() == nil; round++ {
		lost = w.round(bins, points, lost)
	}
	if w.err() == nil {
		w.last(bins[0])
	}
	close(w.stop)
	w.workers.Wait()
	count.rows.Add(w.sent.Load())
	if err := w.err(); err != nil {
		t.Errorf("seed %d, history %d (%+v): %v", seed, h, plan, err)
		w.keep(data)
	}
	for _, dir := range []string{w.shm, data} {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}
}

// keep copies the directories of a history that went wrong.
func (w *torture) keep(data string) {
	if *tortureKeep == "" {
		return
	}
	for name, dir := range map[string]string{"memory": w.shm, "data": data} {
		if err := os.CopyFS(filepath.Join(*tortureKeep, name), os.DirFS(dir)); err != nil {
			w.t.Logf("cannot keep %s: %v", dir, err)
		}
	}
}

// round is one start and one death. It tells whether memory was lost with it.
func (w *torture) round(bins [2]string, points []string, afterLoss bool) (lost bool) {
	const atFailpoint = 58 // of 100; the others die by the clock, untouched
	var env []string
	bin, point := bins[0], ""
	if w.rnd.IntN(100) < atFailpoint {
		bin, point = bins[1], drawPoint(w.rnd, points, afterLoss)
		env = []string{"KELP_FAILPOINT=" + point}
	}
	p := launch(w.t, bin, env, w.args...)
	defer p.kill()
	w.count.starts.Add(1)
	life := time.Duration(w.rnd.IntN(1_400)) * time.Millisecond
	if point == "" && w.rnd.IntN(6) == 0 {
		w.early(p, life/14)
	} else {
		w.live(p, point, life)
	}
	w.fleet.set(nil)
	if point == "" && w.rnd.IntN(12) == 0 && p.http != "" {
		w.terminate(p)
	} else {
		w.kill(p, point)
	}
	w.checkLog(p)
	killed := time.Now()
	if w.err() == nil && w.rnd.IntN(w.plan.lossOf) == 0 {
		w.loseMemory(killed)
		return true
	}
	return false
}

// early lets a server live for a moment, ready or not.
func (w *torture) early(p *process, life time.Duration) {
	select {
	case <-p.done:
		w.fail(fmt.Errorf("kelp ended by itself: %v\n%s", p.err, logTail(p)))
	case <-time.After(life):
	}
}

// live lets a server be written to and asked, until it is time or it dies.
func (w *torture) live(p *process, point string, life time.Duration) {
	const atFailpointMost = 2500 * time.Millisecond
	if err := p.awaitReady(); err != nil {
		select {
		case <-p.done: // kill says whether that is right
		default:
			w.fail(err)
		}
		return
	}
	w.count.ready(p.ready)
	w.proof.begin(time.Now())
	w.fleet.set(p)
	if point != "" {
		life = atFailpointMost
		w.wantDrop.Store(strings.HasPrefix(point, "drop."))
	}
	deadline := time.After(life)
	if w.rnd.IntN(3) > 0 {
		if err := w.verify(p); err != nil && err != errDied {
			w.fail(err)
			return
		}
		if w.rnd.IntN(3) > 0 {
			w.forget(p)
		}
	}
	select {
	case <-p.done:
	case <-deadline:
	case <-w.broken:
	}
}

// kill ends a server, if its failpoint has not, and counts how.
func (w *torture) kill(p *process, point string) {
	died := false
	select {
	case <-p.done:
		died = true
	default:
	}
	p.kill()
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL || died && point == "" {
		w.fail(fmt.Errorf("kelp ended by itself: %v\n%s", p.err, logTail(p)))
		return
	}
	w.count.kills.Add(1)
	switch {
	case died:
		name, _, _ := strings.Cut(point, ":")
		w.count.mu.Lock()
		w.count.points[name]++
		w.count.mu.Unlock()
	case point != "":
		w.count.missed.Add(1)
		w.t.Logf("missed %s", point)
	default:
		w.count.wall.Add(1)
	}
}

// terminate is a clean stop in between, which must not lose a row either.
func (w *torture) terminate(p *process) {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.fail(err)
		return
	}
	select {
	case <-p.done:
		if p.err != nil {
			w.fail(fmt.Errorf("SIGTERM: %v\n%s", p.err, logTail(p)))
		}
	case <-time.After(readyTimeout):
		w.fail(fmt.Errorf("still there %v after SIGTERM\n%s", readyTimeout, logTail(p)))
	}
	w.count.terms.Add(1)
}

// last starts the server once more and looks at every row.
func (w *torture) last(bin string) {
	p := launch(w.t, bin, nil, w.args...)
	defer p.kill()
	if err := p.awaitReady(); err != nil {
		w.fail(err)
		return
	}
	w.fleet.set(p)
	defer w.fleet.set(nil)
	if err := w.verify(p); err != nil {
		w.fail(err)
		return
	}
	for _, t := range w.tables {
		for _, q := range tortureQuestions(t.name) {
			w.ask(p, t, q, t.known())
		}
		for some := range batchesOf(t.known().must, tortureRawRows) {
			if err := w.askUntilWhole(p, t, tortureRaw(t.name, some)); err != nil {
				w.fail(err)
				return
			}
		}
	}
	w.checkLog(p)
}

// batchesOf cuts batches into runs of about so many rows.
func batchesOf(all []*tortureBatch, rows int) func(yield func([]*tortureBatch) bool) {
	return func(yield func([]*tortureBatch) bool) {
		var some []*tortureBatch
		n := 0
		for i, b := range all {
			some, n = append(some, b), n+b.rows
			if n >= rows || i == len(all)-1 {
				if !yield(some) {
					return
				}
				some, n = nil, 0
			}
		}
	}
}

// drawPoint draws a failpoint and at which passing it kills: some are passed by
// every edit, some once in a life.
func drawPoint(rnd *rand.Rand, points []string, afterLoss bool) string {
	name := points[rnd.IntN(len(points))]
	atStart := func(name string) bool {
		return strings.HasPrefix(name, "open.") || strings.HasPrefix(name, "reload.") || strings.HasPrefix(name, "super.")
	}
	for atStart(name) != (afterLoss && rnd.IntN(2) == 0) {
		name = points[rnd.IntN(len(points))]
	}
	passings := 1
	switch name {
	case "block.torn", "block.written", "log.half", "log.body", "log.word", "commit.applied":
		passings = 48
	case "commit.release", "disk.torn", "disk.written", "disk.synced", "disklog.torn", "disklog.synced", "reload.copied", "reload.committed":
		passings = 16
	case "merge.placed", "merge.committed", "segment.made", "segment.grown":
		passings = 4
	}
	return fmt.Sprintf("%s:%d", name, 1+rnd.IntN(1+rnd.IntN(passings)))
}

func (c *tortureCount) ready(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readies = append(c.readies, d)
}

func (c *tortureCount) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := 0
	for _, n := range c.points {
		at += n
	}
	return fmt.Sprintf("%d kills (%d by the clock, %d at %d failpoints, %d missed theirs), memory lost %d times, %d clean stops; "+
		"%d rows, %d receipts (%d repeats), %d complete answers, %d partial, %d rows older than a second lost while the disk lagged",
		c.kills.Load(), c.wall.Load(), at, len(c.points), c.missed.Load(), c.memory.Load(), c.terms.Load(),
		c.rows.Load(), c.receipts.Load(), c.repeats.Load(), c.complete.Load(), c.partial.Load(), c.late.Load())
}

// report prints what a campaign came to and fails if it came to nothing.
func (c *tortureCount) report(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(c.points)) {
		t.Logf("%4d %s", c.points[name], name)
	}
	slices.Sort(c.readies)
	if n := len(c.readies); n > 0 {
		t.Logf("ready: median %v, slowest %v", c.readies[n/2], c.readies[n-1])
	}
	if kills := c.kills.Load(); kills >= 200 && (c.wall.Load()*10 < kills*3 || c.memory.Load()*5 < kills) {
		t.Errorf("too few by the clock, or with the memory: %s", c)
	}
	if c.complete.Load() == 0 || c.receipts.Load() == 0 || c.memory.Load() == 0 && *tortureKills >= 24 {
		t.Errorf("nothing was tried: %s", c)
	}
}
