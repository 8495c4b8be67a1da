package side

import (
	"context"
	"fmt"
	"time"
)

// loaded is one load into an empty place, until the last row was queryable.
type loaded struct {
	took       time.Duration
	cpu        time.Duration // of the system's process
	clientCPU  time.Duration // of the client, where it is another process
	anonymous  int64         // peak of the process's anonymous memory
	cpuAtStart time.Duration
}

// settled is the work in the background after the last load.
type settled struct {
	took      time.Duration
	cpu       time.Duration // of the process since its start: load and background
	anonymous int64         // peak meanwhile
	atRest    int64         // anonymous memory afterwards
}

// load opens an empty system and fills it. The file is in the page cache before
// the clock starts.
func (b *bench) load(ctx context.Context, s system, m *measured) error {
	if _, err := s.open(ctx, nil); err != nil {
		return err
	}
	if err := readThrough(ctx, b.file); err != nil {
		return err
	}
	before, err := s.running().cpu()
	if err != nil {
		return err
	}
	peak := s.running().watch()
	took, clientCPU, err := s.load(ctx, b.file)
	anonymous := peak()
	if err != nil {
		return err
	}
	after, err := s.running().cpu()
	if err != nil {
		return err
	}
	m.loads = append(m.loads, loaded{took: took, cpu: after - before, clientCPU: clientCPU, anonymous: anonymous, cpuAtStart: before})
	b.logf("  loaded in %.2f s: %s rows/s, %.2f µs of CPU a row, client %.2f µs", took.Seconds(),
		grouped(int64(float64(b.cfg.Rows)/took.Seconds())), b.microseconds(after-before), b.microseconds(clientCPU))
	return nil
}

// microseconds is a duration's share of one row.
func (b *bench) microseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Microsecond) / float64(b.cfg.Rows)
}

// settle first asks for the rows, which must be there at once, and then lets the
// work in the background end.
func (b *bench) settle(ctx context.Context, s system, m *measured) error {
	if err := b.check(ctx, s, "after its load", "Q1", false); err != nil {
		return err
	}
	peak, begun := s.running().watch(), time.Now()
	ended, err := s.settle(ctx)
	m.settled.took, m.settled.anonymous = ended.Sub(begun), peak()
	if err != nil {
		return fmt.Errorf("cannot settle: %w", err)
	}
	if m.settled.cpu, err = s.running().cpu(); err != nil {
		return err
	}
	m.settled.cpu -= m.loads[len(m.loads)-1].cpuAtStart
	m.settled.atRest, err = s.running().anonymous()
	b.logf("  settled after %.1f s, %.2f µs of CPU a row in all", m.settled.took.Seconds(), b.microseconds(m.settled.cpu))
	return err
}
