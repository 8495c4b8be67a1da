package aggregator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// quotaLeaf keeps what it is given: rows and keys by table.
type quotaLeaf struct {
	mu    sync.Mutex
	rows  map[string]int
	held  map[string]storage.Receipt // by table, key and chunk
	fails int                        // appends that fail before the others do not
}

func (l *quotaLeaf) append(a *wire.Append) (*wire.Appended, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails > 0 {
		l.fails--
		return nil, &wire.Error{Code: wire.CodeFull, Message: "full"}
	}
	id := fmt.Sprint(a.Table, "/", a.Key, "/", a.Chunk)
	if r, ok := l.held[id]; ok && a.Key != "" {
		return &wire.Appended{Receipt: r, Duplicate: true}, nil
	}
	l.rows[a.Table] += a.Batch.Rows()
	l.held[id] = a.Receipt
	return &wire.Appended{Receipt: a.Receipt}, nil
}

// quotaTest is an aggregator over such a leaf, with a clock of its own and quotas of
// the table t.
func quotaTest(t *testing.T, set storage.Settings) (a *Aggregator, l *quotaLeaf, now *time.Time) {
	t.Helper()
	l = &quotaLeaf{rows: map[string]int{}, held: map[string]storage.Receipt{}}
	a = newTest(t, &faultLeaf{name: "leaf-1", appends: l.append})
	at := time.Now()
	now = &at
	a.quotas.now = func() time.Time { return *now }
	u := update("leaf-1", true, 1, 2, 5, bucketOf(100, 5))
	u.Tables[0].Settings = set
	a.book.apply(u)
	a.quotas.note(u)
	return a, l, now
}

// rowsBody is a body of some rows, each of 10 bytes.
func rowsBody(n int) string { return strings.Repeat(`{"a":123}`+"\n", n) }

// send posts a body and returns the status and Retry-After in seconds.
func send(t *testing.T, h http.Handler, table, key, body string) (status, after int, text string) {
	t.Helper()
	w := do(t, h, "POST", "/v1/ingest/"+table, body, "Idempotency-Key", key)
	after, _ = strconv.Atoi(w.Header().Get("Retry-After"))
	return w.Code, after, w.Body.String()
}

// TestQuota: a table takes its quota and no more, a call that is larger than a
// second's takes what it needs and the next waits, Retry-After is true, and other
// tables are not concerned.
func TestQuota(t *testing.T) {
	for _, set := range []storage.Settings{{QuotaRows: 100}, {QuotaBytes: 1000}, {QuotaRows: 100, QuotaBytes: 1 << 40}} {
		a, l, now := quotaTest(t, set)
		h := a.Handler(HTTPConfig{})
		if status, _, text := send(t, h, "t", "k0", rowsBody(250)); status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		status, after, text := send(t, h, "t", "k1", rowsBody(10))
		if status != http.StatusTooManyRequests || after != 2 || !strings.Contains(text, `"over_quota"`) ||
			!strings.Contains(text, `"accepted":0`) || !strings.Contains(text, "quota_rows_s") {
			t.Fatalf("%d, again in %d s: %s", status, after, text)
		}
		if status, _, text := send(t, h, "u", "k1", rowsBody(1000)); status != http.StatusOK {
			t.Errorf("another table: %d %s", status, text)
		}
		*now = now.Add(time.Duration(after)*time.Second - 600*time.Millisecond)
		if status, _, _ := send(t, h, "t", "k1", rowsBody(10)); status != http.StatusTooManyRequests {
			t.Errorf("before its time: %d", status)
		}
		*now = now.Add(600 * time.Millisecond)
		if status, _, text := send(t, h, "t", "k1", rowsBody(10)); status != http.StatusOK {
			t.Errorf("after the time that it was told: %d %s", status, text)
		}
		// A minute of calls that come as often as they may.
		before, end := l.rows["t"], now.Add(time.Minute)
		for i := 0; now.Before(end); i++ {
			status, after, _ := send(t, h, "t", fmt.Sprint("k", 2+i), rowsBody(1+i%180))
			if status != http.StatusOK {
				*now = now.Add(time.Duration(after) * time.Second)
			}
		}
		// At the end one call of up to 1.8 s may be ahead, and Retry-After is whole seconds.
		if got := l.rows["t"] - before; got < 5_000 || got > 6_000+280 {
			t.Errorf("%+v: %d rows in a minute", set, got)
		}
	}
}

// TestQuotaRepeats: what is there already, or could not be stored, costs nothing,
// so a retry gets through and counts once.
func TestQuotaRepeats(t *testing.T) {
	a, l, now := quotaTest(t, storage.Settings{QuotaRows: 100})
	h := a.Handler(HTTPConfig{})
	l.fails = 3
	for range 3 {
		if status, _, text := send(t, h, "t", "k", rowsBody(250)); status != http.StatusServiceUnavailable {
			t.Fatalf("%d %s", status, text)
		}
	}
	if status, _, text := send(t, h, "t", "k", rowsBody(99)); status != http.StatusOK {
		t.Fatalf("after calls of which nothing was stored: %d %s", status, text)
	}
	for range 5 {
		if status, _, text := send(t, h, "t", "k", rowsBody(99)); status != http.StatusOK || !strings.Contains(text, `"duplicate":true`) {
			t.Fatalf("a repeat: %d %s", status, text)
		}
	}
	if l.rows["t"] != 99 {
		t.Errorf("%d rows", l.rows["t"])
	}
	// Other aggregators grant their shares.
	*now = now.Add(time.Minute)
	a.ShareQuotas(4)
	if status, _, _ := send(t, h, "t", "k2", rowsBody(50)); status != http.StatusOK {
		t.Errorf("%d", status)
	}
	if status, after, _ := send(t, h, "t", "k3", rowsBody(1)); status != http.StatusTooManyRequests || after != 2 {
		t.Errorf("25 rows a second are a quarter of the quota, 25 too many came: %d, again in %d s", status, after)
	}
}

