package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The model of the crash torture: every row is a function of the history's seed
// and its id, so what a batch adds to any answer is known without the server.

// tortureRow is one row. Its columns are written in all the ways a block has:
// small dictionaries, numbers, decimals, hexadecimal ids, numbers between affixes,
// templates, loose text, lists, and values that are rarely there.
type tortureRow struct {
	id, v                int64
	ms                   float64
	ok                   bool
	service, user, trace string
	message, event       string // of many shapes, and of few
	note, error, number  string // number: an integer in some rows, text in others, missing in the rest
	tags                 []string
}

const (
	tortureServices = 7
	tortureSlowMs   = 500
	tortureTag      = "red"
)

// tortureTags are the values of the list column.
func tortureTags() []string { return []string{tortureTag, "green", "blue", "canary", "beta", "eu"} }

// mix is a bijection that looks random (the finaliser of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func tortureRowOf(seed uint64, id int64) tortureRow {
	h := mix(seed ^ uint64(id))
	g := mix(h)
	r := tortureRow{
		id: id, v: int64(h >> 20), ms: float64(h%1_000_000) / 1000, ok: h&1 == 1,
		service: "service-" + strconv.Itoa(int(h%tortureServices)),
		user:    fmt.Sprintf("user-%06d", g%100_000),
		trace:   fmt.Sprintf("%016x%016x", g, mix(g)),
	}
	r.message = tortureMessage(h>>3, g, h)
	if id>>16%2 == 0 { // blocks differ in how many shapes they have
		r.message = tortureMessage(h>>3%4, g, h)
	}
	r.event = fmt.Sprintf("step %d of job %d ended after %d us", h>>21%9, g%90_000, g>>20%7_000)
	if h>>17%3 == 0 {
		r.event = fmt.Sprintf("job %d waits for job %d", g%90_000, g>>20%90_000)
	}
	if h>>7%10 == 0 {
		r.note = strconv.FormatUint(g, 36) + " " + strings.Repeat(string(rune('a'+h%26)), int(g%9)) + " " + strconv.FormatUint(mix(g), 32)
	}
	if h%50 == 0 {
		r.error = fmt.Sprintf("cannot read page %d", g%20)
	}
	switch h >> 11 % 3 {
	case 0:
		r.number = strconv.Itoa(int(g % 1_000))
	case 1:
		r.number = "n/a " + strconv.Itoa(int(g%30))
	}
	all := tortureTags()
	for i := range h >> 5 % 4 {
		r.tags = append(r.tags, all[(h>>13+i)%uint64(len(all))])
	}
	return r
}

// tortureMessage writes repetitive text of two dozen shapes, more than a block has
// one-nibble ids for.
func tortureMessage(shape, a, b uint64) string {
	// Of different numbers of words: else they would be one shape with a variable.
	whats := []string{"page", "paid invoice", "mail to someone", "cart of the shop", "very old and empty session", "upload of more than ten images"}
	what := whats[shape/4%uint64(len(whats))]
	switch shape % 4 {
	case 0:
		return fmt.Sprintf("GET the %s %d took %d ms", what, a%9_000, b%977)
	case 1:
		return fmt.Sprintf("%s worker lost 10.0.%d.%d: timed out after %d attempts", what, a>>8%250, a>>16%250, b>>6%9)
	case 2:
		return fmt.Sprintf("user %d opened a %s from region %d", a%100_000, what, b>>9%6)
	}
	return fmt.Sprintf("no copy of %s-%d in shard %x, asking its home again", what, a%100_000, b>>40)
}

func (r *tortureRow) appendJSON(dst []byte, batch int, ms int64) []byte {
	dst = fmt.Appendf(dst, `{"time":%d,"batch":%d,"id":%d,"v":%d,"ms":%g,"ok":%t,"service":%q,"user":%q,"trace":%q,"message":%q,"event":%q`,
		ms, batch, r.id, r.v, r.ms, r.ok, r.service, r.user, r.trace, r.message, r.event)
	if r.note != "" {
		dst = fmt.Appendf(dst, `,"note":%q`, r.note)
	}
	if r.error != "" {
		dst = fmt.Appendf(dst, `,"error":%q`, r.error)
	}
	if _, err := strconv.Atoi(r.number); err == nil {
		dst = fmt.Appendf(dst, `,"number":%s`, r.number)
	} else if r.number != "" {
		dst = fmt.Appendf(dst, `,"number":%q`, r.number)
	}
	if len(r.tags) > 0 {
		dst = fmt.Appendf(dst, `,"tags":["%s"]`, strings.Join(r.tags, `","`))
	}
	return append(dst, "}\n"...)
}

