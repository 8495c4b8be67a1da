package aggregator

import (
	"iter"
	"maps"
	"math"
	"slices"
	"sort"
	"sync"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// book is what every leaf has promised, by leaf and table. It survives a
// restart of the aggregator (bookfile.go), so a leaf that is dead when the
// aggregator comes up is still counted as missing.
type book struct {
	mu     sync.Mutex
	leaves map[string]*leafPage
	// banned is the ids of leaves that were suspended and then forgotten: what
	// they have may be stored elsewhere too, so they are not read if they return.
	banned map[string]bool
	pool   query.SchemaPool // of all pages

	marks marks // of what was heard, by table

	// agreed is the settings of tables that the catalog has; it is no part of the
	// journal.
	agreed map[string]agreedSettings
}

// leafPage is the promise of one leaf.
type leafPage struct {
	Leaf, ID   string
	Shard      uint64
	Born       int64
	Epoch, Seq uint64
	Suspended  bool
	Heard      bool // an Update has been applied: what it promised is known
	Tables     map[string]*tablePage
	// Lost is rows that were promised and that the leaf came back without, by
	// table; they stay expected until retention passes them or an operator
	// forgets them.
	Lost map[string][]storage.TimeCount
}

// tablePage is the promise of one leaf for one table.
type tablePage struct {
	Incarnation     uint64
	Added           uint64
	promise         promise
	Schema          query.Schema
	Settings        storage.Settings
	Rows, Bytes     uint64
	Horizon, Newest int64
	OldestKey       int64 // ns: no batch key it remembers is older; 0: it has none
}

func newBook() *book {
	return &book{leaves: make(map[string]*leafPage), banned: make(map[string]bool)}
}

// pageLocked returns a leaf's page and makes one if there is none.
func (b *book) pageLocked(leaf string) *leafPage {
	page := b.leaves[leaf]
	if page == nil {
		page = newLeafPage(leaf)
		b.leaves[leaf] = page
	}
	return page
}

func newLeafPage(leaf string) *leafPage {
	return &leafPage{Leaf: leaf, Tables: make(map[string]*tablePage), Lost: make(map[string][]storage.TimeCount)}
}

// know makes a page for a leaf that has not been heard yet.
func (b *book) know(leaf, id string, born int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if page := b.pageLocked(leaf); !page.Heard {
		page.ID, page.Born = id, born
		page.Suspended = page.Suspended || b.banned[id]
	}
}

// apply takes in an Update. Values are absolute, so a repeat does no harm.
func (b *book) apply(u *wire.Update) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.applyLocked(u, nil); err != nil {
		panic("BUG: an update that was not written is damaged: " + err.Error())
	}
}

// applyLocked applies an Update. Its buckets may, by table, come as they were
// written to the journal: then src's own are not looked at.
func (b *book) applyLocked(u *wire.Update, written [][]byte) error {
	page := b.pageLocked(u.Leaf)
	if u.Full && !page.intact(u) {
		for i := range written {
			list, err := listOf(written[i])
			if err != nil {
				return err
			}
			u.Tables[i].Buckets = list
		}
		written = nil
	}
	if u.Full {
		page.restart(u)
		b.marks.noteAll()
	}
	if page.ID != u.ID { // another leaf under the name
		page.Suspended = false
	}
	page.Suspended = page.Suspended || b.banned[u.ID]
	page.Heard = true
	page.ID, page.Shard, page.Born, page.Epoch, page.Seq = u.ID, u.Shard, u.Born, u.Epoch, u.Seq
	if b.banned[u.ID] {
		return nil // what it has is not expected
	}
	for i := range u.Tables {
		var as []byte
		if written != nil {
			as = written[i]
		}
		if err := page.applyTable(&u.Tables[i], as); err != nil {
			return err
		}
		b.marks.note(u.Tables[i].Table, u.Tables[i].Dropped)
		if t := page.Tables[u.Tables[i].Table]; t != nil && u.Tables[i].Schema != nil {
			t.Schema = b.pool.Share(t.Schema)
		}
	}
	return nil
}

// intact tells whether a leaf that says all it has can have lost nothing: its edit
// log goes at least as far as the book knew it, in the same memory.
func (p *leafPage) intact(u *wire.Update) bool {
	return !p.Heard || (u.ID == p.ID && u.Epoch == p.Epoch && u.Seq >= p.Seq)
}

// restart makes room for a full update. What had been promised and is neither
// there any more nor explained is moved to Lost. A leaf whose edit log goes at
// least as far as the book knew it, in the same memory, has lost nothing: every
// row that went, went by an edit. In a new memory a table's incarnation changes
// only where its rows could not be brought back.
func (p *leafPage) restart(u *wire.Update) {
	intact, old := p.intact(u), p.Tables
	p.Tables = make(map[string]*tablePage, len(u.Tables))
	if intact {
		return
	}
	now := make(map[string]*wire.TableUpdate, len(u.Tables))
	for i := range u.Tables {
		now[u.Tables[i].Table] = &u.Tables[i]
	}
	for name, was := range old {
		is := now[name]
		switch {
		case is == nil || u.ID != p.ID || (u.Epoch != p.Epoch && is.Incarnation != was.Incarnation):
			p.Lost[name] = append(p.Lost[name], histogram(was.promise.buckets())...)
		case is.Incarnation != was.Incarnation || is.Added >= was.Added:
		default:
			p.Lost[name] = append(p.Lost[name], missing(was, is, was.Added-is.Added)...)
		}
	}
}

