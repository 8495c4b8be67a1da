package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
	"github.com/kelpdb/kelp/ingest"
)

// Options say how to read. The zero value reads a finished source of any
// format.
type Options struct {
	Format    Format        // Auto looks at the source's first bytes
	Follow    bool          // go on reading a file as it grows
	FromEnd   bool          // with Follow: skip what the file holds at first
	BodyBytes int           // size of a body; 0 is BodyBytesDefault
	Idle      time.Duration // how long bytes wait for more; 0 is 200 ms
	Poll      time.Duration // how often a followed file is looked at; 0 is 200 ms
	Now       func() time.Time
	BytesRead *atomic.Int64 // counts the source's own bytes; may be nil
}

// Sink takes what comes out of a source.
type Sink struct {
	Body   func(*Body) error             // an error ends the reading
	Reject func(place string, err error) // a row that cannot be sent
	Warn   func(text string)             // something about the source; may be nil
}

func (o *Options) fill() {
	if o.Format == "" {
		o.Format = Auto
	}
	if o.BodyBytes <= 0 {
		o.BodyBytes = BodyBytesDefault
	}
	if o.Idle <= 0 {
		o.Idle = idleDefault
	}
	if o.Poll <= 0 {
		o.Poll = pollDefault
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BytesRead == nil {
		o.BytesRead = new(atomic.Int64)
	}
}

// ReadFile reads the file at path, until its end or, with Follow, until ctx
// ends.
func ReadFile(ctx context.Context, path string, o Options, sink Sink) error {
	o.fill()
	if o.Follow {
		ctx, cancel := context.WithCancel(ctx)
		f := &follower{ctx: ctx, path: path, poll: o.Poll, fromEnd: o.FromEnd, warn: sink.Warn}
		reader, err := read(ctx, path, counter{f, o.BytesRead}, o, sink)
		cancel()
		<-reader
		f.close()
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, size, ok := asFile(f, o); ok {
		return named(path, readParquet(ctx, path, f, size, o, sink, o.BytesRead))
	}
	reader, err := read(ctx, path, counter{f, o.BytesRead}, o, sink)
	if info, statErr := f.Stat(); statErr == nil && info.Mode().IsRegular() {
		<-reader // unlike a pipe, such a file does not block
	}
	return err
}

// Read reads r to its end. name is put before the places of rows.
func Read(ctx context.Context, name string, r io.Reader, o Options, sink Sink) error {
	o.fill()
	if f, size, ok := asFile(r, o); ok {
		return named(name, readParquet(ctx, name, f, size, o, sink, o.BytesRead))
	}
	_, err := read(ctx, name, counter{r, o.BytesRead}, o, sink)
	return err
}

// named says in an error which source it is about.
func named(name string, err error) error {
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", name, err)
	}
	return nil
}

// read also returns a channel that is closed when nobody reads r any more.
func read(ctx context.Context, name string, r io.Reader, o Options, sink Sink) (<-chan struct{}, error) {
	stop := make(chan struct{})
	defer close(stop)
	p := &pump{name: name, options: o, sink: sink, firstLine: 1}
	defer func() { p.spool.close() }()
	chunks, reader := readChunks(r, o.Follow, stop)
	err := p.run(ctx, chunks)
	if err == nil && p.spool != nil {
		err = readParquet(ctx, name, p.spool.file, p.spool.size, o, sink, nil)
	}
	return reader, named(name, err)
}

// chunk is what one read brought; the last one has an error.
type chunk struct {
	bytes []byte
	err   error
}

// readChunks reads ahead until r ends or stop is closed; then it closes ended.
// What is compressed is decompressed on the way, but for a followed file.
func readChunks(r io.Reader, follow bool, stop <-chan struct{}) (chunks <-chan chunk, ended <-chan struct{}) {
	out, end := make(chan chunk, readAhead), make(chan struct{})
	go func() {
		defer close(end)
		plain, free := r, func() {}
		if !follow {
			var err error
			if plain, free, err = decompress(r); err != nil {
				out <- chunk{nil, err} // the first: there is room
				return
			}
		}
		defer free()
		copyChunks(plain, out, stop)
	}()
	return out, end
}

func copyChunks(r io.Reader, out chan<- chunk, stop <-chan struct{}) {
	buf := make([]byte, readBytes)
	for {
		n, err := r.Read(buf)
		if n == 0 && err == nil {
			continue
		}
		c := chunk{buf[:n], err}
		if n > readBytes/4 {
			buf = make([]byte, readBytes) // handed over whole
		} else {
			c.bytes = append([]byte{}, c.bytes...)
		}
		select {
		case out <- c:
		case <-stop:
			return
		}
		if err != nil {
			return
		}
	}
}

// pump turns chunks into bodies. It belongs to one goroutine.
type pump struct {
	name    string
	options Options
	sink    Sink

	format    Format
	cutter    cutter             // nil until the format is known
	lines     *ingest.LineParser // nil for formats that are sent as they are
	loose     *ndjsonCutter      // nil unless lines between those of JSON are converted
	spool     *spool             // of Parquet, which is read when all of it is there
	buf       []byte
	firstLine int64 // of buf
	bodies    int
	skipping  bool // within a row that is too long
}

func (p *pump) run(ctx context.Context, chunks <-chan chunk) error {
	idle := time.NewTimer(p.options.Idle)
	defer idle.Stop()
	done := ctx.Done()
	if p.options.Follow {
		done = nil // the follower ends with ctx, and its last bytes still count
	}
	for {
		select {
		case c := <-chunks:
			p.take(c.bytes)
			if c.err != nil && !errors.Is(c.err, io.EOF) {
				return errors.Join(p.flush(false), c.err)
			}
			if c.err != nil || len(p.buf) >= p.options.BodyBytes {
				if err := p.flush(c.err != nil); err != nil || c.err != nil {
					return err
				}
			}
			idle.Reset(p.options.Idle)
		case <-idle.C:
			if err := p.flush(false); err != nil {
				return err
			}
		case <-done:
			return errors.Join(p.flush(false), ctx.Err())
		}
	}
}

// take adds bytes, but for the rest of a row that is being skipped.
func (p *pump) take(b []byte) {
	if p.skipping {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return
		}
		p.skipping = false
		p.firstLine++
		b = b[i+1:]
	}
	p.buf = append(p.buf, b...)
}

