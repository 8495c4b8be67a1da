package restart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
	"github.com/kelpdb/kelp/bench/load"
)

// Config says what to measure.
type Config struct {
	Kelp   []string // the binaries, which take turns
	Filler []string // the command that runs Fill; the directories follow as arguments
	Rows   []int64  // of the tables, one after the other
	Starts int      // of each kind
	Nice   int      // the priority of what is measured: below 0 other programs disturb less
	Seed   uint64
	Work   string // where to keep the table: 70 bytes a row, twice
	Keep   string // not empty: tables are kept here for later runs, which then need not make them
	Shared string // where kelp's memory is
	Log    io.Writer
}

const (
	// fullBatch is a request that becomes a full block as it is, smallBatch one
	// whose block waits to be merged.
	fullBatch  = 65_536
	smallBatch = 8_192

	// bytesPerRow is for budgets, generously.
	bytesPerRow = 200
	budgetMin   = 64 << 20

	// settle is for the copy on disk, which is half a second behind.
	settle = 2 * time.Second
)

// ways is how the process before ended.
func ways() []syscall.Signal { return []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} }

func wayName(by syscall.Signal) string {
	if by == syscall.SIGKILL {
		return "kill -9"
	}
	return "SIGTERM"
}

// Start is what one start took, from before the program was started.
type Start struct {
	Ready, Q2, Q5       time.Duration
	ReadyCPU, AnswerCPU time.Duration // of the program, up to then
}

// Measured is the starts over one table after one way of ending.
type Measured struct {
	Kelp   string
	Rows   int64
	After  string
	Starts []Start

	by syscall.Signal
}

// Run measures and returns the starts by rows and way. It fails on the first
// answer that is not complete, or not as before.
func Run(ctx context.Context, cfg Config) ([]Measured, error) {
	var all []Measured
	for _, n := range cfg.Rows {
		m, err := cfg.table(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("%d rows: %w", n, err)
		}
		all = append(all, m...)
	}
	return all, nil
}

// table is a table that was made, and the answers over it.
type table struct {
	cfg          Config
	rows         int64
	kept         string // the directories as they were left, by way
	data, memory string // of the process that runs
	q2, q5       string
	before       [2]string
}

func (cfg *Config) table(ctx context.Context, n int64) (all []Measured, err error) {
	kept := filepath.Join(cfg.Keep, fmt.Sprintf("restart-%d", n))
	if cfg.Keep == "" {
		if kept, err = os.MkdirTemp(cfg.Work, "kelp-restart-"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(kept)) }()
	}
	shared, err := os.MkdirTemp(cfg.Shared, fmt.Sprintf("kelp-test-%d-", os.Getpid()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(shared)) }()
	t := &table{cfg: *cfg, rows: n, kept: kept, data: filepath.Join(kept, "data"), memory: filepath.Join(shared, "memory")}
	if err := t.take(ctx); err != nil {
		return nil, fmt.Errorf("cannot make the table: %w", err)
	}
	for _, by := range ways() {
		for _, kelp := range cfg.Kelp {
			all = append(all, Measured{Kelp: kelp, Rows: n, After: wayName(by), by: by})
		}
	}
	for range cfg.Starts {
		for i := range all {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			m := &all[i]
			s, err := t.measure(ctx, m.Kelp, m.by)
			if err != nil {
				return nil, fmt.Errorf("start %d of %s after %s: %w", len(m.Starts)+1, m.Kelp, m.After, err)
			}
			m.Starts = append(m.Starts, s)
		}
	}
	return all, nil
}

