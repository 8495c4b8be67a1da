package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// A tortureQuestion is a query whose answer the model knows batch by batch: the
// first column is the batch, or of a raw question the id.
type tortureQuestion struct {
	sql string

	// values are the columns behind the first, for a batch that is there; nil: the
	// batch gives no row.
	values func(b *tortureBatch) []any

	only []*tortureBatch // of a raw question: the batches it asks for
}

// tortureSummary reads every byte of every column.
func tortureSummary(table string) tortureQuestion {
	return tortureQuestion{
		sql: "SELECT batch, count(), count(distinct id), sum(id), sum(v), sum(ms), count_if(ok), sum(length(tags)), count(error), sum(length(note)), " +
			"min(trace), max(trace), min(message), max(message), min(event), max(event), min(user), max(user), min(note), max(note), min(number::text), max(number::text) " +
			"FROM " + table + " GROUP BY batch LIMIT ALL",
		values: func(b *tortureBatch) []any {
			w := &b.want
			return []any{
				int64(w.rows), int64(w.rows), w.ids, w.vs, w.ms, w.oks, orNull(w.tags), w.errors, orNull(w.notes),
				w.traces[0], w.traces[1], w.messages[0], w.messages[1], w.events[0], w.events[1],
				w.users[0], w.users[1], w.texts[0], w.texts[1], w.numbers[0], w.numbers[1],
			}
		},
	}
}

// orNull: a sum over nothing is null.
func orNull(sum int64) any {
	if sum == 0 {
		return ""
	}
	return sum
}

// tortureQuestions are the others: filters and groups on codes, templates and
// lists, which take other ways to the same bytes.
func tortureQuestions(table string) []tortureQuestion {
	var services []string
	for i := range tortureServices {
		services = append(services, fmt.Sprintf("count_if(service = 'service-%d')", i))
	}
	count := func(where string, of func(w *batchSums) []any) tortureQuestion {
		return tortureQuestion{
			sql:    "SELECT batch, count(), sum(v) FROM " + table + " WHERE " + where + " GROUP BY batch LIMIT ALL",
			values: func(b *tortureBatch) []any { return of(&b.want) },
		}
	}
	return []tortureQuestion{
		{
			sql: "SELECT batch, " + strings.Join(services, ", ") + " FROM " + table + " GROUP BY batch LIMIT ALL",
			values: func(b *tortureBatch) []any {
				var all []any
				for _, n := range b.want.services {
					all = append(all, n)
				}
				return all
			},
		},
		count(fmt.Sprintf("ms >= %d", tortureSlowMs), func(w *batchSums) []any {
			if w.slow == 0 {
				return nil
			}
			return []any{w.slow, w.slowVs}
		}),
		{
			sql: "SELECT batch, count() FROM " + table + " WHERE message LIKE '%timed out%' GROUP BY batch LIMIT ALL",
			values: func(b *tortureBatch) []any {
				if b.want.timeouts == 0 {
					return nil
				}
				return []any{b.want.timeouts}
			},
		},
		{
			sql: "SELECT batch, count() FROM " + table + " WHERE tags HAS '" + tortureTag + "' GROUP BY batch LIMIT ALL",
			values: func(b *tortureBatch) []any {
				if b.want.reds == 0 {
					return nil
				}
				return []any{b.want.reds}
			},
		},
	}
}

// tortureRaw asks for the rows of batches, all columns of them.
func tortureRaw(table string, batches []*tortureBatch) tortureQuestion {
	var numbers []string
	for _, b := range batches {
		numbers = append(numbers, fmt.Sprint(b.no))
	}
	return tortureQuestion{
		sql: "SELECT id, v, ms, ok, service, user, trace, message, event, note, error, number::text, tags FROM " + table +
			" WHERE batch IN (" + strings.Join(numbers, ", ") + ") LIMIT ALL",
		only: batches,
	}
}