// missing finds the buckets of rows that were promised and are gone, newest
// first, count rows in all: an edit log loses its end, never its middle.
func missing(was *tablePage, is *wire.TableUpdate, count uint64) []storage.TimeCount {
	left := maps.Clone(was.promise.buckets())
	for _, c := range is.Buckets {
		k := bucket{c.From, c.Width}
		if left[k] <= c.Rows {
			delete(left, k)
		} else {
			left[k] -= c.Rows
		}
	}
	candidates := histogram(left)
	var lost []storage.TimeCount
	for i := len(candidates) - 1; i >= 0 && count > 0; i-- {
		c := candidates[i]
		c.Rows = min(c.Rows, count)
		count -= c.Rows
		lost = append(lost, c)
	}
	if count > 0 { // merged into other buckets since: the time is not known
		lost = append(lost, storage.TimeCount{From: math.MinInt64, Width: 0, Rows: count})
	}
	return lost
}

// applyTable takes a table of an Update in; its buckets as they were written, or
// nil for its own.
func (p *leafPage) applyTable(t *wire.TableUpdate, written []byte) error {
	if t.Dropped {
		delete(p.Tables, t.Table)
		delete(p.Lost, t.Table)
		return nil
	}
	page := p.Tables[t.Table]
	if page == nil || page.Incarnation != t.Incarnation {
		page = &tablePage{Incarnation: t.Incarnation}
		p.Tables[t.Table] = page
	}
	if t.Full {
		page.promise = promise{}
	}
	page.Added, page.Horizon, page.Newest = t.Added, t.Horizon, t.Newest
	page.Rows, page.Bytes, page.OldestKey = t.Rows, t.Bytes, t.OldestKey
	if t.Settings.Version >= page.Settings.Version { // what was settled may be on its way to us
		page.Settings = t.Settings
	}
	if t.Schema != nil {
		page.Schema = t.Schema
	}
	if written != nil {
		return page.promise.takeWritten(written)
	}
	page.promise.take(t.Buckets)
	return nil
}

// unexpired keeps what the table's retention would not have taken by now.
func (p *leafPage) unexpired(table string, list []storage.TimeCount, now int64) []storage.TimeCount {
	t := p.Tables[table]
	if t == nil || t.Settings.RetentionAge <= 0 {
		return list
	}
	cut := now - int64(t.Settings.RetentionAge)
	return slices.DeleteFunc(list, func(c storage.TimeCount) bool { return c.Width > 0 && bucketEnd(c) <= cut })
}

// histogram lists buckets by time.
func histogram(buckets map[bucket]uint64) []storage.TimeCount {
	list := make([]storage.TimeCount, 0, len(buckets))
	for k, rows := range buckets {
		list = append(list, storage.TimeCount{From: k.From, Width: k.Width, Rows: rows})
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].From != list[j].From {
			return list[i].From < list[j].From
		}
		return list[i].Width < list[j].Width
	})
	return list
}

// touching keeps the buckets that touch a range; each counts whole, so that
// what is expected errs upwards.
func touching(list []storage.TimeCount, r query.Range) (kept []storage.TimeCount, rows uint64) {
	for _, c := range list {
		if c.Width == 0 || (c.From < r.To && bucketEnd(c) > r.From) {
			kept = append(kept, c)
			rows += c.Rows
		}
	}
	return kept, rows
}

// bucketEnd is the first time after a bucket, or the end of time.
func bucketEnd(c storage.TimeCount) int64 {
	if c.From > math.MaxInt64-c.Width {
		return math.MaxInt64
	}
	return c.From + c.Width
}

// promised is what the book expects of a leaf for a table in a range at a time,
// in ns.
func (b *book) promised(leaf, table string, r query.Range, now int64) []storage.TimeCount {
	b.mu.Lock()
	defer b.mu.Unlock()
	page := b.leaves[leaf]
	if page == nil || page.Tables[table] == nil {
		return nil
	}
	kept, _ := touching(page.unexpired(table, histogram(page.Tables[table].promise.buckets()), now), r)
	return kept
}

// lost is what a leaf came back without, for a table in a range at a time, in ns.
func (b *book) lost(leaf, table string, r query.Range, now int64) []storage.TimeCount {
	b.mu.Lock()
	defer b.mu.Unlock()
	page := b.leaves[leaf]
	if page == nil {
		return nil
	}
	kept, _ := touching(page.unexpired(table, slices.Clone(page.Lost[table]), now), r)
	return kept
}