// flush sends the whole rows of the buffer. With final, what is left is taken
// as whole.
func (p *pump) flush(final bool) error {
	if len(p.buf) == 0 && !final {
		return nil
	}
	if p.cutter == nil && p.spool == nil {
		if len(p.buf) == 0 || !final && !enough(p.buf, p.options.Format) {
			return nil
		}
		if err := p.choose(); err != nil {
			return err
		}
	}
	if p.spool != nil {
		err := p.spool.write(p.buf)
		p.buf = p.buf[:0]
		return err
	}
	n := p.cutter.cut(p.buf, final)
	arrow, isArrow := p.cutter.(*arrowCutter)
	if isArrow && arrow.err != nil {
		return arrow.err
	}
	if n == 0 && !(isArrow && arrow.ended) {
		return p.tooLong(final)
	}
	whole := p.buf[:n:n]
	rest := p.buf[n:]
	if isArrow && arrow.ended {
		if err := arrow.behind(rest, final); err != nil {
			return err
		}
		rest = nil
	}
	size := 2*len(rest) + 512
	if n >= p.options.BodyBytes/2 { // a bulk: the next body will be as large
		size = len(rest) + p.options.BodyBytes + readBytes
	}
	p.buf = append(make([]byte, 0, size), rest...)
	if n == 0 {
		return nil
	}
	return p.send(whole)
}

