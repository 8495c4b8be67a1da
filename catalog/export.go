package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// An export is JSON, so that people can read and mend it:
//
//	{"kelp_catalog": 1, "exported": TIME, "entries": [{"kind", "id", "changed", "value"}, ...]}

// exportVersion is the number that it begins with; a reader refuses higher ones.
const exportVersion = 1

// Export is all entries, as a file has them.
type Export struct {
	Version  int             `json:"kelp_catalog"`
	Exported time.Time       `json:"exported"`
	Entries  []ExportedEntry `json:"entries"`
}

// ExportedEntry is an Entry without its version, which is the catalog's own.
type ExportedEntry struct {
	Kind    Kind            `json:"kind"`
	ID      string          `json:"id"`
	Changed time.Time       `json:"changed"`
	Value   json.RawMessage `json:"value"`
}

// Export lists all that this node knows, by kind and id.
func (c *Catalog) Export() *Export {
	c.state.mu.RLock()
	all := c.state.allLocked()
	c.state.mu.RUnlock()
	out := &Export{Version: exportVersion, Exported: c.cfg.Now().UTC(), Entries: make([]ExportedEntry, 0, len(all))}
	for _, e := range all {
		out.Entries = append(out.Entries, ExportedEntry{e.Kind, e.ID, time.Unix(0, e.Changed).UTC(), e.Value})
	}
	return out
}

// Import puts the entries of an export, over those that are there; others stay. It
// makes them in several commands: after an error the first count are there, and
// the whole may be repeated.
func (c *Catalog) Import(ctx context.Context, from *Export) (count int, err error) {
	switch {
	case from.Version == 0:
		return 0, &Refused{`this is no export of a catalog: it has no "kelp_catalog"`}
	case from.Version > exportVersion:
		return 0, &Refused{fmt.Sprintf("this export is of version %d, this kelp knows %d: import it with the kelp that wrote it, or a newer one", from.Version, exportVersion)}
	}
	changes := make([]Change, len(from.Entries))
	for i, e := range from.Entries {
		changes[i] = Change{Kind: e.Kind, ID: e.ID, Value: e.Value, Expect: ExpectAny}
		if err := changes[i].check(); err != nil {
			return 0, err
		}
	}
	if err := c.state.room(changes); err != nil {
		return 0, err
	}
	for len(changes) > 0 {
		n := commandOf(changes)
		if _, err := c.Propose(ctx, changes[:n]...); err != nil {
			return count, err
		}
		count, changes = count+n, changes[n:]
	}
	return count, nil
}

// commandOf is how many of the changes go into one command, at least one.
func commandOf(changes []Change) (n int) {
	size := 0
	for n < len(changes) {
		size += len(changes[n].Value) + len(changes[n].ID) + len(changes[n].Kind) + changeOverhead
		if size > commandBytesMax/2 && n > 0 {
			break
		}
		n++
	}
	return n
}