// batchSums is what a batch adds to the answers.
type batchSums struct {
	rows                         int
	ids, vs                      int64
	ms                           float64
	oks, tags, errors, notes     int64
	traces, messages, texts      [2]string // smallest and largest
	users, numbers, events       [2]string
	services                     [tortureServices]int64
	slow, slowVs, timeouts, reds int64
}

func (s *batchSums) add(r *tortureRow) {
	s.rows++
	s.ids += r.id
	s.vs += r.v
	s.ms += r.ms
	if r.ok {
		s.oks++
	}
	s.tags += int64(len(r.tags))
	s.notes += int64(len(r.note))
	if r.error != "" {
		s.errors++
	}
	between(&s.traces, r.trace)
	between(&s.messages, r.message)
	between(&s.events, r.event)
	between(&s.users, r.user)
	between(&s.texts, r.note)
	between(&s.numbers, r.number)
	s.services[r.service[len(r.service)-1]-'0']++
	if r.ms >= tortureSlowMs {
		s.slow++
		s.slowVs += r.v
	}
	if strings.Contains(r.message, "timed out") {
		s.timeouts++
	}
	for _, tag := range r.tags {
		if tag == tortureTag {
			s.reds++
			break
		}
	}
}

// between widens a range of texts; the empty text is null.
func between(span *[2]string, text string) {
	if text == "" {
		return
	}
	if span[0] == "" || text < span[0] {
		span[0] = text
	}
	span[1] = max(span[1], text)
}

// fate is what is known of a batch.
type fate int

const (
	fateUnknown fate = iota // sent; no receipt yet, or the receipt counts no more
	fateAcked               // it has a receipt, so it must be there
	fateRisk                // it had one when memory was lost: it may be gone
	fateGone                // it was seen to be missing: it must not come back
)

// tortureBatch is one batch with its key.
type tortureBatch struct {
	no, rows int
	life     int  // of the table when it was sent
	strays   bool // some rows are days old, so they get a block of their own
	atMs     int64
	want     batchSums

	// Guarded by the table's mutex.
	fate   fate
	acked  time.Time
	resend bool // it is being sent again
	late   bool // at risk although it was acknowledged more than a second before
	synced bool // sent to a table with durability sync
}

func (b *tortureBatch) id(i int) int64 { return int64(b.no)<<16 | int64(i) }

func (b *tortureBatch) key() string { return fmt.Sprintf("torture-%06d", b.no) }

// body makes the rows of a batch, and at the first time what they come to.
func (b *tortureBatch) body(seed uint64) []byte {
	const strayEvery, strayMs = 97, 72 * 3_600_000
	var sums batchSums
	dst := make([]byte, 0, b.rows*300)
	for i := range b.rows {
		row := tortureRowOf(seed, b.id(i))
		sums.add(&row)
		at := b.atMs + int64(i%2_000)
		if b.strays && i%strayEvery == 0 {
			at -= strayMs
		}
		dst = row.appendJSON(dst, b.no, at)
	}
	if b.want.rows == 0 {
		b.want = sums
	}
	return dst
}

// tortureTable is what is known of a table.
type tortureTable struct {
	name       string
	durability string
	rolling    bool // rows may go when others come

	gate sync.RWMutex // held for reading while a batch is sent, for writing by a drop

	mu        sync.Mutex
	batches   map[int]*tortureBatch
	life      int // how often it was dropped
	dropping  bool
	droppedAt time.Time
	settled   bool // its settings are what they should be
	forgotten int  // changes when rows stop being expected
}