// tooLong deals with a buffer that holds no whole row: if it has grown past
// what a row may be, the row is reported, and skipped where its end can be told.
func (p *pump) tooLong(final bool) error {
	limit := rowBytesMax
	if p.format == Arrow {
		limit = arrowBytesMax
	}
	if final || len(p.buf) <= max(limit, p.options.BodyBytes) {
		return nil
	}
	err := fmt.Errorf("a row is longer than %d MiB", limit>>20)
	switch p.cutter.(type) {
	case lineCutter, *ndjsonCutter: // buf is one line
	default:
		return err
	}
	p.sink.Reject(fmt.Sprintf("%s:%d", p.name, p.firstLine), err)
	p.buf, p.skipping = p.buf[:0], true
	return nil
}

// send makes a body of whole rows.
func (p *pump) send(whole []byte) error {
	b := &Body{Source: p.name, Type: client.TypeNDJSON, Bytes: whole}
	switch {
	case p.loose != nil:
		b.Bytes = convertLoose(p.lines, whole, p.loose.take())
		b.place = placeByLine(p.name, b.Bytes, p.firstLine)
	case p.lines != nil:
		var index []int32
		b.Bytes, index = convert(p.lines, whole)
		b.place = placeByIndex(p.name, index, p.firstLine)
	case p.format == NDJSON:
		b.place = placeByLine(p.name, whole, p.firstLine)
	default:
		b.Type = p.format.mediaType()
		b.place = placeByRow(p.name, p.bodies)
		if prefix, suffix := p.cutter.prefix(), p.cutter.suffix(); len(prefix)+len(suffix) > 0 {
			b.Bytes = bytes.Join([][]byte{prefix, whole, suffix}, nil)
		}
	}
	p.firstLine += int64(bytes.Count(whole, []byte{'\n'}))
	if len(bytes.TrimSpace(b.Bytes)) == 0 {
		return nil
	}
	p.bodies++
	return p.sink.Body(b)
}

// enough tells whether the format can be told from the bytes; with a format
// that is given, which kind of it they are.
func enough(buf []byte, f Format) bool {
	switch {
	case len(buf) < 8 && (f == Arrow || f == Auto && bytes.HasPrefix(buf, arrowFileStart)):
		return false
	case f != Auto || len(buf) >= sampleBytes:
		return true
	}
	return bytes.IndexByte(buf, '\n') >= 0 || bytes.HasPrefix(buf, arrowStart) || bytes.HasPrefix(buf, arrowFileStart) || startsParquet(buf)
}

// choose settles the format once some bytes are there.
func (p *pump) choose() error {
	sample := p.buf[:min(len(p.buf), sampleBytes)]
	if p.options.Follow && compressed(sample) {
		return errors.New("a compressed file cannot be followed")
	}
	p.format = p.options.Format
	if p.format == Auto {
		var err error
		if p.format, err = Detect(p.name, sample); err != nil {
			return err
		}
	}
	if p.format == Parquet {
		if p.options.Follow {
			return errParquetFollow
		}
		var err error
		p.spool, err = newSpool()
		return err
	}
	p.cutter = p.format.cutter()
	if p.format == Arrow && bytes.HasPrefix(p.buf, arrowFileStart) {
		p.buf = p.buf[min(8, len(p.buf)):] // padding follows
		p.cutter = &arrowCutter{file: true}
	}
	p.lines = p.format.converter(p.options.Now)
	if p.options.Format == Auto {
		p.guess()
	}
	return nil
}

// guess allows for lines that are not of the format that was told from the
// first of them.
func (p *pump) guess() {
	switch p.format {
	case NDJSON:
		p.loose = &ndjsonCutter{}
		p.cutter = p.loose
		p.lines = ingest.NewLineParser(ingest.LinePlain, p.options.Now)
	case Format(ingest.LinePlain.String()):
		p.lines = ingest.NewLineParser(ingest.LineMixed, p.options.Now)
	}
}
