package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/kelpdb/kelp/bench/gen"
	"github.com/kelpdb/kelp/cmd/client"
)

// Config says what to send where. Zero values are defaults.
type Config struct {
	Server, Token string
	Table         string // default "events"
	Run           string // begins every key; another run, other keys
	Workload      gen.Config
	File          string        // NDJSON to send instead of the workload
	Format        Format        // default NDJSON
	RecordRows    int           // of an Arrow record batch; default all of a request
	Connections   int           // default 2
	BatchRows     int           // default 20,000, of Arrow 65,536
	Ahead         bool          // make all bodies before the clock starts: they must fit in memory
	Zstd          bool          // compress bodies, which is part of making them
	RetryFor      time.Duration // default 1 minute
}

const (
	// batchRowsDefault is 9 MB of NDJSON. Writers of Arrow make larger record
	// batches: a full block is what DuckDB, Polars and pyarrow come near to.
	batchRowsDefault = 20_000
	arrowRowsDefault = 65_536

	lineBytes  = 450 // a little more than a line of the workload
	arrowBytes = 360 // and than a row of it as Arrow

	// fileLineMax is the longest line of a file.
	fileLineMax = 4 << 20
)

// Result is what a run measured.
type Result struct {
	Rows      int64         `json:"rows"`
	Format    Format        `json:"format"`
	Bytes     int64         `json:"bytes"` // in that format, before compression
	Sent      int64         `json:"sent"`  // on the wire
	Batches   int64         `json:"batches"`
	Elapsed   time.Duration `json:"elapsed_ns"`    // first request to last receipt
	ClientCPU time.Duration `json:"client_cpu_ns"` // of this process, in that time
	Retries   int64         `json:"retries"`
}

// RowsPerSecond is the figure that matters.
func (r *Result) RowsPerSecond() float64 { return float64(r.Rows) / r.Elapsed.Seconds() }

func (r *Result) String() string {
	return fmt.Sprintf("%d rows, %.2f GB of %s in %d batches, %.2f s: %.0f rows/s, %.0f MB/s, client CPU %.2f s (%.0f ns a row), %d retries",
		r.Rows, float64(r.Bytes)/1e9, r.Format, r.Batches, r.Elapsed.Seconds(), r.RowsPerSecond(), float64(r.Bytes)/1e6/r.Elapsed.Seconds(),
		r.ClientCPU.Seconds(), float64(r.ClientCPU.Nanoseconds())/float64(max(r.Rows, 1)), r.Retries)
}

// body is one batch before it is sent.
type body struct {
	index int64
	text  []byte // in the format, or compressed
	rows  int64
	plain int64 // bytes before compression
}

// maker makes the bodies in any order; ok is false after the last. buf may be
// used for the text. It is called concurrently.
type maker func(buf []byte) (b body, ok bool, err error)

type runner struct {
	cfg    Config
	server *client.Client
	result Result // through atomics while running
}

// Run sends everything and returns what it measured. It fails at the first
// batch that is not accepted as it was sent.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if cfg.Table == "" {
		cfg.Table = "events"
	}
	if cfg.Connections <= 0 {
		cfg.Connections = 2
	}
	if cfg.BatchRows <= 0 {
		if cfg.BatchRows = batchRowsDefault; cfg.Format.arrow() {
			cfg.BatchRows = arrowRowsDefault
		}
	}
	if cfg.RetryFor <= 0 {
		cfg.RetryFor = time.Minute
	}
	if cfg.Run == "" {
		cfg.Run = fmt.Sprintf("load-%d", time.Now().UnixNano())
	}
	server, err := client.New(cfg.Server, cfg.Token)
	if err != nil {
		return nil, err
	}
	defer server.Close()
	if err := server.Ping(ctx); err != nil {
		return nil, err
	}
	next, free, err := cfg.maker()
	if err != nil {
		return nil, err
	}
	defer free()
	if cfg.Zstd {
		if next, err = compressed(next); err != nil {
			return nil, err
		}
	}
	if cfg.Ahead {
		if next, err = ahead(next, cfg.Connections); err != nil {
			return nil, err
		}
	}
	r := &runner{cfg: cfg, server: server, result: Result{Format: cfg.Format}}
	return r.run(ctx, next)
}

func (r *runner) run(ctx context.Context, next maker) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cpu, start := cpuTime(), time.Now()
	errs := make([]error, r.cfg.Connections)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() {
			if errs[i] = r.connection(ctx, next); errs[i] != nil {
				cancel()
			}
		})
	}
	wait.Wait()
	r.result.Elapsed, r.result.ClientCPU = time.Since(start), cpuTime()-cpu
	return &r.result, errors.Join(errs...)
}

func (r *runner) connection(ctx context.Context, next maker) error {
	var buf []byte
	for {
		b, ok, err := next(buf[:0])
		if err != nil || !ok {
			return err
		}
		if err := r.send(ctx, &b); err != nil {
			return err
		}
		if buf = nil; !r.cfg.Ahead {
			buf = b.text // the receipt says that the server has read it all
		}
	}
}

