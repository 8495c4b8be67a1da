package feed

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/ipc"
)

// arrowFile makes a file of a stream, with the mark of its end or without.
func arrowFile(stream []byte, marked bool) []byte {
	if !marked {
		stream = stream[:len(stream)-8]
	}
	footer := bytes.Repeat([]byte{16, 0, 0, 0}, 10)
	file := append([]byte("ARROW1\x00\x00"), stream...)
	file = append(file, footer...)
	return append(binary.LittleEndian.AppendUint32(file, uint32(len(footer))), "ARROW1"...)
}

func TestArrowFile(t *testing.T) {
	const batches, rows = 5, 4
	for _, marked := range []bool{true, false} {
		file := arrowFile(arrowStream(t, batches, rows), marked)
		for _, format := range []Format{Auto, Arrow} {
			for size := 1; size < len(file); size += 97 {
				c := &collected{}
				in := trickle{bytes.NewReader(file), rand.New(rand.NewPCG(uint64(size), 5))}
				if size == 1 {
					in.random = nil
				}
				if err := Read(context.Background(), "in", in, Options{Format: format, BodyBytes: size, Idle: time.Hour}, c.sink()); err != nil {
					t.Fatalf("marked %v, bodies of %d: %v", marked, size, err)
				}
				n := 0
				for _, b := range c.bodies {
					r, err := ipc.NewReader(bytes.NewReader(b.Bytes))
					if err != nil {
						t.Fatal(err)
					}
					for r.Next() {
						n += int(r.Record().NumRows())
					}
				}
				if n != batches*rows {
					t.Fatalf("marked %v, bodies of %d: %d rows", marked, size, n)
				}
			}
		}
	}
}

// A file of Arrow's own writer: it has dictionaries, and compressed bodies.
func TestArrowFileOfArrow(t *testing.T) {
	r, err := ipc.NewReader(bytes.NewReader(arrowStream(t, 3, 5)))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []ipc.Option{ipc.WithLZ4(), ipc.WithZstd()} {
		var out seekable
		w, err := ipc.NewFileWriter(&out, ipc.WithSchema(r.Schema()), o)
		if err != nil {
			t.Fatal(err)
		}
		for r.Next() {
			if err := w.Write(r.Record()); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		c := &collected{}
		if err := Read(context.Background(), "in", bytes.NewReader(out.Bytes()), Options{}, c.sink()); err != nil || len(c.bodies) != 1 {
			t.Errorf("%d bodies, %v", len(c.bodies), err)
		}
	}
}

// seekable is a buffer that says where it is.
type seekable struct{ bytes.Buffer }

func (s *seekable) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		panic("only where it is")
	}
	return int64(s.Len()), nil
}

// A file of which a part is missing, at any place, is not taken for whole.
func TestArrowFileDamaged(t *testing.T) {
	stream := arrowStream(t, 3, 5)
	f := func(file []byte, wants ...string) {
		t.Helper()
		err := Read(context.Background(), "in", bytes.NewReader(file), Options{Format: Arrow}, (&collected{}).sink())
		for _, want := range wants {
			if err != nil && strings.Contains(err.Error(), want) {
				return
			}
		}
		t.Errorf("error %v, want one of %q", err, wants)
	}
	for _, marked := range []bool{true, false} {
		file := arrowFile(stream, marked)
		for n := 9; n < len(file); n++ {
			f(file[:n], "the end of this Arrow file is missing", "damaged")
		}
		// The mark of the end where a message begins.
		ends := bytes.Clone(file)
		second := bytes.Index(ends[16:], []byte{0xff, 0xff, 0xff, 0xff}) + 16
		copy(ends[second+4:], []byte{0, 0, 0, 0})
		f(ends, "its messages end before its footer begins")
		// No message where one should begin.
		copy(ends[second:], "what")
		f(ends, "its messages end before its footer begins")
	}
	f(append(bytes.Clone(stream), stream...), "something follows the end")
}