// tortureKnown is what is known of a table before a question.
type tortureKnown struct {
	life      int
	dropping  bool
	forgotten int
	must      []*tortureBatch // they have to be in a complete answer
	risk      []*tortureBatch // if not in a complete answer, they are gone
	gone      map[int]bool    // they must not be in any
	expected  uint64          // rows that have to be expected
}

func (t *tortureTable) known() *tortureKnown {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := &tortureKnown{life: t.life, dropping: t.dropping, forgotten: t.forgotten, gone: map[int]bool{}}
	for _, b := range t.batches {
		switch {
		case b.life != t.life:
			k.gone[b.no] = true
		case b.fate == fateGone:
			k.gone[b.no] = true
			k.expected += uint64(b.rows)
		case b.fate == fateRisk:
			k.risk = append(k.risk, b)
			k.expected += uint64(b.rows)
		case b.fate == fateAcked && !b.resend:
			k.must = append(k.must, b)
			k.expected += uint64(b.rows)
		}
	}
	return k
}

// forget takes note that what is gone is not expected any more.
func (t *tortureTable) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgotten++
	for no, b := range t.batches {
		if b.fate == fateGone && !t.rolling {
			delete(t.batches, no)
		}
	}
}

// lateRows counts the rows that were seen to be gone although their receipt was
// more than a second old, each once.
func (t *tortureTable) lateRows() (rows int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range t.batches {
		if b.late && b.fate == fateGone {
			b.late = false
			rows += int64(b.rows)
		}
	}
	return rows
}

// diskSecond is what durability disk may lose: receipts wait when a row is not
// synced for so long.
const diskSecond = time.Second

// memoryLost takes note that the memory of a leaf is gone, of a process that was
// killed then. What the durability does not cover may be gone with it: the last
// second before the kill; and where the disk lagged by more, so that receipts
// stopped, what came behind upTo, the time of which it is known that all is synced.
func (t *tortureTable) memoryLost(killed, upTo time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settled = false
	for _, b := range t.batches {
		old := b.acked.Before(killed.Add(-diskSecond))
		safe := t.durability != "memory" && (b.synced || old && b.acked.Before(upTo))
		switch {
		case t.rolling && b.fate == fateGone && b.life == t.life:
			b.fate = fateAcked // that it went may not have come to the disk
		case b.resend && !safe:
			b.fate = fateUnknown
		case b.fate == fateAcked && !safe:
			b.fate, b.late = fateRisk, old && !t.rolling && t.durability != "memory"
		}
	}
	if t.droppedAt.After(killed.Add(-2*diskSecond)) || t.droppedAt.After(upTo) {
		t.dropping = true // the drop may not have come to the disk: it is repeated
	}
}

// A diskProof says what must have come to the disk: a receipt for new rows of a
// durable table means that no row of that leaf was unsynced for a second when
// they came.
type diskProof struct {
	mu    sync.Mutex
	ready time.Time // of the server that lives
	sent  []time.Time
	upTo  time.Time // all that was acknowledged before is synced
}

// begin forgets what was heard from the last server: what it left unsynced counts
// from the start of the next.
func (d *diskProof) begin(ready time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ready, d.sent = ready, nil
}

// heard takes note of a receipt for a request that was sent then. Which leaf it is
// from is not known; that of so many none is from some leaf is as good as impossible.
func (d *diskProof) heard(sent time.Time, leaves int) {
	const perLeaf = 32
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent = append(d.sent, sent)
	slices.SortFunc(d.sent, func(a, b time.Time) int { return b.Compare(a) }) // nearly in order
	most := 1 + perLeaf*(leaves-1)
	if len(d.sent) < most {
		return
	}
	d.sent = d.sent[:most]
	if at := d.sent[most-1].Add(-diskSecond); !at.Before(d.ready) && at.After(d.upTo) {
		d.upTo = at
	}
}

func (d *diskProof) until() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.upTo
}

// tortureSize draws the rows of a batch.
func tortureSize(rnd *rand.Rand, large, enough bool) int {
	switch n := rnd.IntN(100); {
	case n < 15, n < 45 && !large:
		return 1
	case n < 30, n < 80 && !large, enough:
		return 100
	case n < 50, n < 94 && !large:
		return 5_000
	}
	return 20_000
}
