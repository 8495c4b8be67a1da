package side

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// peer is another database in a Node process, asked by lines of JSON
// (bench/peers/protocol.mjs).
type peer struct {
	is      string
	says    *dialect
	node    string   // the program
	program []string // script and its arguments
	scripts string   // where the script is
	work    string   // where the process may leave files
	path    string   // of the database; empty: in memory
	child   *process
	about   string
	exact   bool // gives the exact answers that approximations are held against
}

func (p *peer) name() string      { return p.is }
func (p *peer) dialect() *dialect { return p.says }
func (p *peer) persistent() bool  { return p.path != "" }
func (p *peer) version() string   { return p.about }
func (p *peer) running() *process { return p.child }
func (p *peer) diskDir() string   { return filepath.Dir(p.path) }

// response is any answer of a peer.
type response struct {
	Hello   string           `json:"hello"`
	Error   string           `json:"error"`
	Ms      float64          `json:"ms"`
	Rows    [][]any          `json:"rows"`
	Bytes   int64            `json:"bytes"`
	Columns map[string]int64 `json:"columns"`
}

func (p *peer) open(ctx context.Context, ready func() error) (time.Time, error) {
	if p.path != "" {
		if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
			return time.Time{}, err
		}
	}
	child, err := startProcess(p.work, p.node, append([]string{filepath.Join(p.scripts, p.program[0])}, p.program[1:]...)...)
	if err != nil {
		return time.Time{}, err
	}
	p.child = child
	hello, err := p.receive(ctx, startMax)
	if err != nil {
		return time.Time{}, err
	}
	p.about = hello.Hello
	if ready != nil {
		if err := ready(); err != nil {
			return time.Time{}, err
		}
	}
	begun := time.Now()
	_, err = p.call(ctx, startMax, map[string]any{"op": "open", "path": p.path, "threads": runtime.NumCPU()})
	return begun, err
}

func (p *peer) load(ctx context.Context, file string) (took, clientCPU time.Duration, err error) {
	r, err := p.call(ctx, settleMax, map[string]any{"op": "load", "file": file})
	if err != nil {
		return 0, 0, err
	}
	return r.took(), 0, nil
}

func (p *peer) settle(ctx context.Context) (time.Time, error) {
	_, err := p.call(ctx, settleMax, map[string]any{"op": "settle"})
	return time.Now(), err
}

func (p *peer) ask(ctx context.Context, sql string) (*reply, error) {
	r, err := p.call(ctx, questionMax, map[string]any{"op": "ask", "sql": sql})
	if err != nil {
		return nil, err
	}
	return &reply{rows: r.Rows, took: r.took(), whole: 1}, nil
}

func (p *peer) sizes(ctx context.Context) (*counted, error) {
	r, err := p.call(ctx, startMax, map[string]any{"op": "sizes"})
	if err != nil {
		return nil, err
	}
	return &counted{bytes: r.Bytes, columns: r.Columns}, nil
}

// compress brings a copy in memory that is uncompressed into its smaller form,
// and tells its bytes; 0 where there is no such thing.
func (p *peer) compress(ctx context.Context) (int64, error) {
	r, err := p.call(ctx, settleMax, map[string]any{"op": "compress"})
	if err != nil {
		return 0, err
	}
	return r.Bytes, nil
}

func (p *peer) stop(ctx context.Context) error {
	if _, err := p.call(ctx, stopMax, map[string]any{"op": "close"}); err != nil {
		return err
	}
	return p.child.wait(ctx, stopMax)
}

func (p *peer) kill() error {
	if p.child == nil {
		return nil
	}
	return p.child.kill()
}

func (p *peer) forgetMemory() error { return nil }

func (p *peer) remove() error {
	if p.path == "" {
		return nil
	}
	return os.RemoveAll(filepath.Dir(p.path))
}

func (p *peer) call(ctx context.Context, within time.Duration, request map[string]any) (*response, error) {
	text, err := json.Marshal(request)
	if err != nil {
		panic("BUG: a request does not encode: " + err.Error())
	}
	if _, err := p.child.stdin.Write(append(text, '\n')); err != nil {
		return nil, p.child.failed("does not listen: " + err.Error())
	}
	return p.receive(ctx, within)
}

func (p *peer) receive(ctx context.Context, within time.Duration) (*response, error) {
	line, err := p.child.line(ctx, within)
	if err != nil {
		return nil, err
	}
	var r response
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf("%s said %.200q, which is not of the protocol: %w", p.is, line, err)
	}
	if r.Error != "" {
		return nil, errors.New(p.is + ": " + r.Error)
	}
	return &r, nil
}

func (r *response) took() time.Duration { return time.Duration(r.Ms * float64(time.Millisecond)) }

// newPeer returns the peer of that name, with its files below dir; scripts is
// bench/peers.
func newPeer(name, node, scripts, dir string) (*peer, error) {
	p := &peer{is: name, node: node, scripts: scripts, work: dir}
	switch name {
	case "duckdb":
		p.is, p.says, p.program, p.exact = "DuckDB mem", duckdbDialect(), []string{"duckdb.mjs"}, true
	case "duckdb-file":
		p.is, p.says, p.program = "DuckDB file", duckdbDialect(), []string{"duckdb.mjs"}
		p.path = filepath.Join(dir, name, "events.duckdb")
	case "clickhouse-lz4":
		p.is, p.says, p.program = "ClickHouse LZ4", clickhouseDialect(), []string{"clickhouse.mjs", "LZ4"}
		p.path = filepath.Join(dir, name, "server")
	case "clickhouse-zstd":
		p.is, p.says, p.program = "ClickHouse ZSTD", clickhouseDialect(), []string{"clickhouse.mjs", "ZSTD(1)"}
		p.path = filepath.Join(dir, name, "server")
	default:
		return nil, fmt.Errorf("no peer is named %q; there are duckdb, duckdb-file, clickhouse-lz4, clickhouse-zstd", name)
	}
	return p, nil
}
