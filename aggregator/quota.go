package aggregator

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpdb/kelp/ingest"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// Quotas bound what a table takes in a second, in rows and in bytes of decoded
// bodies. They are kept where bodies are read, as what is refused is best refused
// unread: each aggregator grants its share, the quota over the number of aggregators
// that are up. So a cluster never takes more than the quota, and a client that
// sends to one of several aggregators alone gets that one's share.
//
// A quota is a bucket that fills by its rate up to burstTime and that may be in
// debt. A call begins while the bucket is not in debt, whatever it brings, so a call
// larger than a second's quota passes too; those that come next wait until the debt
// is paid. Between its chunks a call waits while the debt is more than debtTime, so
// an endless body goes on at the rate of the quota. What was stored by an earlier
// call under the same key, or was not stored, is given back: a retry counts once.

// overQuota says that a table has had its quota.
type overQuota struct {
	table string
	what  string // rows or bytes
	rate  float64
	wait  time.Duration // after it a call begins, unless others came first
}

func (e *overQuota) Error() string {
	return fmt.Sprintf("table %q has had its quota of %.0f %s a second here; there is room again in %v", e.table, e.rate, e.what,
		e.wait.Round(time.Millisecond))
}

// quotas are the buckets of all tables that have a quota.
type quotas struct {
	now     func() time.Time
	sharers atomic.Int64 // aggregators that grant a share each; 0: 1
	some    atomic.Bool  // a table has, or had, a quota

	mu     sync.Mutex
	tables map[string]*tableQuota
}

// tableQuota is the quota of one table. Guarded by quotas.mu.
type tableQuota struct {
	rows, bytes quotaBucket
	at          time.Time // when they were filled last
	paced       int       // calls that wait between chunks
}

// quotaBucket is what a table may take of one thing.
type quotaBucket struct {
	rate  float64 // per second; 0: no quota
	level float64 // what is left; below 0: debt
}

// note takes the settings of an update in.
func (q *quotas) note(u *wire.Update) {
	for i := range u.Tables {
		if s := &u.Tables[i].Settings; s.QuotaRows > 0 || s.QuotaBytes > 0 {
			q.some.Store(true)
		}
	}
}

// ShareQuotas tells how many aggregators take rows, this one included: each grants
// as large a part of every table's quota.
func (a *Aggregator) ShareQuotas(aggregators int) { a.quotas.sharers.Store(int64(aggregators)) }

// fill brings a bucket to a rate, which may have changed, and adds what came since.
func (b *quotaBucket) fill(rate float64, since time.Duration) {
	switch {
	case b.rate == 0:
		b.level = rate * burstTime.Seconds()
	case b.level < 0: // the debt takes no longer than it did, nor is it more
		b.level = max(b.level, b.level*rate/b.rate)
	}
	b.rate = rate
	b.level = min(b.level+rate*since.Seconds(), rate*burstTime.Seconds())
}

// wait is how long it takes until less than debt seconds of the rate are owed.
func (b *quotaBucket) wait(debt time.Duration) time.Duration {
	owed := -b.level - b.rate*debt.Seconds()
	if b.rate == 0 || owed < 0 || owed == 0 && debt > 0 {
		return 0
	}
	return min(time.Duration(owed/b.rate*float64(time.Second)), quotaWaitMax) + time.Millisecond
}

// ofLocked returns a table's buckets, filled; nil without a quota.
func (q *quotas) ofLocked(table string, s *storage.Settings) *tableQuota {
	t := q.tables[table]
	if s.QuotaRows <= 0 && s.QuotaBytes <= 0 {
		if t != nil {
			delete(q.tables, table)
		}
		return nil
	}
	now, share := q.now(), 1/float64(max(1, q.sharers.Load()))
	if t == nil {
		q.forgetLocked(now)
		t = &tableQuota{at: now}
		if q.tables == nil {
			q.tables = make(map[string]*tableQuota)
		}
		q.tables[table] = t
	}
	since := max(0, now.Sub(t.at))
	t.at = now
	t.rows.fill(float64(s.QuotaRows)*share, since)
	t.bytes.fill(float64(s.QuotaBytes)*share, since)
	return t
}

// forgetLocked drops buckets that are full by now, if there are many.
func (q *quotas) forgetLocked(now time.Time) {
	if len(q.tables) < quotaTablesMax {
		return
	}
	for name, t := range q.tables {
		if idle := now.Sub(t.at); t.paced == 0 && idle > t.rows.wait(0)+burstTime && idle > t.bytes.wait(0)+burstTime {
			delete(q.tables, name)
		}
	}
}