// schema is the types of a table's columns over all leaves, the absent ones
// too, and the range of the times its rows have.
func (b *book) schema(table string) (schema query.Schema, from, to int64, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	schema = make(query.Schema)
	for _, page := range b.leaves {
		known = known || len(page.Lost[table]) > 0
		t := page.Tables[table]
		if t == nil {
			continue
		}
		known = true
		for name, types := range t.Schema {
			schema[name] |= types
		}
	}
	from, to = b.spanLocked(table)
	return schema, from, to, known
}

// span is the range of the times that a table's rows have.
func (b *book) span(table string) (from, to int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spanLocked(table)
}

func (b *book) spanLocked(table string) (from, to int64) {
	from, to = math.MaxInt64, math.MinInt64
	for _, page := range b.leaves {
		t := page.Tables[table]
		if t == nil {
			continue
		}
		if first, end := t.promise.bounds(); first <= end {
			from, to = min(from, first), max(to, min(end, t.Newest+1))
		}
	}
	if from > to {
		return 0, 0
	}
	return from, to
}

// word is where a leaf's edit log stood when it was last heard; the zero word is
// of one of which nothing is known.
type word struct {
	epoch, seq uint64
	heard      bool
}

// ahead tells that a leaf that speaks from there has less than it had promised, or
// another memory, and has not said yet what it has.
func (w word) ahead(epoch, seq uint64) bool {
	return w.heard && (epoch != w.epoch || seq < w.seq)
}

func (b *book) word(leaf string) word {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.leaves[leaf].word()
}

func (p *leafPage) word() word {
	if p == nil || !p.Heard {
		return word{}
	}
	return word{p.Epoch, p.Seq, true}
}

// known is what a leaf need not say again: nothing, if it is not read.
func (b *book) known(leaf string) wire.Known {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.leaves[leaf]
	if p == nil || !p.Heard || p.Suspended || b.banned[p.ID] {
		return wire.Known{}
	}
	return wire.Known{ID: p.ID, Epoch: p.Epoch, Seq: p.Seq}
}

// words is the last word of every leaf.
func (b *book) words() map[string]word {
	b.mu.Lock()
	defer b.mu.Unlock()
	words := make(map[string]word, len(b.leaves))
	for name, page := range b.leaves {
		words[name] = page.word()
	}
	return words
}

// forgetTable takes what leaves lost of a table out of the book.
func (b *book) forgetTable(table string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.marks.noteAll()
	for _, page := range b.leaves {
		delete(page.Lost, table)
	}
}

// change alters what the book says of a leaf, if it knows it.
func (b *book) change(leaf string, alter func(*leafPage)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if page := b.leaves[leaf]; page != nil {
		alter(page)
		b.marks.noteAll()
	}
}

// has tells whether the book knows a leaf.
func (b *book) has(leaf string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.leaves[leaf] != nil
}

// names lists the leaves in the book.
func (b *book) names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.leaves))
}

// hasTable tells whether the leaf has promised anything for the table.
func (b *book) hasTable(leaf, table string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	page := b.leaves[leaf]
	return page != nil && page.Tables[table] != nil
}

// tablesOf lists the tables that a leaf has promised rows of.
func (b *book) tablesOf(leaf string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	page := b.leaves[leaf]
	if page == nil {
		return nil
	}
	return slices.Collect(maps.Keys(page.Tables))
}

// edges is the newest time of a leaf's rows of a table and its horizon, in ns.
func (b *book) edges(leaf, table string) (newest, horizon int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if page := b.leaves[leaf]; page != nil && page.Tables[table] != nil {
		return page.Tables[table].Newest, page.Tables[table].Horizon
	}
	return 0, 0
}

// expected is all that any leaf has promised for a table in a range.
func (b *book) expected(table string, r query.Range) []storage.TimeCount {
	b.mu.Lock()
	defer b.mu.Unlock()
	sum := make(map[bucket]uint64)
	for _, page := range b.leaves {
		if t := page.Tables[table]; t != nil {
			for k, rows := range t.promise.buckets() {
				sum[k] += rows
			}
		}
	}
	kept, _ := touching(histogram(sum), r)
	return kept
}

// rowsIn is about how many rows there are of a table in a range: what lies in buckets
// that the range cuts is taken to be spread evenly.
func (b *book) rowsIn(table string, r query.Range) uint64 {
	sum := 0.0
	for _, c := range b.expected(table, r) {
		part := 1.0
		if c.Width > 0 {
			part = (float64(min(bucketEnd(c), r.To)) - float64(max(c.From, r.From))) / float64(c.Width)
		}
		sum += float64(c.Rows) * min(max(part, 0), 1)
	}
	return uint64(math.Ceil(sum))
}

// tableNames lists the tables that any leaf has rows of.
func (b *book) tableNames() iter.Seq[string] {
	b.mu.Lock()
	defer b.mu.Unlock()
	set := make(map[string]struct{})
	for _, page := range b.leaves {
		for name := range page.Tables {
			set[name] = struct{}{}
		}
	}
	return maps.Keys(set)
}