// tortureRawRows bounds the rows of a raw question.
const tortureRawRows = 30_000

// pickQuestion draws one; known is what the model has.
func pickQuestion(rnd *rand.Rand, table string, known *tortureKnown) tortureQuestion {
	switch n := rnd.IntN(8); {
	case n < 3:
		return tortureSummary(table)
	case n < 6 || len(known.must) == 0:
		all := tortureQuestions(table)
		return all[rnd.IntN(len(all))]
	}
	var some []*tortureBatch
	for rows := 0; len(some) < 5; {
		b := known.must[rnd.IntN(len(known.must))]
		if rows += b.rows; rows > 6_000 && len(some) > 0 {
			break
		}
		some = append(some, b)
	}
	slices.SortFunc(some, func(a, b *tortureBatch) int { return a.no - b.no })
	return tortureRaw(table, slices.Compact(some))
}

// isWhole tells whether an answer must hold all that is there. On a busy machine the
// pages of many rows may take longer than a question has time, and then it says so.
func isWhole(a answer) bool {
	return a.Truncated == nil && (a.Completeness.Ratio == 1 || onlyLost(a))
}

// judge holds an answer against the model. seen is what the answer holds of each
// batch, complete whether it must hold all.
func (t *tortureTable) judge(seed uint64, q tortureQuestion, known *tortureKnown, a answer) error {
	complete := isWhole(a)
	if a.Truncated != nil && a.Truncated.By != "time" {
		return fmt.Errorf("%s: the answer is truncated by %s", q.sql, a.Truncated.By)
	}
	now := t.known()
	steady := !known.dropping && !now.dropping && now.life == known.life
	if a.Error != nil {
		switch {
		case a.Error.Code == "unknown_table" && (!steady || t.rolling || known.expected == 0):
			return nil
		case a.Error.Code == "unavailable", a.Error.Code == "timeout", a.Error.Code == "incomplete":
			return nil
		}
		return fmt.Errorf("%s: %s: %s", q.sql, a.Error.Code, a.Error.Message)
	}
	if steady && !t.rolling && now.forgotten == known.forgotten && a.Completeness.RowsExpected < known.expected && q.only == nil {
		return fmt.Errorf("%s: %d rows are expected, at least %d were acknowledged: %+v", q.sql, a.Completeness.RowsExpected, known.expected, a.Completeness)
	}
	// The pages of many rows are asked one after another: a drop between two of them, or
	// retention, takes the rest.
	seen, err := t.match(seed, q, a, complete && (q.only == nil || steady && !t.rolling))
	if err != nil {
		return fmt.Errorf("%s: %w (completeness %+v)", q.sql, err, a.Completeness)
	}
	if !steady {
		return nil
	}
	for no := range seen {
		if known.gone[no] {
			return fmt.Errorf("%s: batch %d was gone and is back", q.sql, no)
		}
	}
	if !complete {
		return nil
	}
	return t.missing(q, known, seen)
}

