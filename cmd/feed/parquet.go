package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/kelpdb/kelp/cmd/client"
	"github.com/kelpdb/kelp/cmd/parquet"
)

var (
	parquetStart     = []byte("PAR1")
	parquetEncrypted = []byte("PARE")
)

var errParquetFollow = errors.New("a Parquet file cannot be followed: its end says what it holds")

// asFile returns r if it is a Parquet file that can be read in place: its
// reading begins at its end.
func asFile(r io.Reader, o Options) (f *os.File, size int64, ok bool) {
	f, ok = r.(*os.File)
	if !ok {
		return nil, 0, false
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, 0, false
	}
	if at, err := f.Seek(0, io.SeekCurrent); err != nil || at != 0 {
		return nil, 0, false
	}
	head := make([]byte, 8)
	n, _ := f.ReadAt(head, 0)
	isParquet := o.Format == Parquet && !compressed(head[:n]) || o.Format == Auto && startsParquet(head[:n])
	return f, info.Size(), isParquet
}

// startsParquet tells whether a source is Parquet by its first bytes. That of
// an encrypted file is also how a word begins, so a byte that is no text must
// follow.
func startsParquet(head []byte) bool {
	if bytes.HasPrefix(head, parquetEncrypted) {
		return bytes.IndexByte(head[:min(8, len(head))], 0) > 0
	}
	return bytes.HasPrefix(head, parquetStart)
}

// readParquet sends a file part by part. read is how many of its bytes count as
// read, by the rows that were; it may be nil.
func readParquet(ctx context.Context, name string, r io.ReaderAt, size int64, o Options, sink Sink, read *atomic.Int64) error {
	p, err := parquet.Open(r, size, parquet.Options{Bytes: o.BodyBytes})
	if err != nil {
		return err
	}
	defer p.Close()
	counted := int64(0)
	for {
		part, err := p.Next(ctx)
		if errors.Is(err, io.EOF) {
			if read != nil {
				read.Add(size - counted)
			}
			return nil
		}
		if err != nil {
			return err
		}
		err = sink.Body(&Body{Source: name, Type: client.TypeArrow, Bytes: part.Stream, place: placeFrom(name, part.FirstRow)})
		if err != nil {
			return err
		}
		if read != nil {
			n := int64(float64(size) * float64(part.FirstRow+int64(part.Rows)) / float64(p.Rows()))
			read.Add(n - counted)
			counted = n
		}
	}
}

// spool keeps a Parquet file that comes as a stream: what it holds is only known
// at its end. The file has no name, so nothing is left of it after a crash.
type spool struct {
	file *os.File
	size int64
}

func newSpool() (*spool, error) {
	f, err := os.CreateTemp("", "kelp-ingest-*.parquet")
	if err != nil {
		return nil, fmt.Errorf("a Parquet file that does not come from a file must be kept until its end: %w (TMPDIR says where)", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &spool{file: f}, nil
}

func (s *spool) write(b []byte) error {
	n, err := s.file.Write(b)
	s.size += int64(n)
	if err != nil {
		return fmt.Errorf("a Parquet file that does not come from a file must be kept until its end: %w (TMPDIR says where)", err)
	}
	return nil
}

func (s *spool) close() {
	if s != nil {
		s.file.Close() // only ours, and no longer needed
	}
}
