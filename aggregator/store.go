package aggregator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/kelpdb/kelp/ingest"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// Receipt is the answer to an ingest call. A row counts as accepted when it is
// queryable and stored as its table's durability says.
type Receipt struct {
	Accepted  uint64     `json:"accepted"`
	Rejected  uint64     `json:"rejected"`
	Errors    []RowError `json:"errors"` // the first 20
	Batch     string     `json:"batch"`
	Duplicate bool       `json:"duplicate"` // every chunk had been stored by an earlier call
	Warnings  []string   `json:"warnings"`
}

// RowError says why a row was rejected; rows count from 1.
type RowError struct {
	Row   uint64 `json:"row"`
	Error string `json:"error"`
}

// errBusy says that too many bodies are being read.
var errBusy = &wire.Error{Code: wire.CodeFull,
	Message: fmt.Sprintf("%d ingest calls are being read, which is the most at once; nothing of this one was stored", bodiesMax)}

// bodyError says that a body could not be read on.
type bodyError struct{ err error }

func (e *bodyError) Error() string {
	if e.err == io.ErrUnexpectedEOF {
		return "the body is cut short: its connection broke before its end"
	}
	return "the body can not be read on: " + e.err.Error()
}

func (e *bodyError) Unwrap() error { return e.err }

// intake gathers the chunks' receipts of one call.
type intake struct {
	mu         sync.Mutex
	receipt    Receipt
	duplicates int
	chunks     int
	err        error
	toll       *toll // for the table's quota
}

// Ingest decodes a body and stores its rows. The receipt is true even when an
// error comes with it: it tells what had been stored by then.
func (a *Aggregator) Ingest(ctx context.Context, table, key string, body io.Reader, o ingest.Options) (Receipt, error) {
	return a.ingest(table, key, a.newBodyReader(ctx, body, -1), o)
}

// ingest is Ingest of a body that takes room, whose context it takes.
func (a *Aggregator) ingest(table, key string, body *bodyReader, o ingest.Options) (Receipt, error) {
	ctx := body.ctx
	defer body.chunkDone()
	in := &intake{receipt: Receipt{Batch: key, Errors: []RowError{}, Warnings: []string{}}}
	if key == "" {
		in.receipt.Batch = rand.Text()
	}
	select {
	case a.bodies <- struct{}{}:
		defer func() { <-a.bodies }()
	default:
		return in.receipt, errBusy
	}
	var err error
	if in.toll, err = a.enter(table, body); err != nil {
		return in.receipt, err
	}
	dec, err := a.decoders.Take(in.toll.reader(body), table, o)
	if err != nil {
		return in.receipt, &bodyError{err}
	}
	defer a.decoders.Put(dec)
	body.shed = dec.Shed
	chunk, err := dec.Next(ctx)
	switch {
	case err != nil:
		in.ended(err)
	case chunk.Last: // nothing to decode meanwhile, so the caller's goroutine does it all
		if err := a.storeLast(ctx, in, table, key, chunk); err != nil {
			in.fail(err)
		}
		dec.Recycle(chunk)
	default:
		a.storeAll(ctx, in, table, key, dec, chunk, body)
	}
	return in.finish()
}

func (a *Aggregator) storeLast(ctx context.Context, in *intake, table, key string, chunk *ingest.Chunk) error {
	paid, err := in.toll.pay(chunk)
	if err != nil {
		return err
	}
	size := chunkSize(chunk)
	if err := a.chunks.Acquire(ctx, size); err != nil {
		in.toll.giveBack(paid)
		return err
	}
	defer a.chunks.Release(size)
	return a.storeChunk(ctx, in, table, key, chunk, paid)
}

