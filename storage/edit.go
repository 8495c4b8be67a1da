package storage

import (
	"fmt"
	"time"
)

// An edit is one atomic change of what is live. Within an edit the order of
// kinds does not matter but for this: tables are made before, and dropped after,
// everything else. Tables are named by their incarnation, which is the sequence
// of the edit that made them, so a table born again is another one.
//
// The memory log and the disk log hold the same edits; only the places of
// blocks differ: a segment and an offset there, a file and an offset here.
type edit struct {
	seq       uint64 // ascending in a log; the edits of a checkpoint share one
	nextBlock uint64 // 0, or a number that no block of this epoch has reached
	tables    []editTable
	settings  []editSettings
	adds      []editAdd
	places    []editPlace
	drops     []editDrop
	keys      []editKey
	marks     []editMark
	gone      []uint64 // incarnations of dropped tables
}

// editTable makes a table.
type editTable struct {
	incarnation uint64
	name        string
}

type editSettings struct {
	incarnation uint64
	settings    Settings
}

// place says where a block lies. File 0 means nowhere yet: the block waits to be
// read from disk.
type place struct {
	file   uint32
	offset int64
}

// editAdd makes a block live.
type editAdd struct {
	incarnation uint64
	id          BlockID
	kind        blockKind
	place       place
	meta        Meta
	ref         *Ref // not logged: what becomes visible
}

// editPlace says that a live block now lies elsewhere.
type editPlace struct {
	incarnation uint64
	id          BlockID
	place       place
	extent      *extent // not logged
}

type editDrop struct {
	incarnation uint64
	id          BlockID
}

// editKey remembers the receipt of a chunk.
type editKey struct {
	incarnation uint64
	key         string
	chunk       chunkReceipt
}

// chunkReceipt is what is kept of one acknowledged chunk of a batch.
type chunkReceipt struct {
	chunk   uint32
	digest  uint64
	seq     uint64 // the edit that made its rows live
	at      int64  // ns, by the store's clock
	receipt Receipt
}

// editMark moves the absolute counters of a table; both only grow.
type editMark struct {
	incarnation uint64
	added       uint64 // rows ever added, merges not counted
	horizon     int64
}

// blockKind says how often the rows of a block were rewritten, and whether their
// times are far off the clock. Merges join blocks of one class only.
type blockKind uint8

const (
	levelFresh blockKind = 0 // as appended
	levelMid   blockKind = 1 // rewritten once, or large as appended
	levelFinal blockKind = 2 // never rewritten again
	levelMask  blockKind = 3

	classNear   blockKind = 0 << 2
	classPast   blockKind = 1 << 2 // times more than clockSlack before the arrival
	classFuture blockKind = 2 << 2 // times more than clockSlack after the arrival
	classMask   blockKind = 3 << 2

	// kindThinned marks rows that stand for several (thin.go). They are never
	// thinned again, and merge with their like alone, so that the mark stays true.
	kindThinned blockKind = 1 << 4

	kindMax = uint64(kindThinned | classMask | levelMask)
)

func (k blockKind) level() blockKind   { return k & levelMask }
func (k blockKind) class() blockKind   { return k & classMask }
func (k blockKind) thinned() blockKind { return k & kindThinned }

// mergeSets are the kinds, but for the level, that merges keep apart.
var mergeSets = [...]blockKind{
	classNear, classPast, classFuture, classNear | kindThinned, classPast | kindThinned, classFuture | kindThinned,
}

// at returns the kind with another level.
func (k blockKind) at(level blockKind) blockKind { return k&^levelMask | level }

// Durability says what survives after the receipt. The empty one means disk
// where the store has a data directory, else memory.
type Durability string

const (
	DurabilityDefault Durability = ""
	DurabilityMemory  Durability = "memory" // process death and upgrade
	DurabilityDisk    Durability = "disk"   // and power loss, but for the last second
	DurabilitySync    Durability = "sync"   // and power loss: the receipt waits for the disk
)

// durabilities is the code of each in the log.
var durabilities = [...]Durability{DurabilityDefault, DurabilityMemory, DurabilityDisk, DurabilitySync}

// Settings of a table. The zero value keeps rows until memory is full. Version
// is the caller's: the store keeps it and never looks at it.
type Settings struct {
	Version        uint64
	RetentionAge   time.Duration // rows older go; 0: never
	RetentionBytes int64         // the oldest blocks go beyond it; 0: no limit
	Durability     Durability

	ThinAfter time.Duration // rows older are thinned; 0: never
	ThinKeep  int64         // of so many rows one is kept, and stands for all

	// The store keeps these for their owner and does nothing with them.
	QuotaRows  int64 // rows per second
	QuotaBytes int64 // bytes per second
	Replicas   int64
}

// Validate returns an error that names the first setting that cannot be.
func (s Settings) Validate() error {
	if _, ok := durabilityCode(s.Durability); !ok {
		return fmt.Errorf("durability %q is unknown: use %q, %q or %q", s.Durability, DurabilityMemory, DurabilityDisk, DurabilitySync)
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"retention_age", int64(s.RetentionAge)}, {"retention_bytes", s.RetentionBytes},
		{"thin_after", int64(s.ThinAfter)}, {"thin_keep", s.ThinKeep},
		{"quota_rows_s", s.QuotaRows}, {"quota_bytes_s", s.QuotaBytes}, {"replicas", s.Replicas},
	} {
		if f.value < 0 {
			return fmt.Errorf("%s is %d: it must not be negative", f.name, f.value)
		}
	}
	return nil
}

// ValidateTogether returns an error for settings of which each can be and that do
// not go together: those that would thin nothing, or not as meant.
func (s Settings) ValidateTogether() error {
	switch {
	case s.ThinAfter == 0 && s.ThinKeep == 0:
		return nil
	case s.ThinAfter == 0:
		return fmt.Errorf("thin_keep is %d without thin_after: set both, or both to 0", s.ThinKeep)
	case s.ThinKeep < 2 || s.ThinKeep > ThinKeepMax:
		return fmt.Errorf("thin_keep is %d: of 2 to %d rows one is kept", s.ThinKeep, ThinKeepMax)
	case s.RetentionAge > 0 && s.ThinAfter >= s.RetentionAge:
		return fmt.Errorf("thin_after is %v, but rows go after %v (retention_age): nothing would be thinned", s.ThinAfter, s.RetentionAge)
	}
	return nil
}

func durabilityCode(d Durability) (int, bool) {
	for code, known := range durabilities {
		if d == known {
			return code, true
		}
	}
	return 0, false
}
