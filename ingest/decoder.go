package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"sync"
	"time"

	"github.com/kelpdb/kelp/storage"
)

// Format is how the rows of a body are written.
type Format uint8

const (
	JSON        Format = iota // objects one after another, one a line or not, or arrays of objects
	CSV                       // RFC 4180 with a header line
	ArrowStream               // Arrow IPC stream
)

func (f Format) String() string {
	switch f {
	case JSON:
		return "JSON"
	case CSV:
		return "CSV"
	case ArrowStream:
		return "Arrow stream"
	}
	return fmt.Sprintf("format(%d)", uint8(f))
}

// FormatOf returns the format of a Content-Type. Any type that is not known,
// also none and curl's form type, is JSON.
func FormatOf(contentType string) Format {
	switch contentType {
	case "", "application/x-ndjson", "application/json": // nearly all, as they are
		return JSON
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, _, _ = strings.Cut(contentType, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	switch kind {
	case "text/csv", "application/csv":
		return CSV
	case "application/vnd.apache.arrow.stream":
		return ArrowStream
	}
	return JSON
}

// Options say how to read a body. The zero value reads JSON.
type Options struct {
	Format Format

	// TimeField names the field that holds the time. "" takes the first that
	// can be read of time, timestamp, ts, @timestamp, _time.
	TimeField string

	// Now gives the time of arrival, for rows without a time. nil: time.Now.
	Now func() time.Time

	// ChunkRows and ChunkBytes (of the body) end a chunk. 0: the defaults.
	ChunkRows, ChunkBytes int
}

// Chunk is a run of rows of a body.
type Chunk struct {
	Index              uint32 // from 0
	Batch              *storage.Batch
	Accepted, Rejected uint32
	Last               bool               // the body has ended with it; false leaves it open
	Errors             []storage.RowError // the first RowErrorsMax over the whole body
	Warnings           []string           // distinct within the chunk, at most warningsMax

	// Digest is the xxh3 of the chunk's bytes in the body, however it was read.
	// Chunks cut out of one Arrow record batch: of its bytes and the first row.
	Digest uint64

	body []byte // what the texts of the batch lie in, if they were not copied
}

// source reads rows of one format.
type source interface {
	// fill appends rows until the chunk is full. It returns io.EOF at the end
	// of the body, with or without rows before it.
	fill(ctx context.Context, c *chunker) error
}

// Decoder cuts a body into chunks. Next is for one goroutine; Recycle may be
// called from any.
type Decoder struct {
	source source
	chunker
	index uint32
	err   error // what ended the body

	mu   sync.Mutex
	free []*Chunk // at most recycledChunksMax, with empty batches

	label string // in a Pool: what it was used for
	held  int    // in a Pool: bytes of its buffers
}

// NewDecoder reads a decompressed body. Where it is cut into chunks is given
// by the body's bytes alone.
func NewDecoder(r io.Reader, o Options) (*Decoder, error) {
	o, err := o.checked()
	if err != nil {
		return nil, err
	}
	d := &Decoder{}
	return d, d.open(r, o)
}

// checked fills in the defaults.
func (o Options) checked() (Options, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ChunkRows == 0 {
		o.ChunkRows = ChunkRowsDefault
	}
	if o.ChunkBytes == 0 {
		o.ChunkBytes = ChunkBytesDefault
	}
	if o.ChunkRows < 0 || o.ChunkRows > storage.RowsPerBlockMax {
		return o, fmt.Errorf("cannot cut a body into chunks of %d rows: 1 to %d are possible", o.ChunkRows, storage.RowsPerBlockMax)
	}
	if o.ChunkBytes < 0 || o.ChunkBytes > ChunkBytesDefault {
		return o, fmt.Errorf("cannot cut a body into chunks of %d bytes: 1 to %d are possible", o.ChunkBytes, ChunkBytesDefault)
	}
	if len(o.TimeField) > NameBytesMax {
		return o, fmt.Errorf("the name of the time field is longer than %d bytes", NameBytesMax)
	}
	return o, nil
}

// open begins a body. A decoder of JSON may have read others before.
func (d *Decoder) open(r io.Reader, o Options) error {
	sameTimes := d.source != nil && d.options.TimeField == o.TimeField
	d.chunker.open(o, sameTimes)
	d.index, d.err = 0, nil
	switch o.Format {
	case JSON:
		if rows, ok := d.source.(*jsonRows); ok {
			rows.open(r, sameTimes)
		} else {
			d.source = newJSONRows(r)
		}
	case CSV:
		d.source = newCSVRows(r)
	case ArrowStream:
		if rows, ok := d.source.(*arrowRows); ok {
			rows.open(r)
		} else {
			d.source = newArrowRows(r)
		}
	default:
		return fmt.Errorf("cannot read format %v", o.Format)
	}
	return nil
}

// Next returns the next chunk, and io.EOF after the last. The chunk and its
// batch belong to the caller. Any other error ends the body: rows read since
// the chunk before are in no chunk.
func (d *Decoder) Next(ctx context.Context) (*Chunk, error) {
	if d.err != nil {
		return nil, d.err
	}
	c := d.takeChunk()
	d.begin(c.Batch)
	if rows, ok := d.source.(*arrowRows); ok {
		rows.messages.offer(c.body)
		c.body = nil
	}
	err := d.source.fill(ctx, &d.chunker)
	if err != nil {
		d.err = err
	}
	empty := d.batch.Rows() == 0 && d.rejected == 0
	if err != nil && (!errors.Is(err, io.EOF) || empty) {
		d.Recycle(c)
		return nil, err
	}
	*c = Chunk{
		body:  d.lent,
		Index: d.index, Batch: d.batch, Digest: d.digest, Last: err != nil,
		Accepted: uint32(d.batch.Rows()), Rejected: d.rejected,
		Errors: d.errors, Warnings: d.warnings,
	}
	d.batch, d.errors, d.warnings, d.lent = nil, nil, nil, nil
	d.index++
	return c, nil
}

// Recycle gives a chunk and its arrays back for the chunks to come. The chunk
// must not be used afterwards.
func (d *Decoder) Recycle(c *Chunk) {
	if !worthKeeping(c.Batch) {
		return
	}
	c.Batch.Reset()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.free) < recycledChunksMax {
		d.free = append(d.free, c)
	}
}

// Shed lets go of the arrays that Recycle kept.
func (d *Decoder) Shed() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free = nil
}

// worthKeeping tells whether the slots of a batch are mostly those its rows
// used: each costs the rows to come a look.
func worthKeeping(b *storage.Batch) bool {
	n := len(b.Slots())
	return n <= recycledSlotsFree || n <= recycledColumnsMax && b.UsedSlots() >= n/4
}

func (d *Decoder) takeChunk() *Chunk {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.free)
	if n == 0 {
		return &Chunk{Batch: storage.NewBatch()}
	}
	c := d.free[n-1]
	d.free[n-1] = nil
	d.free = d.free[:n-1]
	return c
}
