package ingest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gzipped(data []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(data)
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func zstded(data []byte, o ...zstd.EOption) []byte {
	w, err := zstd.NewWriter(nil, o...)
	if err != nil {
		panic(err)
	}
	return w.EncodeAll(data, nil)
}

func TestBody(t *testing.T) {
	text := []byte(strings.Repeat("the body of a request ", 10_000))
	f := func(data []byte, encoding string, want []byte) {
		t.Helper()
		body, err := Body(iotest.HalfReader(bytes.NewReader(data)), encoding)
		if err != nil {
			t.Errorf("%q: %v", encoding, err)
			return
		}
		got, err := io.ReadAll(body)
		if err = errors.Join(err, body.Close()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: got %d bytes and %v, want %d", encoding, len(got), err, len(want))
		}
	}
	f(text, "", text)
	f(text, "identity", text)
	f(gzipped(text), "gzip", text)
	f(gzipped(text), " GZip ", text)
	f(append(gzipped(text), gzipped(text)...), "gzip", append(text[:len(text):len(text)], text...))
	f(zstded(text), "zstd", text)
	f(append(zstded(text), zstded(text)...), "zstd", append(text[:len(text):len(text)], text...))
	f(zstded(gzipped(text)), "gzip, zstd", text)
	f(gzipped(zstded(text)), "zstd,identity, gzip", text)
	f(nil, "gzip", nil)
	f(nil, "zstd", nil)
}

func TestBodyFails(t *testing.T) {
	text := []byte(strings.Repeat("the body of a request ", 10_000))
	f := func(data []byte, encoding, want string) {
		t.Helper()
		body, err := Body(bytes.NewReader(data), encoding)
		if err == nil {
			_, err = io.Copy(io.Discard, body)
			if e := body.Close(); e != nil {
				t.Errorf("close: %v", e)
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", encoding, err, want)
		}
	}
	f(text, "br", `cannot undo content encoding "br": send identity, gzip or zstd`)
	f(text, "gzip,gzip,gzip,gzip,gzip", "at most 4 can be stacked")
	f(text, "gzip", "the body is not gzip")
	f(text, "zstd", "the body is not zstd")
	cut := gzipped(text)
	f(cut[:len(cut)-5], "gzip", "the gzip body is cut short")
	cut[len(cut)-6]++
	f(cut, "gzip", "the gzip body is damaged")
	cut = zstded(text)
	f(cut[:len(cut)-5], "zstd", "the zstd body is cut short")
	f(zstded(bytes.Repeat(text, 500), zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false)), "zstd", "a window of more than 32 MiB")

	// A fault of the network is not one of the data.
	broken := errors.New("connection lost")
	for _, encoding := range []string{"gzip", "zstd", "zstd, gzip"} {
		body, err := Body(iotest.ErrReader(broken), encoding)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(body); !errors.Is(err, broken) {
			t.Errorf("%q: got %v, want %v", encoding, err, broken)
		}
	}
}
