package aggregator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/kelpdb/kelp/cluster"
	"github.com/kelpdb/kelp/wire"
)

// Where a batch goes.
//
// With a key its home is the first leaf of a rendezvous of (table, key), so a
// retry through any aggregator meets the leaf that may hold it. A leaf that
// joins takes over the first place for some keys; for as long as keys live, the
// leaves that had that place before it are asked whether they hold the key. Those
// whose oldest key came only after it had joined need not be asked.
//
// Without a key: of two leaves drawn at random the one with more free memory.

// candidate is a leaf that may be a key's home.
type candidate struct {
	name string
	id   string
	born int64 // ns
	// oldestKey is when the oldest key that it remembers for the table came, in
	// ns: math.MinInt64 where that is not known, math.MaxInt64 where it has none.
	oldestKey int64
}

// candidates lists the leaves that are registered and not suspended.
func (b *book) candidates(table string) []candidate {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []candidate
	for _, page := range b.leaves {
		if !page.Suspended {
			list = append(list, candidate{page.Leaf, page.ID, page.Born, page.oldestKey(table)})
		}
	}
	return list
}

// oldestKey is what candidate.oldestKey says.
func (p *leafPage) oldestKey(table string) int64 {
	switch t := p.Tables[table]; {
	case !p.Heard:
		return math.MinInt64
	case t == nil || t.OldestKey == 0:
		return math.MaxInt64
	default:
		return t.OldestKey
	}
}

// homes ranks the leaves for a key and keeps those that may hold a batch placed
// within keyLife: the first, and each that was first before all better ranked
// ones were born.
func homes(table, key string, all []candidate, now time.Time) []candidate {
	all = settled(all, now)
	nodes := make([]cluster.Node, len(all))
	for i, c := range all {
		nodes[i] = cluster.Node{ID: c.id, Weight: 1}
	}
	var kept []candidate
	firstBorn := int64(0) // of the better ranked: the oldest
	for _, i := range cluster.Rank(table, key, nodes) {
		c := all[i]
		if len(kept) > 0 && c.born >= firstBorn {
			continue
		}
		// It had the first place until the oldest of those ranked before it took it.
		if len(kept) == 0 || c.oldestKey <= firstBorn+int64(bornGrace) {
			kept = append(kept, c)
		}
		firstBorn = c.born
		if firstBorn < now.Add(-keyLife).UnixNano() {
			break
		}
	}
	return kept
}

// settled leaves out the leaves that were born a moment ago into a cluster that
// was there: an aggregator may not have heard of them yet. Those that were born
// together with the oldest are never left out, so a leaf comes in once and for
// all, and no key moves back and forth.
func settled(all []candidate, now time.Time) []candidate {
	first := int64(math.MaxInt64)
	for _, c := range all {
		first = min(first, c.born)
	}
	var kept []candidate
	for _, c := range all {
		if c.born <= now.Add(-bornGrace).UnixNano() || c.born-first <= int64(bornGrace) {
			kept = append(kept, c)
		}
	}
	return kept
}

// home finds the leaf a keyed batch belongs to.
func (a *Aggregator) home(ctx context.Context, table, key string, deadline time.Time) (seat, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	kept := homes(table, key, a.book.candidates(table), a.cfg.Now())
	if len(kept) == 0 {
		return seat{}, errNoLeaf
	}
	byName := make(map[string]seat)
	for _, s := range a.seats() {
		byName[s.name] = s
	}
	for _, c := range kept[1:] {
		s := byName[c.name]
		if s.leaf == nil || !s.ready {
			return seat{}, &silentHome{c.name}
		}
		held, err := s.leaf.Holds(ctx, table, key)
		if err != nil {
			return seat{}, &silentHome{c.name}
		}
		if held {
			return s, nil
		}
	}
	s := byName[kept[0].name]
	if s.leaf == nil || !s.ready { // not before it has said what it holds
		return seat{}, &silentHome{kept[0].name}
	}
	return s, nil
}

var errNoLeaf = errors.New("no leaf has joined yet; start one with `kelp leaf --join ADDR`, or run `kelp serve`")

// silentHome says that the one leaf a key belongs to can not be reached. Another
// leaf must not take the batch: the silent one may hold it already.
type silentHome struct{ leaf string }

func (e *silentHome) Error() string {
	return fmt.Sprintf("leaf %s, the home of this Idempotency-Key, can not be reached; repeat with the same key, "+
		"or suspend the leaf if it will not come back", e.leaf)
}

// pick chooses a leaf for a batch without a key; tried leaves are left out.
func (a *Aggregator) pick(tried map[string]bool) (seat, error) {
	var few [fewLeaves]seat
	var fewFrees [fewLeaves]uint64
	open, frees := few[:0], fewFrees[:0]
	suspended := a.book.suspended()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range a.nodes {
		if n.leaf != nil && n.ready && n.state == StateUp && !tried[n.name] && !suspended[n.name] {
			open = append(open, n.seat(time.Time{}))
		}
	}
	if len(open) == 0 {
		return seat{}, errNoLeaf
	}
	slices.SortFunc(open, func(a, b seat) int { return strings.Compare(a.name, b.name) })
	for i := range open {
		frees = append(frees, open[i].free)
	}
	return open[cluster.PickTwo(a.rand, frees)], nil
}

// place stores one chunk on its leaf.
func (a *Aggregator) place(ctx context.Context, req *wire.Append) (*wire.Appended, error) {
	if err := a.file.failure(); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(appendTimeout)
	if known := a.book.settings(req.Table); known.Version >= req.Settings.Version {
		req.Settings = known
	}
	if req.Key != "" {
		s, err := a.home(ctx, req.Table, req.Key, deadline)
		if err != nil {
			return nil, err
		}
		return appendTo(ctx, s, req, deadline)
	}
	var tried map[string]bool
	var last error
	for {
		s, err := a.pick(tried)
		if err != nil {
			if last != nil {
				return nil, last
			}
			return nil, err
		}
		res, err := appendTo(ctx, s, req, deadline)
		if !safeElsewhere(err) {
			return res, err
		}
		if tried == nil {
			tried = make(map[string]bool)
		}
		tried[s.name], last = true, err
	}
}

// appendTo hands a chunk to a leaf, and gives up at the deadline or at once when
// the leaf is taken for dead. Nobody takes a leaf of this process for dead.
func appendTo(ctx context.Context, s seat, req *wire.Append, deadline time.Time) (*wire.Appended, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if s.local {
		return s.leaf.Append(ctx, req)
	}
	defer context.AfterFunc(s.life, cancel)()
	res, err := s.leaf.Append(ctx, req)
	var coded *wire.Error
	if err != nil && s.life.Err() != nil && !errors.As(err, &coded) {
		err = &wire.Error{Code: wire.CodeFateUnknown, Message: "leaf " + s.name + " went down while it stored the rows"}
	}
	return res, err
}

// safeElsewhere tells whether a failed Append has certainly stored nothing, so
// that another leaf may take the chunk.
func safeElsewhere(err error) bool {
	if err == nil {
		return false
	}
	var coded *wire.Error
	if !errors.As(err, &coded) {
		return false
	}
	switch coded.Code {
	case wire.CodeUnreachable, wire.CodeClosing, wire.CodeLoading, wire.CodeFull:
		return true
	}
	return false
}
