package side

import (
	"fmt"
	"slices"
)

// book holds the answers of a run. The first answer to a question is the
// reference for all others; who is right, a person has to find out.
type book struct {
	questions map[string]*question
	reference map[key]entry
	exact     map[key]answer
	about     map[key][]entry // answers with approximate columns, of round 0
	wrong     []string
}

type entry struct {
	who    who
	answer answer
}

// who answered, and what had happened to it before, if anything.
type who struct{ system, happened string }

func (w who) String() string {
	if w.happened == "" {
		return w.system
	}
	return w.system + " " + w.happened
}

// deviation is how far approximations are off, relative to the exact value.
type deviation struct{ median, largest float64 }

func newBook(qs []*question) *book {
	b := &book{questions: map[string]*question{}, reference: map[key]entry{}, exact: map[key]answer{}, about: map[key][]entry{}}
	for _, q := range qs {
		b.questions[q.id] = q
	}
	return b
}

func (b *book) question(id string) *question {
	q, ok := b.questions[id]
	if !ok {
		panic("BUG: no question " + id)
	}
	return q
}

func (b *book) complain(format string, args ...any) {
	b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
}

// enter takes an answer and compares it.
func (b *book) enter(w who, q *question, k key, r *reply) {
	if r.whole < 1 {
		b.complain("%s, %s: the answer is not complete (%.4f)", w, k, r.whole)
		return
	}
	if r.inexact != "" {
		b.complain("%s, %s: the answer is %s", w, k, r.inexact)
		return
	}
	a, err := normalise(q.kinds, r.rows)
	if err != nil {
		b.complain("%s, %s: %v", w, k, err)
		return
	}
	if q.approximate() && k.round == 0 {
		b.about[k] = append(b.about[k], entry{w, a})
	}
	reference, ok := b.reference[k]
	if !ok {
		b.reference[k] = entry{w, a}
		return
	}
	if d := difference(q, reference.answer, a); d != "" {
		b.complain("%s against %s, %s: %s", reference.who, w, k, d)
	}
}

// honest holds the completeness of an answer to Q1 against the truth: it may
// be lower, never higher.
func (b *book) honest(w who, r *reply, rows int64) {
	a, err := normalise(b.question("Q1").kinds, r.rows)
	if err != nil || len(a) != 1 || a[0][0] == nil {
		b.complain("%s: %v is no count (%v)", w, r.rows, err)
		return
	}
	if counted := a[0][0].(int64); r.whole > float64(counted)/float64(rows) {
		b.complain("%s: completeness %.4f with %d of %d rows", w, r.whole, counted, rows)
	}
}

// truth takes the exact answer to a question with approximate columns.
func (b *book) truth(q *question, k key, r *reply) error {
	a, err := normalise(q.kinds, r.rows)
	b.exact[k] = a
	return err
}

// verdict returns what is wrong, and how far the approximations were off, by
// question and system.
func (b *book) verdict() (wrong []string, off map[key]map[string]deviation) {
	off = map[key]map[string]deviation{}
	for k, entries := range b.about {
		q, exact := b.question(k.question), b.exact[k]
		if exact == nil {
			continue // DuckDB was not part of the run
		}
		off[k] = map[string]deviation{}
		for _, e := range entries {
			if d := difference(q, exact, e.answer); d != "" {
				b.complain("exact answer against %s, %s: %s", e.who, k, d)
				continue
			}
			d := b.deviates(q, k, e, exact)
			if seen, ok := off[k][e.who.system]; !ok || d.largest > seen.largest {
				off[k][e.who.system] = d
			}
		}
	}
	slices.Sort(b.wrong)
	return slices.Compact(b.wrong), off
}

// deviates compares one approximate answer with the exact one.
func (b *book) deviates(q *question, k key, e entry, exact answer) deviation {
	var d deviation
	for _, of := range []kind{kindPercentile, kindDistinct} {
		errors := errorsOf(q, of, e.answer, exact)
		is := deviation{median: median(errors), largest: largest(errors)}
		far, most := is.median, peerError
		if e.who.system == kelpName {
			far, most = is.largest, map[kind]float64{kindPercentile: percentileError, kindDistinct: distinctError}[of]
		}
		if far > most {
			b.complain("%s, %s: approximations are off by %.2f%%, %.2f%% is allowed", e.who, k, far*100, most*100)
		}
		d.median, d.largest = max(d.median, is.median), max(d.largest, is.largest)
	}
	return d
}
