package ingest

import (
	"fmt"
	"strconv"

	"github.com/kelpdb/kelp/storage"
)

// chunker is the chunk being filled: its batch, what was rejected, and the
// time of the open row.
type chunker struct {
	options Options
	batch   *storage.Batch
	row     uint64 // rows seen in the body
	told    int    // errors described so far in the body
	digest  uint64
	nowNs   int64  // arrival of the bytes being read
	columns int    // columns the chunk has asked for
	lent    []byte // the message that the batch's texts lie in

	rejected uint32
	errors   []storage.RowError
	warnings []string
	warned   map[string]struct{}

	times rowTimes
}

// open begins a body; sameTimes tells that the time fields are those of the body
// before.
func (c *chunker) open(o Options, sameTimes bool) {
	c.options, c.row, c.told = o, 0, 0
	if !sameTimes {
		c.times.names = timeNames(o.TimeField)
	}
}

// begin opens a chunk.
func (c *chunker) begin(b *storage.Batch) {
	c.batch, c.digest, c.rejected, c.columns = b, 0, 0, 0
	c.errors, c.warnings, c.lent = nil, nil, nil
	clear(c.warned)
	c.times.begin()
}

// arrived notes the time at which bytes were read.
func (c *chunker) arrived() { c.nowNs = c.options.Now().UnixNano() }

// full tells whether the chunk ends after bodyBytes.
func (c *chunker) full(bodyBytes int64) bool {
	return c.batch.Rows() >= c.options.ChunkRows || bodyBytes >= int64(c.options.ChunkBytes) || c.columns >= columnsPerChunkMax
}

// endRow closes the open row, or rejects it if it has too many columns.
func (c *chunker) endRow() {
	if c.batch.OpenColumns() > ColumnsPerRowMax {
		c.reject(tooManyColumns)
		return
	}
	c.row++
	c.batch.EndRow(c.times.take(c))
}

const tooManyColumns = "more than 4,096 columns in one row"

// reject takes the open row back and counts it. text is not kept if enough
// rows of the body are described.
func (c *chunker) reject(text string) {
	c.batch.AbortRow()
	c.times.clear()
	c.row++
	c.rejected++
	if c.told < storage.RowErrorsMax {
		c.told++
		c.errors = append(c.errors, storage.RowError{Row: c.row, Error: text})
	}
}

// telling says whether the next rejected row will be described, so that a
// text that nobody reads is not made.
func (c *chunker) telling() bool { return c.told < storage.RowErrorsMax }

// warn adds a warning to the chunk if one of this key is not there yet.
func (c *chunker) warn(key string, text func() string) {
	if len(c.warnings) >= warningsMax {
		return
	}
	if _, ok := c.warned[key]; ok {
		return
	}
	if c.warned == nil {
		c.warned = make(map[string]struct{})
	}
	c.warned[key] = struct{}{}
	c.warnings = append(c.warnings, text())
}

// Texts of warnings that do not depend on the row.
const (
	warnUTF8      = "invalid UTF-8 was replaced by U+FFFD"
	warnSurrogate = "lone surrogates (\\ud800 to \\udfff) were replaced by U+FFFD"
)

func (c *chunker) warnText(text string) {
	c.warn(text, func() string { return text })
}

// quote shortens bytes of a body for a message.
func quote(b []byte) string {
	if len(b) > errorTextMax {
		return strconv.QuoteToGraphic(string(b[:errorTextMax])) + "..."
	}
	return strconv.QuoteToGraphic(string(b))
}

func tooLong(what string, limit int) string {
	return fmt.Sprintf("%s is longer than %d bytes", what, limit)
}