// refusal is the error of a call that may not begin; nil if it may.
func (t *tableQuota) refusal(table string) error {
	rows, bytes := t.rows.wait(0), t.bytes.wait(0)
	switch {
	case rows == 0 && bytes == 0:
		return nil
	case rows >= bytes:
		return &overQuota{table, "rows", t.rows.rate, rows}
	}
	return &overQuota{table, "bytes", t.bytes.rate, bytes}
}

// toll is what one call pays to a table's quota; nil where there is none. It
// is safe for concurrent use, as chunks are stored side by side.
type toll struct {
	a     *Aggregator
	table string
	body  io.Reader
	read  atomic.Int64 // bytes of the body that no chunk has paid for
}

// paid is what a chunk has paid.
type paid struct{ rows, bytes float64 }

// enter lets a call begin, or refuses it before its body is read.
func (a *Aggregator) enter(table string, body io.Reader) (*toll, error) {
	q := &a.quotas
	if !q.some.Load() {
		return nil, nil
	}
	settings := a.book.settings(table)
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.ofLocked(table, &settings)
	if t == nil {
		return nil, nil
	}
	if err := t.refusal(table); err != nil {
		a.metrics.overQuota.WithLabelValues(table).Inc()
		return nil, err
	}
	return &toll{a: a, table: table, body: body}, nil
}

// reader is the body, whose bytes are counted if they have to be paid for.
func (t *toll) reader(body io.Reader) io.Reader {
	if t == nil {
		return body
	}
	return t
}

func (t *toll) Read(p []byte) (int, error) {
	n, err := t.body.Read(p)
	t.read.Add(int64(n))
	return n, err
}

// pay takes a chunk and the bytes read for it from the quota. The first chunk of a
// call is refused if others have come first since the call was let in.
func (t *toll) pay(c *ingest.Chunk) (paid, error) {
	if t == nil {
		return paid{}, nil
	}
	settings := t.a.book.settings(t.table)
	q := &t.a.quotas
	q.mu.Lock()
	defer q.mu.Unlock()
	table := q.ofLocked(t.table, &settings)
	if table == nil {
		return paid{}, nil
	}
	if c.Index == 0 {
		if err := table.refusal(t.table); err != nil {
			t.a.metrics.overQuota.WithLabelValues(t.table).Inc()
			return paid{}, err
		}
	}
	p := paid{rows: float64(c.Batch.Rows()), bytes: float64(t.read.Swap(0))}
	table.rows.level -= p.rows
	table.bytes.level -= p.bytes
	return p, nil
}

// giveBack returns what a chunk paid that added nothing.
func (t *toll) giveBack(p paid) {
	if t == nil || p == (paid{}) {
		return
	}
	q := &t.a.quotas
	q.mu.Lock()
	defer q.mu.Unlock()
	if table := q.tables[t.table]; table != nil {
		table.rows.level += p.rows
		table.bytes.level += p.bytes
	}
}

// pace waits until the table's debt allows the call to read on. It refuses where
// too many calls wait already: each holds a place of those who read bodies. settle
// waits for the call's chunks on their way, which may get back what they paid: a
// retry must come beyond what it has stored before.
func (t *toll) pace(ctx context.Context, settle func()) error {
	if t == nil {
		return nil
	}
	waiting := false
	q := &t.a.quotas
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if table := q.tables[t.table]; waiting && table != nil {
			table.paced = max(0, table.paced-1)
		}
	}()
	for settled := false; ; {
		settings := t.a.book.settings(t.table)
		q.mu.Lock()
		table := q.ofLocked(t.table, &settings)
		wait, err := time.Duration(0), error(nil)
		if table != nil {
			wait = max(table.rows.wait(debtTime), table.bytes.wait(debtTime))
		}
		switch {
		case wait == 0 || waiting || !settled:
		case table.paced >= pacedMax:
			err = table.refusal(t.table)
		default:
			table.paced++
			waiting = true
		}
		q.mu.Unlock()
		if wait == 0 || err != nil {
			return err
		}
		if !settled {
			settle()
			settled = true
			continue
		}
		timer := time.NewTimer(min(wait, quotaLook))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// seconds rounds a time to wait up to what Retry-After says.
func seconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }
