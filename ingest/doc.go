// Package ingest turns foreign formats into batches of columns.
//
// Body undoes a Content-Encoding, a Decoder cuts the body into chunks, and
// each Chunk carries a storage.Batch with the rows that could be read, plus
// how many could not and why. A malformed row is rejected alone.
//
// Nouns: body, window (the part of it in memory), row, chunk, field (a name
// and the slot of the batch it goes to).
//
// # Rules that hold for every format
//
// A row is a set of columns. Where two fields of a row lead to one column
// ("a.b" and {"a": {"b": ...}}, or a name given twice) the last one wins,
// whatever its type; a null that comes last takes the column away. A field
// with an empty name, alone or as part of a path, rejects its row. Text that
// is not UTF-8 gets U+FFFD with a warning.
//
// The time of a row is the first of its time fields that can be read as one;
// that field is not stored a second time. If there are such fields and none
// can be read, the first is kept in the column time_raw, with a warning, and
// the row gets its time of arrival. The name `time` belongs to the row's time:
// a field of that name that is not the time is kept in time_raw as well. An
// instant is between 1677-09-21 and 2262-04-11, what 64 bits of nanoseconds
// can say. A number is taken in the coarsest unit of s, ms, us, ns that keeps
// it in there.
//
// # Chunks
//
// Where a body is cut depends on its bytes alone, so that a repeated request
// yields the same chunks with the same digests, however the network delivered
// it. A chunk ends behind the row that reaches ChunkRows accepted rows,
// ChunkBytes of body, or columnsPerChunkMax names.
//
// # JSON: what a row is, and where reading goes on after a bad one
//
// A body is a sequence of objects, each a row, and of arrays, whose elements
// are rows. Newlines between them are blanks like others, so an object may
// stand on many lines. Anything else in the place of a row is a rejected row.
//
// After a bad object reading goes on behind the brace that closes it, counting
// braces outside strings. Two things end this earlier: a newline inside a
// string, and a line that does not look like the continuation of an object (it
// starts with neither blank, quote, comma nor closing bracket), because in
// NDJSON a cut-off line must not take the next line with it. After a bad
// anything-else it goes on at the next line, or in an array at the next comma.
// If none of this is found before the end of the body, the message says that
// the rest of the body is not readable.
//
// # CSV and Arrow
//
// A record of CSV that cannot be read is rejected alone: reading goes on at the
// next line. A header that cannot be read, and an Arrow stream that is damaged
// anywhere, end the body with an error: there is nothing to go on by. The chunks
// before it stand.
//
// Arrow streams are taken apart here and not by Arrow's own reader, which trusts
// the lengths that a stream claims (see arrow.go). Rows of which none is rejected
// or warned of go to the batch column by column (arrow_columns.go), others row by
// row; chunks and their digests are the same.
//
// # Lines of logs
//
// Not a format of bodies: a client's LineParser turns each line into an object
// of JSON and sends these. A line that is not of the expected format is kept
// whole as the message, so every line that is not blank is a row.
//
// # Goroutines
//
// The package starts none (the zstd reader runs without concurrency). A
// Decoder belongs to one goroutine, but for Recycle. Bytes handed to the batch
// are copied, but for the texts of an Arrow record that fills a chunk: the chunk has
// the message that they lie in until it is recycled. A Pool lends decoders to
// bodies: who takes one puts it back when its last chunk is done with.
package ingest
