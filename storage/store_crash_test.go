package storage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// childEnv makes the test binary run a writer that a test kills.
const childEnv = "KELP_STORE_CHILD"

// checkpointEnv makes the writer tell of checkpoints, and is how long it lives on
// then.
const checkpointEnv = childEnv + "_CHECKPOINT"

// writerRows is more rows than a writer writes before it is killed: each has numbers
// of its own.
const writerRows = 25_000_000

// TestStoreWriter is not a test: it is the process that TestStoreKill kills.
func TestStoreWriter(t *testing.T) {
	dir := os.Getenv(childEnv)
	if dir == "" {
		t.Skip("runs as a child of TestStoreKill alone")
	}
	cfg := testConfig(t, dir)
	cfg.checkpointPast = 64 << 10
	if os.Getenv(childEnv+"_DATA") != "" {
		cfg.DataDir = filepath.Join(dir, "data")
		cfg.diskFileBytes = 128 << 10 // so that files fill, and blocks are moved
	}
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(os.Stdout, format, args...) // one write, unbuffered
	}
	if os.Getenv(checkpointEnv) != "" {
		cfg.atCheckpoint = func(step string) {
			if step == "begin" {
				say("checkpoint\n")
			}
		}
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var first int64
	fmt.Sscan(os.Getenv(childEnv+"_FIRST"), &first)
	say("ready\n")
	if os.Getenv(thinEnv) != "" {
		writeAndThin(t, s, first, say)
	}
	for w := range 4 {
		go func() {
			rng := rand.New(rand.NewPCG(uint64(first), uint64(w)))
			for next := first + int64(w)*writerRows; ; {
				rows := 1 + rng.IntN(20)
				if rng.IntN(200) == 0 {
					rows = 8_192 + rng.IntN(3_000)
				}
				a := Append{
					Table: []string{"a", "b"}[w%2], Batch: testBatch(next, rows, time.Now().UnixNano()),
					Key: fmt.Sprint("key-", next), Digest: uint64(rows), Receipt: Receipt{Accepted: uint32(rows)},
				}
				say("try %s %d %d\n", a.Table, next, rows)
				if _, err := s.Append(context.Background(), a); err != nil {
					say("error %v\n", err)
					return
				}
				say("ack %s %d %d\n", a.Table, next, rows)
				next += int64(rows)
			}
		}()
	}
	select {}
}

// writerChunk is what a writer said of one batch.
type writerChunk struct {
	table string
	first int64
	rows  int
	acked bool
	at    time.Time // of the acknowledgement
}

// runWriter starts a writer, kills it after a while and returns what it said.
func runWriter(t *testing.T, dir string, first int64, life time.Duration, env ...string) []writerChunk {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestStoreWriter$", "-test.v=false")
	cmd.Env = append(os.Environ(), childEnv+"="+dir, fmt.Sprint(childEnv, "_FIRST=", first))
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); err != nil || line != "ready\n" {
		rest, _ := io.ReadAll(lines)
		t.Fatalf("the writer said %q, %v\n%s%s", line, err, rest, stderr.String())
	}
	timer := time.AfterFunc(life, func() { cmd.Process.Kill() })
	defer timer.Stop()
	byFirst := map[int64]*writerChunk{}
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		if line == "checkpoint\n" {
			timer.Reset(checkpointLife(env))
		}
		var what, table string
		var first int64
		var rows int
		if n, _ := fmt.Sscan(line, &what, &table, &first, &rows); n < 4 {
			if strings.HasPrefix(line, "error") {
				t.Errorf("writer: %s", line)
			}
			continue
		}
		if what == "try" {
			byFirst[first] = &writerChunk{table: table, first: first, rows: rows}
		} else if what == "ack" {
			byFirst[first].acked, byFirst[first].at = true, time.Now()
		}
	}
	cmd.Wait()
	var chunks []writerChunk
	for _, c := range byFirst {
		chunks = append(chunks, *c)
	}
	return chunks
}

// checkpointLife is how long a writer lives on once a checkpoint began.
func checkpointLife(env []string) time.Duration {
	for _, e := range env {
		if life, ok := strings.CutPrefix(e, checkpointEnv+"="); ok {
			d, _ := time.ParseDuration(life)
			return d
		}
	}
	return time.Hour
}

// TestStoreKillCheckpoint kills the writer while a checkpoint and commits run side
// by side: at least once it dies between the two logs.
func TestStoreKillCheckpoint(t *testing.T) {
	within := 0
	for round := range 20 {
		if within >= 3 {
			break
		}
		life := time.Duration(round%5) * 700 * time.Microsecond
		within += killRounds(t, 2, fmt.Sprint(checkpointEnv, "=", life))
	}
	if within == 0 {
		t.Fatal("no kill fell within a checkpoint: the test shows nothing")
	}
	t.Logf("%d kills fell within a checkpoint", within)
}

// TestStoreKill kills a writing process many times. Each time every acknowledged
// row is there once, a batch that was not acknowledged is there as a whole or
// not at all, and its key says which.
func TestStoreKill(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	killRounds(t, rounds)
}

