package aggregator

import (
	"context"
	"strings"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// What clients ask is kept in the table _kelp.queries: one row for each query
// that has ended, written in batches behind the answers, so that no answer waits
// for it. What can not be written at once is dropped and counted: the log is for
// looking back, not for accounting.

const (
	// queryLogTable is where ended queries go. Questions about kelp's own tables
	// are not in it: a page that shows it would fill it.
	queryLogTable = "_kelp.queries"
	ownTables     = "_kelp."

	// queryLogMax is how many ended queries wait to be written, about a second's
	// worth; queryLogSQLMax is how much of a text is kept, in bytes.
	queryLogMax    = 4_096
	queryLogSQLMax = 4 << 10

	// queryLogEvery is how long they wait for others: one small block a second.
	queryLogEvery = time.Second
)

// queryLogSettings are those that the table is born with; PATCH changes them.
func queryLogSettings() storage.Settings {
	return storage.Settings{Version: 1, RetentionAge: 30 * 24 * time.Hour, RetentionBytes: 64 << 20, Durability: storage.DurabilityDisk}
}

// pastQuery is a query that has ended, for the log.
type pastQuery struct {
	at                        int64 // ns: when it began
	id, sql, remote, table    string
	user                      string // the name of the token; "": none was needed
	outcome                   string // complete, partial, failed, cancelled
	code                      string // of the error; "": none
	ratio                     float64
	elapsed                   time.Duration
	rows                      int
	rowsScanned, bytesScanned uint64
	blocksScanned             uint64
}

// logQuery keeps what a client's query has come to. It never waits.
func (a *Aggregator) logQuery(r *running, ans *Answer, err error, took time.Duration) {
	if a.past == nil || r.remote == "" || r.quiet {
		return
	}
	var table string
	if ans != nil && ans.Plan != nil {
		table = ans.Plan.Table
	} else if t, parseErr := query.TableOf(r.sql); parseErr == nil {
		table = t
	}
	if strings.HasPrefix(table, ownTables) {
		return
	}
	at := r.progress.Now()
	past := pastQuery{at: r.since.UnixNano(), id: r.id, sql: clipSQL(r.sql), remote: r.remote, user: r.user, table: table,
		outcome: "failed", elapsed: took, rowsScanned: at.Rows, bytesScanned: at.Bytes, blocksScanned: at.Read}
	if ans != nil && ans.Result != nil {
		past.ratio, past.rows = ans.Completeness.Ratio, ans.Result.Rows
		past.rowsScanned, past.bytesScanned, past.blocksScanned = ans.Stats.RowsScanned, ans.Stats.BytesScanned, ans.Stats.BlocksScanned
	}
	switch {
	case err != nil:
		e := asAPIError(err)
		past.code = e.Code
		if e.Status == statusClientGone {
			past.outcome = "cancelled"
		}
	case past.ratio < 1:
		past.outcome = "partial"
	default:
		past.outcome = "complete"
	}
	select {
	case a.past <- past:
	default:
		a.metrics.logDropped.Inc()
	}
}

// clipSQL bounds a text, on the border of a code point.
func clipSQL(sql string) string {
	if len(sql) <= queryLogSQLMax {
		return sql
	}
	return strings.ToValidUTF8(sql[:queryLogSQLMax], "") + " …"
}

// writeQueryLog writes ended queries until the aggregator is closed. Those of the
// last moment are lost: the leaves of the process are closing by then.
func (a *Aggregator) writeQueryLog() {
	wait := time.NewTimer(queryLogEvery)
	defer wait.Stop()
	for {
		var first pastQuery
		select {
		case first = <-a.past:
		case <-a.ctx.Done():
			return
		}
		wait.Reset(queryLogEvery)
		select {
		case <-wait.C:
		case <-a.ctx.Done():
			return
		}
		batch := storage.NewBatch()
		rows := 1
		first.appendTo(batch)
		for more := true; more && rows < queryLogMax; {
			select {
			case next := <-a.past:
				next.appendTo(batch)
				rows++
			default:
				more = false
			}
		}
		if err := a.storeQueryLog(batch); err != nil {
			a.metrics.logDropped.Add(float64(rows))
			a.cfg.Log.Warn("the log of queries has lost rows", "rows", rows, "error", err)
		}
	}
}

func (a *Aggregator) storeQueryLog(batch *storage.Batch) error {
	ctx, cancel := context.WithTimeout(a.ctx, timeoutDefault)
	defer cancel()
	now := a.cfg.Now().UnixNano()
	_, err := a.place(ctx, &wire.Append{Table: queryLogTable, Arrival: now, Batch: batch, Settings: queryLogSettings(),
		Receipt: storage.Receipt{Accepted: uint32(batch.Rows())}})
	return err
}

// appendTo adds the query as a row.
func (p *pastQuery) appendTo(b *storage.Batch) {
	text := func(name, value string) {
		if value != "" {
			b.SetString(b.Slot([]byte(name)), []byte(value))
		}
	}
	number := func(name string, value uint64) { b.SetInt(b.Slot([]byte(name)), int64(value)) }
	text("id", p.id)
	text("sql", p.sql)
	text("remote", p.remote)
	text("user", p.user)
	text("table", p.table)
	text("outcome", p.outcome)
	text("error", p.code)
	b.SetFloat(b.Slot([]byte("completeness")), p.ratio)
	b.SetFloat(b.Slot([]byte("elapsed_ms")), elapsedMs(p.elapsed))
	number("rows", uint64(p.rows))
	number("rows_scanned", p.rowsScanned)
	number("blocks_scanned", p.blocksScanned)
	number("bytes_scanned", p.bytesScanned)
	b.EndRow(p.at)
}
