package ingest

import "github.com/kelpdb/kelp/storage"

// Limits on what strangers send. Those of a row end in a rejected row that
// names the limit; those of a body end the body.
const (
	// ChunkRowsDefault is a full block, so that a chunk is encoded at once.
	ChunkRowsDefault = storage.RowsPerBlockMax

	// ChunkBytesDefault of body bytes bound the memory of one request: the
	// columns of a chunk take at most about three times as much.
	ChunkBytesDefault = 32 << 20

	// RowBytesMax is the longest row (line, object, record) as it is written.
	RowBytesMax = 4 << 20

	// ValueBytesMax is the longest text of one field.
	ValueBytesMax = storage.ValueBytesMax

	// NameBytesMax is the longest full name of a column.
	NameBytesMax = storage.ColumnNameBytesMax

	// ColumnsPerRowMax bounds the fields of one row.
	ColumnsPerRowMax = storage.ColumnsPerRowMax

	// columnsPerChunkMax ends a chunk early: a body whose every row brings
	// new names must not grow one batch without bound.
	columnsPerChunkMax = storage.ColumnsPerBlockMax

	// DepthMax is the deepest nesting of objects and arrays; the row itself
	// is depth 1. It bounds the decoder's recursion.
	DepthMax = 32

	// fieldsKnownMax is how many names a JSON decoder remembers for its
	// guesses before it forgets them all: twice what one chunk may hold.
	fieldsKnownMax = 2 * columnsPerChunkMax

	// warningsMax bounds the warnings of one chunk. Their kinds are few; the
	// limit is there for kinds that name a column.
	warningsMax = 16

	// errorTextMax bounds the part of a body that is quoted in a message.
	errorTextMax = 64

	// readBytesMin and readBytesMax are the sizes of the read buffer: small
	// for the one-row request, large enough that a row cut by its end and
	// read twice costs nothing. A longer row grows it up to RowBytesMax.
	readBytesMin = 32 << 10
	readBytesMax = 512 << 10

	// recycledColumnsMax: a batch with more columns is not used again, so
	// that one odd chunk does not burden the rest of its body. Nor is one of more
	// than recycledSlotsFree of which few were used.
	recycledColumnsMax = 4_096
	recycledSlotsFree  = 64

	// recycledChunksMax is how many chunks a caller has in work at a time; more
	// batches than these are left to the collector.
	recycledChunksMax = 4

	// pooledDecodersMax is how many bodies are commonly read at once.
	pooledDecodersMax = 128

	// pooledBytesMax bounds what a Pool holds for bodies to come, which counts as
	// live: the batches of two bodies of tens of thousands of wide rows.
	pooledBytesMax = 32 << 20

	// pooledArrowMax bounds what one decoder of Arrow keeps from body to body: a
	// message and the batches of some 65,536 wide rows. The collector takes it
	// back when no body comes.
	pooledArrowMax = 64 << 20

	// pooledWindowMax, pooledNamesMax: what one decoder keeps of buffers, in
	// bytes, and names. pooledNameBytes is about what a name takes.
	pooledWindowMax = 1 << 20
	pooledNamesMax  = 1_024
	pooledNameBytes = 256

	// encodingsMax is how many Content-Encodings may be stacked.
	encodingsMax = 4

	// zstdWindowMax bounds the memory a zstd frame may ask for; 8 MiB is what
	// every level of the format's own tool uses without --long.
	zstdWindowMax = 32 << 20
)

// Limits of Arrow streams. Every length in them is a stranger's claim.
const (
	// arrowMetadataBytesMax bounds the description of one message: thousands
	// of columns with the notes that other tools attach fit.
	arrowMetadataBytesMax = 8 << 20

	// arrowBodyBytesMax bounds one message, before and after decompression,
	// and all dictionaries of a stream together.
	arrowBodyBytesMax = 128 << 20

	// arrowFieldsMax bounds the fields of a schema, nested ones included.
	arrowFieldsMax = 2 * ColumnsPerRowMax

	// arrowRowsFree is how many rows a record batch may have that no byte of
	// its buffers stands for (it may consist of nulls only).
	arrowRowsFree = 65_536

	// arrowDeltasMax is how many times a dictionary may be extended.
	arrowDeltasMax = 10_000

	// arrowCodesMax is the most entries of a batch's dictionary: of more, no block
	// makes one. arrowEntriesPerRow is how large a dictionary may be for the rows
	// of a record to be mapped through a table of it.
	arrowCodesMax      = storage.RowsPerBlockMax / 8
	arrowEntriesPerRow = 2

	// arrowReadStep is how far a claimed length is trusted in advance.
	arrowReadStep = 1 << 20

	// arrowTrustedBytes is how far it is when that much of it has come: what a chunk
	// may have, for which a server has made room by then.
	arrowTrustedBytes = ChunkBytesDefault

	// arrowSpareShare: a buffer for a message is larger than it by one part in so
	// many, so that the next of about the same size fits.
	arrowSpareShare = 64
)
