package side

import (
	"context"
	"fmt"
	"time"
)

// What happened before a system was opened again.
const (
	afterLastReceipt = "killed -9 right after its load"
	afterStop        = "stopped"
	afterKill        = "killed -9 at rest"
	afterPowerOff    = "from disk alone"
)

// reopened is one restart.
type reopened struct {
	after   string
	program time.Duration // start of the program to the last byte of Q2
	engine  time.Duration // the same without what its runtime took to be there
	both    time.Duration // start of the program to the last byte of Q5 over the last hour, asked behind Q2
	blocks  int64         // kelp's, then
}

// recovered is an opening from disk alone, the page cache dropped.
type recovered struct {
	dropped    bool
	bytes      int64         // live bytes on disk
	dd         float64       // bytes per second that dd reads of kelp's files; 0 for peers, which do not read all of theirs
	first      time.Duration // until the first answer to Q1
	firstRatio float64       // its completeness
	whole      time.Duration // until the first complete answer to Q1, then
	second     time.Duration // until the last byte of Q2
}

// reopen opens a system again and waits for right and complete answers to Q2
// and then Q5 over the last hour.
func (b *bench) reopen(ctx context.Context, s system, m *measured, after string) error {
	program := time.Now()
	engine, err := s.open(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", after, err)
	}
	if err := b.untilWhole(ctx, s, after, "Q2", false, nil); err != nil {
		return err
	}
	second := time.Now()
	if err := b.untilWhole(ctx, s, after, "Q5", true, nil); err != nil {
		return err
	}
	r := reopened{after: after, program: second.Sub(program), engine: second.Sub(engine), both: time.Since(program)}
	if k, ok := s.(*kelp); ok {
		c, err := k.sizes(ctx)
		if err != nil {
			return err
		}
		r.blocks = c.blocks
	}
	m.restarts = append(m.restarts, r)
	b.logf("  %s: Q2 after %s ms, Q5 after %s ms", after, milliseconds(r.program), milliseconds(r.both))
	return nil
}

// untilWhole asks a question until its answer is complete, and books that
// answer. see, if not nil, is told of every answer.
func (b *bench) untilWhole(ctx context.Context, s system, happened, id string, hour bool, see func(*reply)) error {
	q := b.book.question(id)
	sql := q.text(s.dialect(), hour, b.constants[0])[0]
	deadline := time.Now().Add(startMax)
	for {
		r, err := s.ask(ctx, sql)
		if err != nil && !notYet(err) {
			return fmt.Errorf("%s, %s: %w", happened, id, err)
		}
		if err == nil && see != nil {
			see(r)
		}
		if err == nil && r.whole >= 1 {
			b.book.enter(who{s.name(), happened}, q, key{id, hour, 0}, r)
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: no complete answer to %s within %v", happened, id, startMax)
		}
		if err := pause(ctx, pollEvery); err != nil {
			return err
		}
	}
}

// restart opens a settled system again: after a clean stop, after kill -9, and
// from disk alone.
func (b *bench) restart(ctx context.Context, s system, m *measured) error {
	if !s.persistent() {
		return nil
	}
	if err := s.stop(ctx); err != nil {
		return fmt.Errorf("cannot stop: %w", err)
	}
	if err := b.reopen(ctx, s, m, afterStop); err != nil {
		return err
	}
	if err := s.kill(); err != nil {
		return err
	}
	if err := b.reopen(ctx, s, m, afterKill); err != nil {
		return err
	}
	if err := s.stop(ctx); err != nil {
		return fmt.Errorf("cannot stop: %w", err)
	}
	return b.recover(ctx, s, m)
}

// recover opens a system with nothing but its files on disk, which are in no
// cache; what its program and libraries are made of is.
func (b *bench) recover(ctx context.Context, s system, m *measured) error {
	if err := s.forgetMemory(); err != nil {
		return err
	}
	r := &recovered{dropped: b.machine.canDrop, bytes: int64(onDisk(m))}
	drop := func() error {
		if !r.dropped {
			return nil
		}
		return dropPageCache()
	}
	if s.name() == kelpName {
		err := drop()
		if err != nil {
			return err
		}
		if r.dd, err = ddRead(ctx, s.diskDir()); err != nil {
			return err
		}
	}
	begun, err := s.open(ctx, drop)
	if err != nil {
		return fmt.Errorf("%s: %w", afterPowerOff, err)
	}
	err = b.untilWhole(ctx, s, afterPowerOff, "Q1", false, func(a *reply) {
		if r.first == 0 {
			r.first, r.firstRatio = time.Since(begun), a.whole
		}
		b.book.honest(who{s.name(), afterPowerOff}, a, b.cfg.Rows)
	})
	if err != nil {
		return err
	}
	r.whole = time.Since(begun)
	if err := b.untilWhole(ctx, s, afterPowerOff, "Q2", false, nil); err != nil {
		return err
	}
	r.second = time.Since(begun)
	m.recovery = r
	b.logf("  %s: first answer %s ms (%.2f), complete %s ms; dd reads %s MB/s", afterPowerOff, milliseconds(r.first), r.firstRatio,
		milliseconds(r.whole), significant(r.dd/1e6))
	return s.stop(ctx)
}
