package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// raggedReader returns reads of random sizes.
type raggedReader struct {
	data []byte
	rand *rand.Rand
}

func (r *raggedReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.rand.IntN(3000))], r.data)
	r.data = r.data[n:]
	return n, nil
}

// sameHoweverRead decodes a body read at once, by byte, at random, and by
// decoders that have read others, and wants the same chunks.
func sameHoweverRead(t *testing.T, body []byte, o Options) {
	t.Helper()
	tell := func(chunks []*Chunk, err error) string {
		var text strings.Builder // few bytes can claim tens of thousands of rows, in as many chunks
		fmt.Fprintln(&text, err)
		for _, c := range chunks {
			fmt.Fprintf(&text, "%d %x %d %d\n%s\n", c.Index, c.Digest, c.Accepted, c.Rejected, render([]*Chunk{c}))
		}
		return text.String()
	}
	describe := func(r io.Reader) string { return tell(chunksOf(r, o)) }
	want := describe(bytes.NewReader(body))
	if got := describe(iotest.OneByteReader(bytes.NewReader(body))); got != want {
		t.Errorf("%.300q read by byte:\n got %.2000s\nwant %.2000s", body, got, want)
	}
	seed := rand.Uint64()
	if got := describe(&raggedReader{body, rand.New(rand.NewPCG(seed, 0))}); got != want {
		t.Errorf("%.300q read at random (seed %d):\n got %.2000s\nwant %.2000s", body, seed, got, want)
	}
	var worn Pool
	for range 2 {
		pooled(&worn, strings.NewReader(`{"b":"x","a":{"a":1}}{"a":[1],"time":"2026-01-01","new":null}[`), o, tell)
		if got := pooled(&worn, bytes.NewReader(body), o, tell); got != want {
			t.Errorf("%.300q in a worn decoder:\n got %.2000s\nwant %.2000s", body, got, want)
		}
	}
}

func TestChunksDoNotDependOnReads(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var body bytes.Buffer
	for i := range 1500 {
		switch rng.IntN(40) {
		case 0:
			body.WriteString("{\"bad\":\n")
		case 1:
			body.WriteString("[{\"in\":1},\n{\"array\":\"\xff\"}]")
		case 2:
			fmt.Fprintf(&body, "{\"long\":%q}", strings.Repeat("x", rng.IntN(100_000)))
		case 3:
			fmt.Fprintf(&body, "{\"new%d\":{\"a\":[\"é\",\"\\ud83d\\ude00\"]}}", i)
		default:
			fmt.Fprintf(&body, "{\"time\":%d,\"a\":%d.5,\"b\":\"text %d\",\"c\":null,\"d\":true}\n", 1700000000+i, i, i)
		}
	}
	o := testOptions(JSON)
	o.ChunkRows = 300
	sameHoweverRead(t, body.Bytes(), o)
	o.ChunkRows, o.ChunkBytes = 0, 200_000
	sameHoweverRead(t, body.Bytes(), o)
}

func TestChunkLimits(t *testing.T) {
	sizes := func(body string, rows, bytes int) (got []int) {
		o := testOptions(JSON)
		o.ChunkRows, o.ChunkBytes = rows, bytes
		chunks, err := chunksOf(strings.NewReader(body), o)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range chunks {
			if c.Index != uint32(i) {
				t.Errorf("chunk %d has index %d", i, c.Index)
			}
			got = append(got, int(c.Accepted))
		}
		return got
	}
	f := func(body string, rows, bytes int, want ...int) {
		t.Helper()
		if got := sizes(body, rows, bytes); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%.100q by %d rows, %d bytes: got %v, want %v", body, rows, bytes, got, want)
		}
	}
	ten := strings.Repeat("{\"a\":1}\n", 10)
	f(ten, 4, 0, 4, 4, 2)
	f(ten, 5, 0, 5, 5)
	f(ten, 0, 8, 2, 1, 1, 1, 1, 1, 1, 1, 1) // the newline before a row counts with it
	f(ten, 0, 9, 2, 2, 2, 2, 2)
	f(ten, 0, 7, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
	f(strings.Repeat("{}", 65_537), 0, 0, 65_536, 1)

	// Every row brings new names: the chunk ends before it holds too many.
	var wide strings.Builder
	for i := range 10 {
		wide.WriteString("{\"x\":1")
		for k := range 3000 {
			fmt.Fprintf(&wide, ",\"r%d_%d\":%d", i, k, k)
		}
		wide.WriteString("}\n")
	}
	f(wide.String(), 0, 0, 6, 4)
	sameHoweverRead(t, []byte(wide.String()), testOptions(JSON))

	_, err := NewDecoder(nil, Options{ChunkRows: 65_537})
	if err == nil {
		t.Error("65,537 rows a chunk are not refused")
	}
}

func TestDigestTellsBodiesApart(t *testing.T) {
	digest := func(body string) uint64 {
		chunks, err := chunksOf(strings.NewReader(body), testOptions(JSON))
		if err != nil || len(chunks) != 1 {
			t.Fatal(err, len(chunks))
		}
		return chunks[0].Digest
	}
	if digest(`{"a":1}`) == digest(`{"a":2}`) || digest(`{"a":1}x`) == digest(`{"a":1}y`) {
		t.Error("two bodies have one digest")
	}
}

func TestNextFails(t *testing.T) {
	// What breaks off is not acknowledged; the chunks before are.
	broken := errors.New("connection lost")
	o := testOptions(JSON)
	o.ChunkRows = 2
	row := `{"a":"` + strings.Repeat("x", readBytesMax) + `"}`
	r := io.MultiReader(strings.NewReader(strings.Repeat(row, 5)), iotest.ErrReader(broken))
	chunks, err := chunksOf(r, o)
	if !errors.Is(err, broken) || len(chunks) == 0 {
		t.Errorf("got %d chunks and %v, want some and %v", len(chunks), err, broken)
	}
	d, err := NewDecoder(strings.NewReader(`{"a":1}`), testOptions(JSON))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: got %v", err)
	}
}
