// Package feed reads what people have (log files, JSON, CSV, Arrow, Parquet,
// compressed or not, finished or still growing) and cuts it into bodies of whole
// rows that one ingest call each can carry, and repeat.
//
// Nouns: source (a named stream of bytes), format (of its rows), cutter (finds
// where a row ends), body (whole rows, ready to send).
//
// JSON, CSV and Arrow bodies go out as they came in, so the server alone decides
// what they mean; of an Arrow file the stream within it. Parquet becomes Arrow
// streams here (package parquet), for which it must be in a file: one that comes
// as a stream is kept in a temporary file until its end. Lines of logs are turned
// into NDJSON here, also those that stand between lines of JSON if nobody said
// that all is JSON. What arrives slowly is sent after a short pause and not held
// back until a body is full.
//
// Goroutines: Read starts one that reads the source ahead, and returns only when
// the source can no longer be read: at its end, or when ctx ends. If ctx ends
// while a source blocks (a terminal, a pipe), that one goroutine stays until the
// source answers. emit is called on Read's goroutine and owns the body it is
// given.
package feed
