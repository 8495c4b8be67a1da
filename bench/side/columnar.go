package side

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
	"github.com/kelpdb/kelp/bench/load"
)

// columnar is a system that is also measured taking in columns instead of
// NDJSON: kelp as Arrow streams over HTTP, DuckDB in memory from a Parquet file.
type columnar interface {
	system
	forms() []string
	// prepare makes what is loaded, before the clock runs; the system is open.
	prepare(ctx context.Context, form, ndjson string) error
	// loadForm is load of what was prepared.
	loadForm(ctx context.Context, form string, workload gen.Config) (took, clientCPU time.Duration, err error)
}

// ofForm is the loads of one form.
type ofForm struct {
	name   string
	loads  []loaded
	blocks int64 // kelp's, right after the last load
}

// loadForms loads each form several times into an empty place. What there was is
// gone.
func (b *bench) loadForms(ctx context.Context, s system, m *measured) error {
	c, ok := s.(columnar)
	if !ok {
		return nil
	}
	for _, form := range c.forms() {
		f := ofForm{name: form}
		for range b.cfg.Loads {
			if err := b.loadForm(ctx, c, &f); err != nil {
				return fmt.Errorf("%s: %w", form, err)
			}
		}
		m.forms = append(m.forms, f)
	}
	return errors.Join(s.kill(), s.remove())
}

func (b *bench) loadForm(ctx context.Context, c columnar, f *ofForm) error {
	if err := errors.Join(c.kill(), c.remove()); err != nil {
		return err
	}
	if _, err := c.open(ctx, nil); err != nil {
		return err
	}
	if err := c.prepare(ctx, f.name, b.file); err != nil {
		return fmt.Errorf("cannot prepare: %w", err)
	}
	l, err := b.timed(c, func() (took, clientCPU time.Duration, err error) {
		return c.loadForm(ctx, f.name, b.generator.Config())
	})
	if err != nil {
		return err
	}
	f.loads = append(f.loads, l)
	if err := b.check(ctx, c, "after its load of "+f.name, "Q1", false); err != nil {
		return err
	}
	if k, ok := c.(*kelp); ok {
		counted, err := k.sizes(ctx)
		if err != nil {
			return err
		}
		f.blocks = counted.blocks
	}
	return nil
}

func (k *kelp) forms() []string { return []string{string(load.Arrow), string(load.ArrowDict)} }

// prepare has nothing to do: the client makes its bodies before it starts the clock.
func (k *kelp) prepare(context.Context, string, string) error { return nil }

func (k *kelp) loadForm(ctx context.Context, form string, workload gen.Config) (took, clientCPU time.Duration, err error) {
	result, err := load.Run(ctx, load.Config{Server: k.client.Address(), Workload: workload, Format: load.Format(form),
		Connections: k.connections, Ahead: true})
	if err != nil {
		return 0, 0, err
	}
	return result.Elapsed, result.ClientCPU, nil
}

// parquet is the form that peers load.
const parquet = "parquet"

func (p *peer) forms() []string {
	if p.exact { // DuckDB in memory, the fastest by far
		return []string{parquet}
	}
	return nil
}

func (p *peer) parquetFile() string { return filepath.Join(p.work, "events.parquet") }

// prepare has DuckDB write the file, once.
func (p *peer) prepare(ctx context.Context, _, ndjson string) error {
	if _, err := os.Stat(p.parquetFile()); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, readThrough(ctx, p.parquetFile()))
	}
	_, err := p.call(ctx, settleMax, map[string]any{"op": "prepare", "file": ndjson, "to": p.parquetFile()})
	return err
}

func (p *peer) loadForm(ctx context.Context, _ string, _ gen.Config) (took, clientCPU time.Duration, err error) {
	return p.load(ctx, p.parquetFile())
}