// TestQuotaEndless: a body that is longer than debtTime's quota goes on at the rate
// of the quota, and ends with its client.
func TestQuotaEndless(t *testing.T) {
	a, l, _ := quotaTest(t, storage.Settings{QuotaRows: 100_000})
	began := time.Now()
	took := func() time.Duration { return 20 * time.Since(began) } // by a clock that is 20 times as fast
	a.quotas.now = func() time.Time { return began.Add(took()) }
	const rows = 40 * 65_536
	h := a.Handler(HTTPConfig{})
	if status, _, text := send(t, h, "t", "k", rowsBody(rows)); status != http.StatusOK || l.rows["t"] != rows {
		t.Fatalf("%d %s: %d rows", status, text, l.rows["t"])
	}
	if took := took(); took < 14*time.Second {
		t.Errorf("%d rows at 100,000 a second, 11 s of them ahead, in %v", rows, took)
	}
	a.quotas.mu.Lock()
	defer a.quotas.mu.Unlock()
	if n := a.quotas.tables["t"].paced; n != 0 {
		t.Errorf("%d calls still wait", n)
	}
}

// TestQuotaCrowd: where enough calls of a table wait between their chunks already, one
// more is refused with what it has stored, and under its key goes on from there.
func TestQuotaCrowd(t *testing.T) {
	a, l, now := quotaTest(t, storage.Settings{QuotaRows: 1000})
	h := a.Handler(HTTPConfig{})
	settings := a.book.settings("t")
	a.quotas.ofLocked("t", &settings).paced = pacedMax
	const rows = 3*65_536 - 10
	for try := range 3 {
		status, after, text := send(t, h, "t", "k", rowsBody(rows))
		if try < 2 && (status != http.StatusTooManyRequests || after < 60 || !strings.Contains(text, fmt.Sprintf(`"accepted":%d,`, (try+1)*65_536))) ||
			try == 2 && status != http.StatusOK {
			t.Fatalf("try %d: %d, again in %d s: %s", try, status, after, text)
		}
		*now = now.Add(time.Duration(after) * time.Second)
	}
	if l.rows["t"] != rows {
		t.Errorf("%d rows, not %d", l.rows["t"], rows)
	}
}

// TestQuotaSettings: a quota may be taken away, raised and lowered, with what was
// taken before in mind.
func TestQuotaSettings(t *testing.T) {
	f := func(level, rate, next float64, since time.Duration, want float64) {
		t.Helper()
		b := quotaBucket{rate: rate, level: level}
		b.fill(next, since)
		if b.level != want || b.rate != next {
			t.Errorf("%v of %v a second became %+v, want %v of %v", level, rate, b, want, next)
		}
	}
	f(0, 0, 100, 0, 100)
	f(50, 100, 100, 250*time.Millisecond, 75)
	f(50, 100, 100, time.Hour, 100)
	f(-50, 100, 100, 250*time.Millisecond, -25)
	f(-500, 100, 1000, 0, -500)
	f(-500, 100, 10, 0, -50)
	f(80, 100, 10, 0, 10)
	f(-500, 100, 0, time.Second, 0)
	a, _, _ := quotaTest(t, storage.Settings{QuotaRows: 1})
	h := a.Handler(HTTPConfig{})
	send(t, h, "t", "k", rowsBody(100))
	if status, _, _ := send(t, h, "t", "k2", rowsBody(1)); status != http.StatusTooManyRequests {
		t.Fatal(status)
	}
	u := update("leaf-1", true, 1, 3, 5, bucketOf(100, 5))
	u.Tables[0].Settings = storage.Settings{Version: 2}
	a.book.apply(u)
	if status, _, _ := send(t, h, "t", "k3", rowsBody(1)); status != http.StatusOK {
		t.Errorf("without a quota: %d", status)
	}
}

// BenchmarkQuota is what a call costs without a quota anywhere, and with one.
func BenchmarkQuota(b *testing.B) {
	for _, rows := range []int64{0, 1 << 50} {
		b.Run(fmt.Sprint("rows=", rows), func(b *testing.B) {
			a := &Aggregator{book: newBook()}
			a.quotas.now = time.Now
			u := update("leaf-1", true, 1, 2, 5, bucketOf(100, 5))
			u.Tables[0].Settings.QuotaRows = rows
			a.book.apply(u)
			a.quotas.note(u)
			b.ReportAllocs()
			for range b.N {
				if _, err := a.enter("t", nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