// storeAll stores a chunk and all that follow, while the next is decoded.
func (a *Aggregator) storeAll(ctx context.Context, in *intake, table, key string, dec *ingest.Decoder, chunk *ingest.Chunk, body *bodyReader) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	places := make(chan struct{}, chunksInFlight)
	var stores sync.WaitGroup
	defer stores.Wait()
	for {
		paid, err := in.toll.pay(chunk)
		if err != nil {
			in.fail(err)
			return
		}
		size := chunkSize(chunk)
		if err := a.take(ctx, places, size); err != nil {
			in.toll.giveBack(paid)
			in.fail(err)
			return
		}
		body.chunkDone()
		stored := chunk
		stores.Go(func() {
			defer a.release(places, size)
			defer a.recycle(dec, stored)
			if err := a.storeChunk(ctx, in, table, key, stored, paid); err != nil {
				in.fail(err)
				cancel()
			}
		})
		if stored.Last {
			return
		}
		if err := in.toll.pace(ctx, stores.Wait); err != nil {
			in.fail(err)
			return
		}
		if chunk, err = dec.Next(ctx); err != nil {
			in.ended(err)
			return
		}
	}
}

// recycle keeps a chunk's arrays for the next, unless others wait for memory.
func (a *Aggregator) recycle(dec *ingest.Decoder, c *ingest.Chunk) {
	if a.room.waiting.Load() == 0 {
		dec.Recycle(c)
	}
}

// chunkSize is what a chunk takes of the process's room for them.
func chunkSize(c *ingest.Chunk) int64 { return min(int64(c.Batch.Bytes()), chunkBytesTotal) }

// take waits for a place in the request and for room in the process.
func (a *Aggregator) take(ctx context.Context, places chan struct{}, size int64) error {
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := a.chunks.Acquire(ctx, size); err != nil {
		<-places
		return err
	}
	return nil
}

func (a *Aggregator) release(places chan struct{}, size int64) {
	a.chunks.Release(size)
	<-places
}

func (a *Aggregator) storeChunk(ctx context.Context, in *intake, table, key string, c *ingest.Chunk, paid paid) error {
	own := storage.Receipt{Accepted: c.Accepted, Rejected: c.Rejected, Errors: c.Errors, Warnings: c.Warnings}
	if c.Batch.Rows() == 0 {
		in.add(own)
		return nil
	}
	res, err := a.place(ctx, &wire.Append{
		Table: table, Key: key, Chunk: c.Index, Digest: c.Digest,
		Arrival: a.cfg.Now().UnixNano(), Receipt: own, Batch: c.Batch,
	})
	if err != nil || res.Duplicate {
		in.toll.giveBack(paid)
	}
	if err != nil {
		return err
	}
	in.add(res.Receipt)
	in.stored(res.Duplicate)
	if !res.Duplicate {
		a.metrics.rowsIn.WithLabelValues(table).Add(float64(own.Accepted))
	}
	return nil
}

// ended notes why no more chunks come; io.EOF is no failure.
func (in *intake) ended(err error) {
	if !errors.Is(err, io.EOF) {
		in.fail(&bodyError{err})
	}
}

func (in *intake) fail(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err == nil || errors.Is(in.err, context.Canceled) {
		in.err = err
	}
}

// stored counts a chunk with rows.
func (in *intake) stored(duplicate bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.chunks++
	if duplicate {
		in.duplicates++
	}
}

func (in *intake) add(r storage.Receipt) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.receipt.Accepted += uint64(r.Accepted)
	in.receipt.Rejected += uint64(r.Rejected)
	if len(r.Errors) > 0 {
		for _, e := range r.Errors {
			in.receipt.Errors = append(in.receipt.Errors, RowError{e.Row, e.Error})
		}
		in.keepFirst()
	}
	for _, w := range r.Warnings {
		if len(in.receipt.Warnings) < warningsMax && !slices.Contains(in.receipt.Warnings, w) {
			in.receipt.Warnings = append(in.receipt.Warnings, w)
		}
	}
}

// keepFirst keeps the errors of the first rows: chunks may end in any order.
func (in *intake) keepFirst() {
	slices.SortFunc(in.receipt.Errors, func(a, b RowError) int {
		if a.Row != b.Row {
			return int(int64(a.Row) - int64(b.Row))
		}
		return strings.Compare(a.Error, b.Error)
	})
	if len(in.receipt.Errors) > errorsMax {
		in.receipt.Errors = in.receipt.Errors[:errorsMax]
	}
}

func (in *intake) finish() (Receipt, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.receipt.Duplicate = in.chunks > 0 && in.duplicates == in.chunks
	return in.receipt, in.err
}