// take makes the table, or takes one that a run before has kept.
func (t *table) take(ctx context.Context) error {
	note := filepath.Join(t.kept, "made.json")
	made := struct {
		End    time.Time // of the rows
		Before [2]string // the answers
	}{End: time.Now().Truncate(time.Minute)}
	text, err := os.ReadFile(note)
	switch {
	case err == nil:
		if err := json.Unmarshal(text, &made); err != nil {
			return fmt.Errorf("cannot read %s: %w", note, err)
		}
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	t.q2 = "SELECT service, count() FROM events GROUP BY service ORDER BY service RAW"
	t.q5 = fmt.Sprintf("SELECT time(5m), count(), p95(duration_ms) FROM events SINCE '%s' UNTIL '%s' WHERE country = 'US' AND service = 'api' GROUP BY 1 ORDER BY 1 RAW",
		made.End.Add(-time.Hour).UTC().Format(time.RFC3339), made.End.UTC().Format(time.RFC3339))
	if t.before = made.Before; err == nil {
		return t.clear()
	}
	// What a run that was stopped has left is not whole.
	if err := errors.Join(os.RemoveAll(t.kept), os.MkdirAll(t.kept, 0o700)); err != nil {
		return err
	}
	if err := t.fill(ctx, made.End); err != nil {
		return err
	}
	made.Before = t.before
	if text, err = json.Marshal(made); err != nil {
		return err
	}
	return os.WriteFile(note, text, 0o600)
}

func (t *table) budget() string {
	return strconv.FormatInt(max(budgetMin, t.rows*bytesPerRow), 10)
}

func (t *table) filler() (*server, error) {
	return start(0, t.cfg.Filler[0], append(t.cfg.Filler[1:len(t.cfg.Filler):len(t.cfg.Filler)], t.data, t.memory, t.budget())...)
}

// fill makes the table, half of it in blocks that are not merged, and keeps what
// the process leaves behind when it is killed and when it is stopped.
func (t *table) fill(ctx context.Context, end time.Time) error {
	begun := time.Now()
	s, err := t.filler()
	if err != nil {
		return err
	}
	for i, batch := range []int{fullBatch, smallBatch} {
		_, err := load.Run(ctx, load.Config{Server: "http://" + s.address, BatchRows: batch, Connections: 2, Workload: gen.Config{
			Rows: t.rows / 2, Seed: t.cfg.Seed + uint64(i), Span: gen.SpanDefault / 2, End: end.Add(gen.SpanDefault / 2 * time.Duration(i-1)),
		}})
		if err != nil {
			return errors.Join(err, s.end(syscall.SIGKILL))
		}
	}
	if t.before, err = t.answers(s, nil); err != nil {
		return errors.Join(err, s.end(syscall.SIGKILL))
	}
	time.Sleep(settle)
	for _, by := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		if err := s.end(by); err != nil {
			return err
		}
		keep := filepath.Join(t.kept, wayName(by))
		if err := errors.Join(copyTree(t.data, filepath.Join(keep, "data")), copyTree(t.memory, filepath.Join(keep, "memory"))); err != nil {
			return err
		}
		if by == syscall.SIGKILL {
			if s, err = t.filler(); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(t.cfg.Log, "%d rows made in %.1f s\n", t.rows, time.Since(begun).Seconds())
	return t.clear()
}

func (t *table) clear() error { return errors.Join(os.RemoveAll(t.data), os.RemoveAll(t.memory)) }

// answers asks both questions and notes when their last bytes came.
func (t *table) answers(s *server, at *[2]time.Time) (said [2]string, err error) {
	a, err := dial(s.address)
	if err != nil {
		return said, err
	}
	defer a.conn.Close()
	var raw [2][]byte
	for i, sql := range []string{t.q2, t.q5} {
		if raw[i], err = a.ask(sql); err != nil {
			return said, err
		}
		if at != nil {
			at[i] = time.Now()
		}
	}
	for i := range raw {
		if said[i], err = rows(raw[i]); err != nil {
			return said, err
		}
	}
	return said, nil
}

// rest waits until the copies of a large table are written.
func (t *table) rest(ctx context.Context) error {
	if t.rows*bytesPerRow <= restBytes {
		return nil
	}
	left, err := rest(ctx, meminfo)
	if err == nil && left > 0 {
		fmt.Fprintf(t.cfg.Log, "the next start is measured while the system writes: %d MiB are left after %v\n", left>>20, restMax)
	}
	return err
}

// measure starts kelp on a copy of what was kept and asks.
func (t *table) measure(ctx context.Context, kelp string, by syscall.Signal) (m Start, err error) {
	keep := filepath.Join(t.kept, wayName(by))
	if err := errors.Join(copyTree(filepath.Join(keep, "data"), t.data), copyTree(filepath.Join(keep, "memory"), t.memory)); err != nil {
		return m, err
	}
	if err := t.rest(ctx); err != nil {
		return m, errors.Join(err, t.clear())
	}
	s, err := start(t.cfg.Nice, kelp, "serve", "--listen", "127.0.0.1:0", "--leaves", "1", "--data", t.data,
		"--memory-dir", t.memory, "--memory", t.budget(), "--when-full", "reject")
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.end(syscall.SIGKILL), t.clear()) }()
	readyCPU, err := s.cpu()
	if err != nil {
		return m, err
	}
	var at [2]time.Time
	said, err := t.answers(s, &at)
	if err != nil {
		return m, err
	}
	cpu, err := s.cpu()
	if err != nil {
		return m, err
	}
	for i := range said {
		if said[i] != t.before[i] {
			return m, fmt.Errorf("the answer to Q%d was %s and is %s", 2+3*i, t.before[i], said[i])
		}
	}
	return Start{Ready: s.ready.Sub(s.begun), Q2: at[0].Sub(s.begun), Q5: at[1].Sub(s.begun), ReadyCPU: readyCPU, AnswerCPU: cpu}, nil
}
