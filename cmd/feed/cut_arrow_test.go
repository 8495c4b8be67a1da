package feed

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/kelpdb/kelp/cmd/client"
)

// arrowStream writes batches of rows with an integer and a dictionary of text.
func arrowStream(t testing.TB, batches, rows int) []byte {
	t.Helper()
	kind := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "s", Type: kind}}, nil)
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	for b := range batches {
		r := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := range rows {
			r.Field(0).(*array.Int64Builder).Append(int64(b*rows + i))
			if err := r.Field(1).(*array.BinaryDictionaryBuilder).AppendString([]string{"x", "y", "z"}[i%3]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Write(r.NewRecord()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Each body is a stream of its own; together they hold all rows once.
func TestArrowBodiesAreStreams(t *testing.T) {
	const batches, rows = 9, 5
	text := arrowStream(t, batches, rows)
	for size := 1; size < len(text)+100; size += 61 {
		c := &collected{}
		in := trickle{bytes.NewReader(text), rand.New(rand.NewPCG(uint64(size), 4))}
		if err := Read(context.Background(), "in", in, Options{BodyBytes: size, Idle: time.Hour}, c.sink()); err != nil {
			t.Fatal(err)
		}
		next := int64(0)
		for i, b := range c.bodies {
			if b.Type != client.TypeArrow {
				t.Fatalf("size %d: body %d is %s", size, i, b.Type)
			}
			r, err := ipc.NewReader(bytes.NewReader(b.Bytes))
			if err != nil {
				t.Fatalf("size %d: body %d of %d: %v", size, i, len(c.bodies), err)
			}
			for r.Next() {
				for k := range int(r.Record().NumRows()) {
					n := r.Record().Column(0).(*array.Int64).Value(k)
					s := r.Record().Column(1).ValueStr(k)
					if n != next || s != []string{"x", "y", "z"}[n%rows%3] {
						t.Fatalf("size %d: row %d is (%d, %s)", size, next, n, s)
					}
					next++
				}
			}
			if r.Err() != nil {
				t.Fatalf("size %d: body %d: %v", size, i, r.Err())
			}
		}
		if next != batches*rows {
			t.Fatalf("size %d: %d rows, want %d", size, next, batches*rows)
		}
		if size == 1 && len(c.bodies) < batches {
			t.Errorf("a stream of %d batches gave only %d bodies", batches, len(c.bodies))
		}
	}
}

func TestArrowDamaged(t *testing.T) {
	text := arrowStream(t, 3, 5)
	f := func(name string, damaged []byte, want string) {
		t.Helper()
		c := &collected{}
		err := Read(context.Background(), "in", bytes.NewReader(damaged), Options{Format: Arrow}, c.sink())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
	f("cut short", text[:len(text)-20], "breaks off")
	f("not Arrow", []byte("{\"a\":1}\n"), "FFFFFFFF")
	huge := bytes.Clone(text)
	copy(huge[4:], []byte{0xff, 0xff, 0xff, 0x7f})
	f("huge metadata", huge, "limit")
	// Any flipped byte: an error or bodies, never a panic.
	for at := range len(text) {
		damaged := bytes.Clone(text)
		damaged[at] ^= 0xff
		c := &collected{}
		_ = Read(context.Background(), fmt.Sprint(at), bytes.NewReader(damaged), Options{Format: Arrow}, c.sink())
	}
}

func FuzzArrowMessage(f *testing.F) {
	f.Add(arrowStream(f, 1, 2))
	f.Fuzz(func(t *testing.T, text []byte) {
		if n, _, err := arrowMessage(text); err == nil && (n < 8 || n > len(text)) {
			t.Fatalf("a message of %d bytes in %d", n, len(text))
		}
	})
}