func (r *runner) send(ctx context.Context, b *body) error {
	batch := &client.Batch{Table: r.cfg.Table, Key: fmt.Sprintf("%s-%d", r.cfg.Run, b.index), Type: r.cfg.Format.mediaType(), Body: b.text}
	if r.cfg.Zstd {
		batch.Encoding = "zstd"
	}
	receipt, err := r.server.Retry(ctx, batch, client.Retrying{For: r.cfg.RetryFor, Notify: func(error, time.Duration) {
		atomic.AddInt64(&r.result.Retries, 1)
	}})
	if err != nil {
		return fmt.Errorf("batch %d: %w", b.index, err)
	}
	if receipt.Accepted != b.rows || receipt.Rejected != 0 {
		return fmt.Errorf("batch %d: sent %d rows, the receipt says %d accepted, %d rejected", b.index, b.rows, receipt.Accepted, receipt.Rejected)
	}
	atomic.AddInt64(&r.result.Rows, b.rows)
	atomic.AddInt64(&r.result.Bytes, b.plain)
	atomic.AddInt64(&r.result.Sent, int64(len(b.text)))
	atomic.AddInt64(&r.result.Batches, 1)
	return nil
}

// maker returns the source of bodies, and what closes it.
func (cfg *Config) maker() (maker, func(), error) {
	if cfg.File == "" {
		return cfg.fromWorkload(gen.New(cfg.Workload)), func() {}, nil
	}
	if cfg.Format.arrow() {
		return nil, nil, fmt.Errorf("%s is sent as it is, as NDJSON: only the workload can be sent as %s", cfg.File, cfg.Format)
	}
	f, err := os.Open(cfg.File)
	if err != nil {
		return nil, nil, err
	}
	return fromFile(f, cfg.BatchRows), func() { f.Close() }, nil
}

func (cfg *Config) fromWorkload(g *gen.Generator) maker {
	var taken atomic.Int64
	batchRows := int64(cfg.BatchRows)
	total := g.Config().Rows
	return func(buf []byte) (body, bool, error) {
		index := taken.Add(1) - 1
		from := index * batchRows
		if from >= total {
			return body{}, false, nil
		}
		to := min(from+batchRows, total)
		buf, err := cfg.appendRows(buf, g, from, to)
		return body{index, buf, to - from, int64(len(buf))}, err == nil, err
	}
}

// fromFile cuts a file behind every batchRows-th line. Blank lines are not
// expected: they would be counted as rows.
func fromFile(r io.Reader, batchRows int) maker {
	var mu sync.Mutex
	var rest []byte
	index, ended := int64(0), false
	return func(buf []byte) (body, bool, error) {
		mu.Lock()
		defer mu.Unlock()
		buf = append(buf, rest...)
		rest = nil
		rows, looked := 0, 0
		for {
			for rows < batchRows {
				i := bytes.IndexByte(buf[looked:], '\n')
				if i < 0 {
					break
				}
				looked += i + 1
				rows++
			}
			if rows == batchRows || ended {
				break
			}
			if len(buf)-looked > fileLineMax {
				return body{}, false, fmt.Errorf("a line is longer than %d bytes", fileLineMax)
			}
			have := len(buf)
			buf = append(buf, make([]byte, 1<<20)...)
			n, err := r.Read(buf[have:])
			buf = buf[:have+n]
			if errors.Is(err, io.EOF) {
				if ended = true; len(buf) > 0 && buf[len(buf)-1] != '\n' {
					buf = append(buf, '\n')
				}
			} else if err != nil {
				return body{}, false, err
			}
		}
		rest = append(rest, buf[looked:]...)
		index++
		return body{index - 1, buf[:looked], int64(rows), int64(looked)}, rows > 0, nil
	}
}

func compressed(next maker) (maker, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, err
	}
	return func(buf []byte) (body, bool, error) {
		b, ok, err := next(nil)
		if ok {
			b.text = z.EncodeAll(b.text, buf)
		}
		return b, ok, err
	}, nil
}

// ahead makes all bodies now.
func ahead(next maker, workers int) (maker, error) {
	var mu sync.Mutex
	var all []body
	var firstErr error
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for {
				b, ok, err := next(nil)
				mu.Lock()
				if err != nil && firstErr == nil {
					firstErr = err
				}
				if ok {
					all = append(all, b)
				}
				mu.Unlock()
				if !ok || err != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	if firstErr != nil {
		return nil, firstErr
	}
	var taken atomic.Int64
	return func([]byte) (body, bool, error) {
		i := taken.Add(1) - 1
		if i >= int64(len(all)) {
			return body{}, false, nil
		}
		b := all[i]
		all[i].text = nil
		return b, true, nil
	}, nil
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
