package oracle

import (
	"maps"
	"math"

	"github.com/kelpdb/kelp/storage"
)

// fillGroupsMax is how many groups there may be with those that FILL adds; it is
// left out where there would be more.
const fillGroupsMax = 500_000

// fill adds the groups of FILL: each combination of the other keys in each time
// bucket of the range. It knows of no other keys that are made of the time.
func (o *oracle) fill(groups []*group) []*group {
	if !o.sel.Fill {
		return groups
	}
	at := 0
	for o.keys[at].bucket == nil {
		at++
	}
	b := o.keys[at].bucket
	isOther := func(k key) bool { return k.bucket == nil }
	there := make(map[string]bool)
	var combos []Row
	known := make(map[string]bool)
	for _, g := range groups {
		there[o.keyValues(g.first(), nil)] = true
		if k := o.keyValues(g.first(), isOther); !known[k] {
			known[k] = true
			combos = append(combos, g.first())
		}
	}
	if len(o.keys) == 1 {
		combos = []Row{{}}
	}
	from, last := o.fillRange()
	var starts []int64
	for start := b.start(from); from <= last && start <= last; start = b.start(start + int64(b.seconds(start)*1e9)) {
		starts = append(starts, start)
		if len(starts)*len(combos) > fillGroupsMax-len(groups) {
			return groups
		}
	}
	for _, start := range starts {
		for _, combo := range combos {
			row := maps.Clone(combo)
			row[storage.TimeColumn] = storage.Time(start)
			if k := o.keyValues(row, nil); !there[k] {
				groups = append(groups, &group{filled: true, of: row})
			}
		}
	}
	return groups
}

// fillRange is the first and last instant that buckets are filled for.
func (o *oracle) fillRange() (from, last int64) {
	from, last = o.from, o.to-1
	if o.to == math.MaxInt64 {
		last = o.dataTo
		if o.from != math.MinInt64 {
			last = max(last, o.now)
		}
	}
	if from == math.MinInt64 {
		from = o.dataFrom
		if o.dataFrom == 0 && o.dataTo == 0 {
			return 0, -1
		}
	}
	return from, last
}
