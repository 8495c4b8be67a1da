package side

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
)

// Config says what to measure. Only Kelp has no default.
type Config struct {
	Kelp      string        // the binary
	Peers     string        // folder of the peers' programs
	Node      string        // the program that runs them; "node"
	Systems   []string      // kelp and names of peers; all of Systems()
	Rows      int64         // gen.RowsDefault
	Seed      uint64        // of rows and constants
	Loads     int           // loads of each system; 3
	Rounds    int           // warm repetitions of a question; 7
	Patience  time.Duration // for the rounds of one question past the fifth; 1 minute
	DropCache bool          // drop the page cache before opening from disk alone, where that is allowed
	Work      string        // where files are made; the system's temporary directory
	Shared    string        // where kelp's memory is; /dev/shm
	Log       io.Writer     // progress, for people; may be nil
}

// Systems are the names that Config.Systems may hold.
func Systems() []string {
	return []string{kelpName, "duckdb", "duckdb-file", "clickhouse-lz4", "clickhouse-zstd"}
}

func (cfg *Config) defaults() error {
	if len(cfg.Systems) == 0 {
		cfg.Systems = Systems()
	}
	if cfg.Node == "" {
		cfg.Node = "node"
	}
	if cfg.Rows == 0 {
		cfg.Rows = gen.RowsDefault
	}
	if cfg.Loads == 0 {
		cfg.Loads = 3
	}
	if cfg.Rounds == 0 {
		cfg.Rounds = 7
	}
	if cfg.Patience == 0 {
		cfg.Patience = time.Minute
	}
	if cfg.Work == "" {
		cfg.Work = os.TempDir()
	}
	if cfg.Shared == "" {
		cfg.Shared = "/dev/shm"
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	if cfg.Rows < 1 || cfg.Loads < 1 || cfg.Rounds < 1 {
		return fmt.Errorf("rows (%d), loads (%d) and rounds (%d) must be 1 or more", cfg.Rows, cfg.Loads, cfg.Rounds)
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return errors.New("CPU and memory are read from /proc: run this on Linux")
	}
	return nil
}

// bench is a run under way.
type bench struct {
	cfg       Config
	machine   *machine
	generator *gen.Generator
	file      string // the rows
	constants []*constants
	book      *book
}

// measured is what a run found out about one system.
type measured struct {
	name, version string
	loads         []loaded
	settled       settled
	sizes         sizes
	restarts      []reopened
	recovery      *recovered
	forms         []ofForm
	times         map[key]*timing // round is 0
}

// Run measures and returns what it found. Wrong answers are in the report, not
// errors: see Report.Wrong.
func Run(ctx context.Context, cfg Config) (report *Report, err error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	begun := time.Now()
	work, err := os.MkdirTemp(cfg.Work, "kelp-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	shared, err := os.MkdirTemp(cfg.Shared, "kelp-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(shared)) }()

	b := &bench{cfg: cfg, machine: thisMachine(), file: filepath.Join(work, "events.ndjson"),
		generator: gen.New(gen.Config{Seed: cfg.Seed, Rows: cfg.Rows})}
	b.machine.canDrop = b.machine.canDrop && cfg.DropCache
	b.constants = draw(b.generator, cfg.Seed, cfg.Rounds+1)
	b.book = newBook(questions())
	bytes, err := b.write(ctx)
	if err != nil {
		return nil, err
	}
	report = &Report{begun: begun, commit: commit(ctx), machine: b.machine, cfg: cfg, bytes: bytes, end: b.generator.Config().End}
	for _, name := range cfg.Systems {
		s, err := b.system(name, work, shared)
		if err != nil {
			return nil, err
		}
		m, err := b.measure(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name(), err)
		}
		report.systems = append(report.systems, m)
	}
	report.wrong, report.off = b.book.verdict()
	report.took = time.Since(begun)
	return report, nil
}

func (b *bench) system(name, work, shared string) (system, error) {
	if name == kelpName {
		binary, err := filepath.Abs(b.cfg.Kelp) // it is started elsewhere
		return newKelp(binary, work, shared, b.cfg.Rows), err
	}
	scripts, err := filepath.Abs(b.cfg.Peers)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(scripts, "node_modules")); err != nil {
		return nil, fmt.Errorf("%s needs its packages: run `npm install --no-save` in %s", name, b.cfg.Peers)
	}
	return newPeer(name, b.cfg.Node, scripts, work)
}

func (b *bench) logf(format string, args ...any) {
	fmt.Fprintf(b.cfg.Log, format+"\n", args...)
}

// write makes the file of rows and returns its size.
func (b *bench) write(ctx context.Context) (int64, error) {
	f, err := os.Create(b.file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	b.logf("writing %s rows to %s", grouped(b.cfg.Rows), b.file)
	if err := b.generator.WriteNDJSON(cancellable{ctx, f}, 0, b.cfg.Rows); err != nil {
		return 0, fmt.Errorf("cannot write the rows: %w", err)
	}
	// On disk now, so that no system pays for writing back somebody else's file.
	if err := f.Sync(); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), f.Close()
}

// measure takes one system through all steps. Its process is gone and its files
// are removed when it returns.
func (b *bench) measure(ctx context.Context, s system) (m *measured, err error) {
	defer func() { err = errors.Join(err, s.kill(), s.remove()) }()
	m = &measured{name: s.name(), times: map[key]*timing{}}
	b.logf("%s", s.name())
	for n := range b.cfg.Loads {
		if err := b.load(ctx, s, m); err != nil {
			return nil, err
		}
		if n == b.cfg.Loads-1 {
			break
		}
		if err := s.kill(); err != nil {
			return nil, err
		}
		if s.persistent() {
			if err := b.reopen(ctx, s, m, afterLastReceipt); err != nil {
				return nil, err
			}
			if err := s.kill(); err != nil {
				return nil, err
			}
		}
		if err := s.remove(); err != nil {
			return nil, err
		}
	}
	// Sizes come after the questions: kelp reads every column to tell them.
	for _, step := range []func(context.Context, system, *measured) error{b.settle, b.askAll, b.size, b.compress, b.restart, b.loadForms} {
		if err := step(ctx, s, m); err != nil {
			return nil, err
		}
	}
	m.version = s.version()
	return m, nil
}