// killRounds returns how many kills fell within a checkpoint.
func killRounds(t *testing.T, rounds int, env ...string) (within int) {
	dir := testShm(t)
	cfg := testConfig(t, dir)
	if slices.Contains(env, childEnv+"_DATA=1") {
		cfg.DataDir = filepath.Join(dir, "data")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	want := map[string]map[int64]int{"a": {}, "b": {}}
	acked, lost := 0, 0
	for round := range rounds {
		life := time.Duration(rng.IntN(250)) * time.Millisecond
		if checkpointLife(env) < time.Hour {
			life = time.Minute // until the first checkpoint
		}
		chunks := runWriter(t, dir, int64(round)*100_000_000, life, env...)
		if logs, _ := filepath.Glob(filepath.Join(cfg.MemoryDir, logPrefix+"*")); len(logs) > 1 {
			within++
		}
		s := testOpen(t, cfg)
		if s.Status().LogDamaged || s.Status().Damaged > 0 {
			t.Fatalf("round %d: a kill left damage: %+v", round, s.Status())
		}
		for _, c := range chunks {
			tab, _ := s.Table(c.table)
			held := tab != nil && tab.keys.holds(fmt.Sprint("key-", c.first))
			if c.acked && !held {
				t.Fatalf("round %d: batch %d was acknowledged and its key is gone", round, c.first)
			}
			if held {
				acked++
				for i := range c.rows {
					want[c.table][c.first+int64(i)] = 1
				}
			} else {
				lost++
				res := testAppend(t, s, Append{
					Table: c.table, Batch: testBatch(c.first, c.rows, time.Now().UnixNano()), Key: fmt.Sprint("key-", c.first), Digest: uint64(c.rows),
				})
				if res.Duplicate {
					t.Fatalf("round %d: batch %d is a duplicate and was not held", round, c.first)
				}
				for i := range c.rows {
					want[c.table][c.first+int64(i)] = 1
				}
			}
		}
		for table := range want {
			wantIDs(t, s, table, want[table])
		}
		testClose(t, s)
	}
	t.Logf("%d batches there, %d repeated after a kill, %d and %d rows", acked, lost, len(want["a"]), len(want["b"]))
	if acked == 0 {
		t.Fatal("no batch was acknowledged: the test shows nothing")
	}
	return within
}

// copyDir copies the files of a directory as they are, while they change.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		src, err := os.Open(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		dst, err := os.Create(filepath.Join(to, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		copyData(t, src, dst)
		src.Close()
		dst.Close()
	}
}

// copyData copies a sparse file without filling its holes.
func copyData(t testing.TB, src, dst *os.File) {
	t.Helper()
	st, err := src.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := dst.Truncate(st.Size()); err != nil {
		t.Fatal(err)
	}
	const seekData, seekHole = 3, 4
	for at := int64(0); at < st.Size(); {
		from, err := src.Seek(at, seekData)
		if err != nil {
			return // only a hole is left
		}
		if at, err = src.Seek(from, seekHole); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.NewOffsetWriter(dst, from), io.NewSectionReader(src, from, at-from)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStoreLogCut cuts the log behind every byte of its last edits: what is left
// is a state that was there before, edit by edit, and never half of one.
func TestStoreLogCut(t *testing.T) {
	dir := testShm(t)
	cfg := testConfig(t, dir)
	s := testOpen(t, cfg)
	now := time.Now().UnixNano()
	type state struct {
		tail int64
		rows map[int64]int
	}
	var states []state
	rows := map[int64]int{}
	note := func() { states = append(states, state{s.log.tail, maps.Clone(rows)}) }
	note()
	for i := range int64(12) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i*100, 3, now), Key: fmt.Sprint(i)})
		for j := range int64(3) {
			rows[i*100+j] = 1
		}
		note()
	}
	tab, _ := s.Table("t")
	refs, _ := tab.candidates(levelFresh, classNear, 6, RowsPerBlockMax)
	if err := s.merge(tab, refs, mergeRuleOf(mergeFresh), classNear); err != nil {
		t.Fatal(err)
	}
	note()
	s.commitMu.Lock()
	err := s.dropLocked(tab.refs[:2])
	s.commitMu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	left := readIDs(t, s, "t")
	rows = left
	note()
	log := s.log.path
	testClose(t, s)

	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var tails []int64
	for _, st := range states {
		tails = append(tails, st.tail)
	}
	end := tails[len(tails)-1]
	whole = whole[:end]
	for cut := states[0].tail; cut <= end; cut++ {
		for _, how := range []string{"zero", "short"} {
			data := bytes.Clone(whole[:cut])
			if how == "zero" {
				data = append(data, make([]byte, 4096)...)
			}
			if err := os.WriteFile(log, data, 0o600); err != nil {
				t.Fatal(err)
			}
			want := states[0].rows
			if i := wholeRecords(whole, data, tails); i >= 0 {
				want = states[i+1].rows
			}
			// Segments are not written by a reader that only opens and closes, but
			// what is not live is given back: take a copy.
			trial := filepath.Join(dir, "trial")
			copyDir(t, cfg.MemoryDir, trial)
			trialCfg := cfg
			trialCfg.MemoryDir = trial
			trialCfg.Log = nil
			s, err := Open(trialCfg)
			if err != nil {
				t.Fatalf("cut at %d (%s): %v", cut, how, err)
			}
			wantIDs(t, s, "t", want)
			testClose(t, s)
			os.RemoveAll(trial)
			if t.Failed() {
				t.Fatalf("cut at %d (%s)", cut, how)
			}
		}
	}
}

// wholeRecords returns the last of the records between the tails that data holds
// as a whole, -1 for none. One whose missing bytes are zero anyway is whole.
func wholeRecords(whole, data []byte, tails []int64) int {
	padded := append(bytes.Clone(data), make([]byte, len(whole))...)
	for i, start := range tails[:len(tails)-1] {
		end := start + logWord + int64(binary.LittleEndian.Uint32(whole[start:]))
		if end > int64(len(data)) || !bytes.Equal(padded[start:end], whole[start:end]) {
			return i - 1
		}
	}
	return len(tails) - 2
}
