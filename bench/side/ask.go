package side

import (
	"context"
	"fmt"
	"time"
)

// timing is how long one question took over one range.
type timing struct {
	first time.Duration   // nothing asked before, constants of the figures
	warm  []time.Duration // one for each round
	way   string          // the words that were measured
}

// askAll asks every question over both ranges.
func (b *bench) askAll(ctx context.Context, s system, m *measured) error {
	for _, hour := range []bool{false, true} {
		for _, q := range questions() {
			k := key{question: q.id, hour: hour}
			t, err := b.question(ctx, s, q, hour)
			if err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
			m.times[k] = t
			b.logf("  %-5s %-9s first %8s ms  median %8s ms of %d", q.id, rangeName(hour),
				milliseconds(t.first), milliseconds(median(t.warm)), len(t.warm))
		}
	}
	if p, ok := s.(*peer); ok && p.exact {
		return b.exact(ctx, s)
	}
	return nil
}

// question asks one question once, finds the fastest way to say it, and then
// asks it in every round with that round's constants. Past the patience, and
// roundsMin, it is left at that.
func (b *bench) question(ctx context.Context, s system, q *question, hour bool) (*timing, error) {
	t := &timing{}
	way, err := b.fastest(ctx, s, q, hour, t)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	for round := 1; round <= b.cfg.Rounds; round++ {
		if round > roundsMin && time.Since(begun) > b.cfg.Patience {
			break
		}
		sql := q.text(s.dialect(), hour, b.constants[round])[way]
		took, err := b.once(ctx, s, q, sql, key{q.id, hour, round})
		if err != nil {
			return nil, err
		}
		t.warm = append(t.warm, took)
	}
	return t, nil
}

// fastest asks for the first time, and returns the index of the way that is
// fastest then. Every way's answer is compared.
func (b *bench) fastest(ctx context.Context, s system, q *question, hour bool, t *timing) (int, error) {
	ways := q.text(s.dialect(), hour, b.constants[0])
	best, bestTook := 0, time.Duration(0)
	for i, sql := range ways {
		least := time.Duration(0)
		for try := range candidateTries {
			if i == 0 && len(ways) == 1 && try > 0 {
				break // no choice to make
			}
			took, err := b.once(ctx, s, q, sql, key{q.id, hour, 0})
			if err != nil {
				return 0, err
			}
			if i == 0 && try == 0 {
				t.first = took
				continue
			}
			if least == 0 || took < least {
				least = took
			}
		}
		if i == 0 || least < bestTook {
			best, bestTook = i, least
		}
	}
	t.way = ways[best]
	return best, nil
}

// once asks one question and books the answer.
func (b *bench) once(ctx context.Context, s system, q *question, sql string, k key) (time.Duration, error) {
	r, err := s.ask(ctx, sql)
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, sql)
	}
	b.book.enter(who{system: s.name()}, q, k, r)
	return r.took, nil
}

// exact asks for the exact answers that approximations are held against.
func (b *bench) exact(ctx context.Context, s system) error {
	for _, q := range questions() {
		if !q.approximate() {
			continue
		}
		for _, hour := range []bool{false, true} {
			sql := q.text(exactDialect(), hour, b.constants[0])[0]
			r, err := s.ask(ctx, sql)
			if err != nil {
				return fmt.Errorf("exact answer of %s: %w\n%s", q.id, err, sql)
			}
			if err := b.book.truth(q, key{q.id, hour, 0}, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// check asks a question outside of the measurements, in round 0, and books the
// answer under the name of the system and what had happened to it.
func (b *bench) check(ctx context.Context, s system, happened, id string, hour bool) error {
	q := b.book.question(id)
	sql := q.text(s.dialect(), hour, b.constants[0])[0]
	r, err := s.ask(ctx, sql)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", id, happened, err)
	}
	b.book.enter(who{s.name(), happened}, q, key{id, hour, 0}, r)
	return nil
}
