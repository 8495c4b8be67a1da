package ingest

import (
	"bufio"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Body undoes a Content-Encoding: identity, gzip, zstd, or several of them in
// the order they were applied, separated by commas. It holds a window of the
// text, never the whole. The caller closes what is returned, and r himself.
func Body(r io.Reader, contentEncoding string) (io.ReadCloser, error) {
	var names []string
	for name := range strings.SplitSeq(contentEncoding, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "" && name != "identity" {
			names = append(names, name)
		}
	}
	if len(names) > encodingsMax {
		return nil, fmt.Errorf("cannot undo %d content encodings: at most %d can be stacked", len(names), encodingsMax)
	}
	body := io.NopCloser(r)
	for i := len(names) - 1; i >= 0; i-- {
		var layer io.ReadCloser
		var err error
		switch names[i] {
		case "gzip", "x-gzip":
			layer = &gzipBody{in: bufio.NewReader(body)}
		case "zstd":
			layer, err = newZstdBody(body)
		default:
			err = fmt.Errorf("cannot undo content encoding %q: send identity, gzip or zstd", names[i])
		}
		if err != nil {
			return nil, errors.Join(err, body.Close())
		}
		body = &stackedBody{ReadCloser: layer, below: body}
	}
	return body, nil
}

// stackedBody closes what it reads from as well.
type stackedBody struct {
	io.ReadCloser
	below io.Closer
}

func (s *stackedBody) Close() error { return errors.Join(s.ReadCloser.Close(), s.below.Close()) }

// gzipBody opens its stream at the first read, so that Body itself does not
// wait for the sender, and an empty body is an empty text.
type gzipBody struct {
	in  *bufio.Reader
	zip *gzip.Reader
}

func (g *gzipBody) Read(p []byte) (int, error) {
	if g.zip == nil {
		if _, err := g.in.Peek(1); err != nil {
			return 0, err
		}
		zip, err := gzip.NewReader(g.in)
		if err != nil {
			return 0, gzipError(err)
		}
		g.zip = zip
	}
	n, err := g.zip.Read(p)
	return n, gzipError(err)
}

func (g *gzipBody) Close() error {
	if g.zip == nil {
		return nil
	}
	return g.zip.Close()
}

func gzipError(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case err == nil, err == io.EOF:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &bodyFault{"the gzip body is cut short", err}
	case errors.Is(err, gzip.ErrHeader):
		return &bodyFault{"the body is not gzip", err}
	case errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return &bodyFault{"the gzip body is damaged", err}
	}
	return err
}

// bodyFault says in plain words what a decoder says in its own.
type bodyFault struct {
	text  string
	cause error
}

func (e *bodyFault) Error() string { return e.text }
func (e *bodyFault) Unwrap() error { return e.cause }

// zstdBody names the encoding in errors of the data.
type zstdBody struct {
	*zstd.Decoder
	in *faultReader
}

// faultReader remembers the error of the reader below.
type faultReader struct {
	io.Reader
	err error
}

func (f *faultReader) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

func newZstdBody(r io.Reader) (io.ReadCloser, error) {
	in := &faultReader{Reader: r}
	d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindowMax))
	if err != nil {
		return nil, fmt.Errorf("cannot read the body as zstd: %w", err)
	}
	return zstdBody{d, in}, nil
}

func (z zstdBody) Read(p []byte) (int, error) {
	n, err := z.Decoder.Read(p)
	if err == nil || err == io.EOF || z.in.err != nil {
		return n, err
	}
	return n, zstdError(err)
}

func zstdError(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &bodyFault{"the zstd body is cut short", err}
	case errors.Is(err, zstd.ErrMagicMismatch):
		return &bodyFault{"the body is not zstd", err}
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return &bodyFault{fmt.Sprintf("the zstd body needs a window of more than %d MiB: compress it without --long", zstdWindowMax>>20), err}
	}
	return &bodyFault{"the zstd body is damaged", err}
}

func (z zstdBody) Close() error {
	z.Decoder.Close()
	return nil
}
