package wire

import (
	"context"
	"encoding/json"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// Leaf is one leaf as an aggregator sees it: leaf.Leaf in the same process, a
// Client elsewhere, a fault in a test. It is called concurrently.
type Leaf interface {
	query.Runner

	// Append commits one chunk. It returns when the rows are queryable, as
	// durable as the table wants, and promised to every subscriber. An error of
	// code CodeFateUnknown says that the rows may or may not be in.
	Append(ctx context.Context, a *Append) (*Appended, error)

	// Holds tells whether any chunk under the key was committed here.
	Holds(ctx context.Context, table, key string) (bool, error)

	// Drop drops a table; false: the leaf had none of that name.
	Drop(ctx context.Context, table string) (bool, error)

	// Set stores a table's settings if their version is newer.
	Set(ctx context.Context, table string, s storage.Settings) error

	// Describe returns what the leaf knows of a table; Known false: nothing.
	Describe(ctx context.Context, table string) (*TableDetail, error)

	// Explain returns, as one JSON object, how the leaf would run the query:
	// blocks pruned, the path of each filter, key and aggregate, bytes to read.
	Explain(ctx context.Context, q *query.Query) (json.RawMessage, error)

	// Status returns the leaf's own figures.
	Status(ctx context.Context) (*LeafStatus, error)

	// Subscribe sends the present promise of every table, or what has changed
	// since what the subscriber knows, then every change, until ctx ends or sink
	// fails. While it runs, Append acknowledges no row before sink has returned
	// nil for the Update that holds it. sink is called from one goroutine, once
	// more after the end of ctx if something has changed.
	Subscribe(ctx context.Context, who Subscriber, sink func(*Update) error) error
}

// Subscriber is who wants to hear a leaf's promises.
type Subscriber struct {
	Name  string
	Known Known
}

// Known is the last Update that a subscriber has taken in and kept: all up to that
// edit of that memory. The zero Known is of one that knows nothing.
type Known struct {
	ID         string // of the leaf
	Epoch, Seq uint64
}

// Append is one chunk of rows for a table. Batch is not changed and not kept.
type Append struct {
	Table   string
	Key     string // "": no key
	Chunk   uint32
	Digest  uint64
	Arrival int64 // ns since 1970
	Receipt storage.Receipt
	Batch   *storage.Batch

	// Settings are the newest of the table that are known, which come into force
	// before the rows do; Version 0: none.
	Settings storage.Settings
}

// Appended is what came of an Append.
type Appended struct {
	Receipt   storage.Receipt
	Duplicate bool
}

// Update is the promise of a leaf for its tables: absolute values, so that
// applying one twice, or an old one late, does no harm.
type Update struct {
	Leaf   string
	ID     string // of the leaf's memory and data, kept over restarts
	Shard  uint64
	Born   int64  // ns since 1970: when the leaf was first made
	Epoch  uint64 // of the leaf's memory: changes when the memory was made anew
	Seq    uint64 // of the last edit in it
	Full   bool   // all tables and buckets: what is not in it is gone
	Tables []TableUpdate
}

// TableUpdate is one table in an Update.
type TableUpdate struct {
	storage.TableChange
	Schema      query.Schema // columns and types the leaf has rows of
	Settings    storage.Settings
	OldestKey   int64 // ns since 1970: when the oldest batch key it remembers came; 0: none
	Rows, Bytes uint64
}

// TableDetail is what one leaf knows of a table.
type TableDetail struct {
	Leaf                           string
	Epoch, Seq                     uint64 // of its edit log, before it looked
	Known                          bool
	Rows, Bytes, DiskBytes, Blocks uint64
	Damaged, Loading               uint64 // of Rows, those that can not be read now
	DamagedBlocks                  uint64
	From, To, Horizon              int64
	Settings                       storage.Settings
	Columns                        []ColumnDetail
}

// ColumnDetail is one column of a TableDetail.
type ColumnDetail struct {
	Name  string
	Rows  [7]uint64 // rows by storage.Type
	Bytes uint64

	// Encoded is rows with a value by the name of the encoding that they are stored
	// in; of an older leaf nil. Loose are texts beside templates, as far as the newest
	// blocks tell.
	Encoded map[string]uint64
}

// LeafStatus is a leaf's own figures.
type LeafStatus struct {
	Name, ID, Version        string
	Shard                    uint64
	Born                     int64
	Rows                     uint64
	MemoryUsed, MemoryBudget uint64
	DamagedBlocks            uint64
	Loading                  bool

	// Since the process began; of a leaf of an older version 0.
	SetAside, Healed uint64 // blocks found to be damaged; of them, those read again from disk
	BadCopies        uint64 // copies on disk found to be damaged, and written again from memory
	ScrubPasses      uint64 // times that every checksum was verified in the background
	ScrubBytes       uint64
	Scrubbed         int64 // ns since 1970 when the last pass ended; 0: none did
	LogDamaged       bool  // the edit log could not be read to its end: rows may be lost
}

// Codes of errors that mean something to the other side; they travel over the wire.
const (
	CodeFateUnknown = "fate_unknown"
	CodeKeyReused   = "key_reused"
	CodeFull        = "full"         // Message names table, bytes and knob
	CodeStaleSchema = "stale_schema" // the plan lacks a type the leaf has; see Schema
	CodeClosing     = "closing"
	CodeLoading     = "loading"
	CodeBad         = "bad_request"
	CodeInternal    = "internal"
	CodeUnreachable = "unreachable" // nothing was done: safe to try elsewhere
	CodeBroken      = "broken"      // the connection broke; of an Append it would be CodeFateUnknown
)

// Error is an error with a code.
type Error struct {
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Message }