// missing looks for batches that are not in a complete answer.
func (t *tortureTable) missing(q tortureQuestion, known *tortureKnown, seen map[int]bool) error {
	asked := func(b *tortureBatch) bool {
		if q.only != nil {
			return slices.Contains(q.only, b)
		}
		return q.values(b) != nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range known.must {
		if !asked(b) || seen[b.no] {
			continue
		}
		if !t.rolling {
			return fmt.Errorf("%s: batch %d of %d rows was acknowledged at %s and is not there", q.sql, b.no, b.rows, b.acked.Format("15:04:05.000"))
		}
		if b.fate == fateAcked && !b.resend {
			b.fate = fateGone
		}
	}
	for _, b := range known.risk {
		if b.fate == fateRisk && asked(b) {
			if b.fate = fateGone; seen[b.no] {
				b.fate = fateAcked
			}
		}
	}
	return nil
}

// match compares what the answer has of each batch with what the batch holds. In
// an answer that is not complete a batch may be there in part.
func (t *tortureTable) match(seed uint64, q tortureQuestion, a answer, complete bool) (seen map[int]bool, err error) {
	if q.only != nil {
		return matchRaw(seed, q.only, a, complete)
	}
	seen = map[int]bool{}
	for _, row := range a.Rows {
		n, err := intOf(row[0])
		if err != nil {
			return nil, err
		}
		t.mu.Lock()
		b := t.batches[int(n)]
		t.mu.Unlock()
		if b == nil {
			return nil, fmt.Errorf("batch %d was not sent, or was lost and forgotten", n)
		}
		if seen[b.no] {
			return nil, fmt.Errorf("batch %d has two groups", n)
		}
		seen[b.no] = true
		want := q.values(b)
		if want == nil {
			return nil, fmt.Errorf("batch %d has no such row, but a group: %v", n, row)
		}
		if !complete {
			if got, err := intOf(row[1]); err != nil || got > b.want.countIn(want) {
				return nil, fmt.Errorf("batch %d: %v rows in a partial answer, at most %d are there", n, row[1], b.want.countIn(want))
			}
			continue
		}
		for i, v := range want {
			if !same(row[i+1], v) {
				return nil, fmt.Errorf("batch %d of %d rows, column %q: %v, want %v; all: %v", n, b.rows, a.Columns[i+1].Name, row[i+1], v, row)
			}
		}
	}
	return seen, nil
}

// countIn is the most that the first column of an answer can be.
func (s *batchSums) countIn(want []any) int64 {
	if n, ok := want[0].(int64); ok {
		return n
	}
	return int64(s.rows)
}

func matchRaw(seed uint64, batches []*tortureBatch, a answer, complete bool) (seen map[int]bool, err error) {
	ids, left := map[int64]bool{}, map[int]int{}
	for _, b := range batches {
		left[b.no] = b.rows
	}
	for _, row := range a.Rows {
		id, err := intOf(row[0])
		if err != nil {
			return nil, err
		}
		if ids[id] {
			return nil, fmt.Errorf("row %d is there twice", id)
		}
		ids[id] = true
		left[int(id>>16)]--
		r := tortureRowOf(seed, id)
		want := []any{r.v, r.ms, r.ok, r.service, r.user, r.trace, r.message, r.event, r.note, r.error, r.number}
		for i, v := range want {
			if !same(row[i+1], v) {
				return nil, fmt.Errorf("row %d, column %q: %v, want %v; all: %v", id, a.Columns[i+1].Name, row[i+1], v, row)
			}
		}
		if got := fmt.Sprint(row[len(row)-1]); len(r.tags) > 0 && got != fmt.Sprint(r.tags) {
			return nil, fmt.Errorf("row %d: tags %v, want %v", id, got, r.tags)
		}
	}
	seen = map[int]bool{}
	for _, b := range batches {
		if left[b.no] < 0 || complete && left[b.no] != 0 && left[b.no] != b.rows {
			return nil, fmt.Errorf("batch %d of %d rows: %d are missing", b.no, b.rows, left[b.no])
		}
		if left[b.no] == 0 {
			seen[b.no] = true
		}
	}
	return seen, nil
}

func intOf(v any) (int64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, fmt.Errorf("%v is no number", v)
	}
	return n.Int64()
}

// same compares a value of an answer with one of the model; "" is null.
func same(got, want any) bool {
	const floatError = 1e-9
	switch want := want.(type) {
	case int64:
		n, err := intOf(got)
		return err == nil && n == want
	case float64:
		n, ok := got.(json.Number)
		if !ok {
			return false
		}
		f, err := n.Float64()
		return err == nil && math.Abs(f-want) <= floatError*math.Abs(want)
	case bool:
		return got == want
	case string:
		return want == "" && got == nil || got == want
	}
	panic(fmt.Sprintf("BUG: the model has a %T", want))
}
