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
	l, err := b.timed(s, func() (took, clientCPU time.Duration, err error) { return s.load(ctx, b.file) })
	if err != nil {
		return err
	}
	m.loads = append(m.loads, l)
	return nil
}

// timed measures what a load takes of its system.
func (b *bench) timed(s system, load func() (took, clientCPU time.Duration, err error)) (l loaded, err error) {
	if l.cpuAtStart, err = s.running().cpu(); err != nil {
		return l, err
	}
	peak := s.running().watch()
	l.took, l.clientCPU, err = load()
	l.anonymous = peak()
	if err != nil {
		return l, err
	}
	after, err := s.running().cpu()
	if err != nil {
		return l, err
	}
	l.cpu = after - l.cpuAtStart
	b.logf("  loaded in %.2f s: %s rows/s, %.2f µs of CPU a row, client %.2f µs", l.took.Seconds(),
		grouped(int64(float64(b.cfg.Rows)/l.took.Seconds())), b.microseconds(l.cpu), b.microseconds(l.clientCPU))
	return l, nil
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
