package side

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kelpdb/kelp/bench/load"
	"github.com/kelpdb/kelp/cmd/client"
)

// kelpName is what kelp is called in tables and on the command line.
const kelpName = "kelp"

// kelp is `kelp serve` with one leaf, asked over HTTP on loopback.
type kelp struct {
	binary      string
	data        string // on disk
	memory      string // on tmpfs
	budget      int64  // for blocks; nothing is evicted, a full memory fails the run
	connections int
	server      *process
	client      *client.Client
	says        string
}

func (k *kelp) name() string      { return kelpName }
func (k *kelp) dialect() *dialect { return kelpDialect() }
func (k *kelp) persistent() bool  { return true }
func (k *kelp) version() string   { return k.says }
func (k *kelp) running() *process { return k.server }
func (k *kelp) diskDir() string   { return k.data }

func (k *kelp) open(ctx context.Context, ready func() error) (time.Time, error) {
	if k.says == "" {
		text, err := exec.CommandContext(ctx, k.binary, "version").Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("cannot ask %s for its version: %w", k.binary, err)
		}
		k.says, _, _ = strings.Cut(strings.TrimSpace(string(text)), "\n")
	}
	if ready != nil {
		if err := ready(); err != nil {
			return time.Time{}, err
		}
		if err := readThrough(ctx, k.binary); err != nil { // it is no data of kelp's
			return time.Time{}, err
		}
	}
	begun := time.Now()
	server, err := startProcess(filepath.Dir(k.data), k.binary, "serve", "--listen", "127.0.0.1:0", "--leaves", "1", "--data", k.data,
		"--memory-dir", k.memory, "--memory", strconv.FormatInt(k.budget, 10), "--when-full", "reject")
	if err != nil {
		return begun, err
	}
	k.server = server
	line, err := server.line(ctx, startMax)
	if err != nil {
		return begun, err
	}
	for field := range strings.FieldsSeq(string(line)) {
		if address, ok := strings.CutPrefix(field, "http="); ok {
			k.client, err = client.New(address, "")
			return begun, err
		}
	}
	return begun, fmt.Errorf("kelp serve said %q instead of where it listens", line)
}

func (k *kelp) load(ctx context.Context, file string) (took, clientCPU time.Duration, err error) {
	result, err := load.Run(ctx, load.Config{Server: k.client.Address(), File: file, Connections: k.connections})
	if err != nil {
		return 0, 0, err
	}
	return result.Elapsed, result.ClientCPU, nil
}

// settle waits until merges and the copy on disk have come to rest: the table
// keeps its size and the processor is idle. The list of tables costs next to
// nothing; the detail of one would count distinct values, and be work itself.
func (k *kelp) settle(ctx context.Context) (time.Time, error) {
	size, cpuBefore, since, deadline := int64(-1), time.Duration(0), time.Now(), time.Now().Add(settleMax)
	for time.Now().Before(deadline) {
		list, err := k.client.Tables(ctx)
		if err != nil {
			return since, err
		}
		sum := int64(0)
		for _, t := range list.Tables {
			sum += t.Bytes
		}
		cpu, err := k.server.cpu()
		if err != nil {
			return since, err
		}
		if sum != size || cpu-cpuBefore > time.Duration(settleCPU*float64(settleQuiet)) {
			size, cpuBefore, since = sum, cpu, time.Now()
		} else if time.Since(since) >= settleQuiet {
			return since, nil
		}
		if err := pause(ctx, settleQuiet/10); err != nil {
			return since, err
		}
	}
	return time.Now(), nil
}

// ask: the clock ends with the last byte, before the answer is decoded, as it
// does for peers.
func (k *kelp) ask(ctx context.Context, sql string) (*reply, error) {
	begun := time.Now()
	resp, err := k.client.Stream(ctx, client.Query{SQL: sql, TimeoutMs: questionMax.Milliseconds()}, client.TypeJSON)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	took := time.Since(begun)
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	var a client.Answer
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&a); err != nil {
		return nil, fmt.Errorf("cannot read the answer: %w", err)
	}
	r := &reply{rows: a.Rows, took: took, whole: a.Completeness.Ratio}
	switch {
	case a.Truncated != nil:
		r.inexact = fmt.Sprintf("cut by %s at %d", a.Truncated.By, a.Truncated.Limit)
	case !a.Completeness.Exact:
		r.inexact = "not exact by its own word"
	case slices.ContainsFunc(a.Approximate, func(c string) bool { return strings.HasPrefix(c, "uniq_exact") }):
		r.inexact = "approximate where it was asked to be exact"
	}
	return r, nil
}

func (k *kelp) sizes(ctx context.Context) (*counted, error) {
	t, err := k.client.Table(ctx, "events")
	if err != nil {
		return nil, err
	}
	c := &counted{bytes: t.Bytes, disk: t.DiskBytes, blocks: t.Blocks, columns: map[string]int64{}}
	for _, column := range t.Columns {
		c.columns[column.Name] = column.Bytes
	}
	return c, nil
}

func (k *kelp) stop(ctx context.Context) error {
	if k.client != nil {
		k.client.Close()
	}
	if err := k.server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return k.server.wait(ctx, stopMax)
}

func (k *kelp) kill() error {
	if k.server == nil {
		return nil
	}
	if k.client != nil {
		k.client.Close()
	}
	return k.server.kill()
}

func (k *kelp) forgetMemory() error { return os.RemoveAll(k.memory) }

func (k *kelp) remove() error {
	return errors.Join(os.RemoveAll(k.memory), os.RemoveAll(k.data))
}

// notYet tells whether an error only means that the server has not read
// everything yet.
func notYet(err error) bool {
	var e *client.Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Code == "incomplete" || e.Code == "unavailable" || e.Code == "unknown_table"
}

// newKelp places kelp below a directory on disk and one in shared memory.
func newKelp(binary, dir, shared string, rows int64) *kelp {
	// Twice what uncompressed rows take, and room to work in: never the limit.
	const bytesPerRow, room = 500, 1 << 30
	return &kelp{binary: binary, data: filepath.Join(dir, "kelp"), memory: filepath.Join(shared, "memory"),
		budget: rows*bytesPerRow + room, connections: 2}
}
