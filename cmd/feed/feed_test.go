package feed

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kelpdb/kelp/cmd/client"
)

// collected is what a source turned into.
type collected struct {
	mu      sync.Mutex
	bodies  []*Body
	rejects []string
}

func (c *collected) sink() Sink {
	return Sink{
		Body: func(b *Body) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.bodies = append(c.bodies, b)
			return nil
		},
		Reject: func(place string, err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.rejects = append(c.rejects, place+" "+err.Error())
		},
	}
}

func (c *collected) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []byte
	for _, b := range c.bodies {
		all = append(all, b.Bytes...)
	}
	return string(all)
}

// trickle hands out a few bytes at a time, so that rows are cut everywhere.
type trickle struct {
	r      io.Reader
	random *rand.Rand // nil: a byte at a time
}

func (t trickle) Read(p []byte) (int, error) {
	if t.random == nil {
		return t.r.Read(p[:1])
	}
	return t.r.Read(p[:1+t.random.IntN(min(len(p), 40))])
}

func readAllOf(t *testing.T, name, text string, o Options) *collected {
	t.Helper()
	c := &collected{}
	o.Idle = time.Hour // bodies end by size alone
	in := trickle{strings.NewReader(text), rand.New(rand.NewPCG(uint64(o.BodyBytes), 3))}
	if o.BodyBytes == 1 {
		in.random = nil
	}
	if err := Read(context.Background(), name, in, o, c.sink()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}

// However a source is cut, its bodies hold all rows once, and each body is
// whole rows.
func TestLinesSurviveCutting(t *testing.T) {
	var text strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&text, `{"n":%d,"s":"%s"}`+"\n", i, strings.Repeat("x", i%50))
	}
	all := strings.TrimSuffix(text.String(), "\n") // the last line has no newline
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := &collected{}
		o := Options{BodyBytes: 1 + random.IntN(9000), Idle: time.Hour}
		if err := Read(context.Background(), "in", trickle{strings.NewReader(all), random}, o, c.sink()); err != nil {
			t.Fatal(err)
		}
		if c.text() != all {
			t.Fatalf("seed %d: the bodies together are not the source", seed)
		}
		for i, b := range c.bodies {
			if b.Type != client.TypeNDJSON || i < len(c.bodies)-1 && b.Bytes[len(b.Bytes)-1] != '\n' {
				t.Fatalf("seed %d: body %d of type %s ends within a row: ...%q", seed, i, b.Type, b.Bytes[max(0, len(b.Bytes)-20):])
			}
		}
	}
}

func TestPlacesAreLines(t *testing.T) {
	text := "{\"a\":1}\n\n{\"a\":2}\r\n   \nnot json\n{\"a\":4}"
	for size := 1; size < 60; size += 7 {
		c := readAllOf(t, "app.log", text, Options{BodyBytes: size, Format: NDJSON})
		var places []string
		for _, b := range c.bodies {
			row := int64(0)
			for line := range strings.Lines(string(b.Bytes)) {
				if strings.TrimSpace(line) != "" {
					row++
					places = append(places, b.Place(row))
				}
			}
		}
		if got, want := fmt.Sprint(places), "[app.log:1 app.log:3 app.log:5 app.log:6]"; got != want {
			t.Errorf("bodies of %d bytes: %s, want %s", size, got, want)
		}
	}
}

func TestJSONOverManyLines(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		for size := 1; size < len(text)+2; size += 3 {
			random := rand.New(rand.NewPCG(uint64(size), 2))
			if size == 1 {
				random = nil
			}
			c := &collected{}
			err := Read(context.Background(), "in", trickle{strings.NewReader(text), random}, Options{BodyBytes: size, Idle: time.Hour, Format: JSON}, c.sink())
			if err != nil {
				t.Fatal(err)
			}
			var rows []string
			for _, b := range c.bodies {
				rows = append(rows, strings.Fields(strings.ReplaceAll(string(b.Bytes), "}{", "} {"))...)
			}
			if fmt.Sprint(rows) != fmt.Sprint(want) {
				t.Errorf("%q in bodies of %d bytes: %q, want %q", text, size, rows, want)
			}
			if size == 1 && len(c.bodies) < len(want) {
				t.Errorf("%q: %d rows in only %d bodies", text, len(want), len(c.bodies))
			}
		}
	}
	f(`[{"a":1},{"a":[1,2]},{"b":"]"}]`, `{"a":1}`, `{"a":[1,2]}`, `{"b":"]"}`)
	f(` [ {"a":"}\"{"} , {"b":{"c":[{}]}} ] `, `{"a":"}\"{"}`, `{"b":{"c":[{}]}}`)
	f("{\"a\":1}{\"a\":2}\n\n{\"a\":3}", `{"a":1}`, `{"a":2}`, `{"a":3}`)
	f(`[]`)
}

func TestCSVBodiesStandAlone(t *testing.T) {
	header, rows := "id,text\n", []string{"1,plain\n", "2,\"two\nlines\"\n", "3,\"a \"\"quote\"\", and\nmore\"\n", "4,5\" disk\n", "5,last"}
	text := header + strings.Join(rows, "")
	for size := 1; size < len(text)+10; size++ {
		c := readAllOf(t, "in.csv", text, Options{BodyBytes: size})
		got := ""
		for i, b := range c.bodies {
			if b.Type != client.TypeCSV || !bytes.HasPrefix(b.Bytes, []byte(header)) {
				t.Fatalf("size %d: body %d has no header: %q", size, i, b.Bytes)
			}
			got += string(b.Bytes[len(header):])
		}
		if got != strings.Join(rows, "") {
			t.Fatalf("size %d: rows %q", size, got)
		}
		if size == 1 && len(c.bodies) < len(rows) {
			t.Errorf("%d rows in only %d bodies", len(rows), len(c.bodies))
		}
	}
}

func TestCompressed(t *testing.T) {
	text := strings.Repeat(`{"a":1}`+"\n", 1000)
	var z, g bytes.Buffer
	zw, _ := zstd.NewWriter(&z)
	io.WriteString(zw, text)
	zw.Close()
	for range 2 { // two members, as logrotate and pigz leave them
		gw := gzip.NewWriter(&g)
		io.WriteString(gw, text[:len(text)/2])
		gw.Close()
	}
	for name, data := range map[string]string{"a.zst": z.String(), "a.gz": g.String(), "no-suffix": g.String()} {
		if got := readAllOf(t, name, data, Options{}).text(); got != text {
			t.Errorf("%s: %d bytes, want %d", name, len(got), len(text))
		}
		c := &collected{}
		err := Read(context.Background(), name, strings.NewReader(data[:len(data)-3]), Options{}, c.sink())
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s cut short: error %v", name, err)
		}
	}
}

func TestWhatIsNotSupported(t *testing.T) {
	f := func(head, want string) {
		t.Helper()
		c := &collected{}
		err := Read(context.Background(), "file", strings.NewReader(head+"\x00\x01\n"), Options{}, c.sink())
		if err == nil || !strings.Contains(err.Error(), want) || len(c.bodies) > 0 {
			t.Errorf("%q: error %v, want %q; %d bodies", head, err, want, len(c.bodies))
		}
	}
	f("FEA1", "Feather of version 1")
	f("BZh91AY", "bzip2 -dc")
	f("\xfd7zXZ\x00", "xz -dc")
	if _, err := ParseFormat("nonsense"); err == nil || !strings.Contains(err.Error(), "ndjson") {
		t.Errorf("--format nonsense: %v", err)
	}
}

// A line longer than a row may be is reported and skipped; its neighbours are
// not touched, and memory stays bounded.
func TestEndlessLine(t *testing.T) {
	long := io.MultiReader(strings.NewReader("{\"a\":1}\n"), io.LimitReader(zeros{}, 100<<20), strings.NewReader("\n{\"a\":2}\n"))
	c := &collected{}
	if err := Read(context.Background(), "in", long, Options{Idle: time.Hour, Format: NDJSON, BodyBytes: 1 << 20}, c.sink()); err != nil {
		t.Fatal(err)
	}
	if c.text() != "{\"a\":1}\n{\"a\":2}\n" {
		t.Errorf("rows %.100q", c.text())
	}
	if len(c.rejects) != 1 || c.rejects[0] != "in:2 a row is longer than 4 MiB" {
		t.Errorf("rejects %q", c.rejects)
	}
	if place := c.bodies[len(c.bodies)-1].Place(1); place != "in:3" {
		t.Errorf("the row behind it stands at %s, want in:3", place)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// What arrives slowly goes out without waiting for a body to be full.
func TestSlowSourceIsNotHeldBack(t *testing.T) {
	r, w := io.Pipe()
	c := &collected{}
	ended := make(chan error)
	go func() {
		ended <- Read(context.Background(), "in", r, Options{Idle: 5 * time.Millisecond}, c.sink())
	}()
	io.WriteString(w, "{\"a\":1}\n{\"a\"")
	waitFor(t, func() bool { return c.text() == "{\"a\":1}\n" })
	io.WriteString(w, ":2}")
	w.Close()
	if err := <-ended; err != nil || c.text() != "{\"a\":1}\n{\"a\":2}" {
		t.Errorf("error %v, rows %q", err, c.text())
	}
}

func waitFor(t *testing.T, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !met(); {
		if time.Now().After(deadline) {
			t.Fatal("waited 10 s in vain")
		}
		time.Sleep(time.Millisecond)
	}
}

// followed runs ReadFile with Follow until stop, which returns its error.
func followed(t *testing.T, path string, fromEnd bool) (c *collected, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	c = &collected{}
	ended := make(chan error, 1)
	go func() {
		o := Options{Format: NDJSON, Follow: true, FromEnd: fromEnd, Idle: 2 * time.Millisecond, Poll: time.Millisecond}
		ended <- ReadFile(ctx, path, o, c.sink())
	}()
	return c, func() error { cancel(); return <-ended }
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	c, stop := followed(t, path, false)
	sees := func(want string) {
		t.Helper()
		waitFor(t, func() bool { return c.text() == want })
	}
	appendTo(t, path, "one\ntwo\n") // the file appears later
	sees("one\ntwo\n")
	appendTo(t, path, "thr")
	appendTo(t, path, "ee\n")
	sees("one\ntwo\nthree\n")

	// Rotation: the old file still gets a line after it was renamed.
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, path+".1", "four\n")
	sees("one\ntwo\nthree\nfour\n")
	appendTo(t, path, "five\n")
	sees("one\ntwo\nthree\nfour\nfive\n")

	// Truncation, by copytruncate.
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // a truncation that nobody looked at cannot be told from growth
	appendTo(t, path, "six\nlast")
	sees("one\ntwo\nthree\nfour\nfive\nsix\n")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	sees("one\ntwo\nthree\nfour\nfive\nsix\nlast")
}

// TestFollowOverwritten: a file that is overwritten in place is read anew, be
// it as long as before or longer, and a warning says so.
func TestFollowOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	appendTo(t, path, "one\ntwo\n")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := &collected{}
	sink := c.sink()
	warned := make(chan string, 8)
	sink.Warn = func(text string) { warned <- text }
	ended := make(chan error, 1)
	go func() {
		ended <- ReadFile(ctx, path, Options{Format: NDJSON, Follow: true, Idle: 2 * time.Millisecond, Poll: time.Millisecond}, sink)
	}()
	waitFor(t, func() bool { return c.text() == "one\ntwo\n" })
	overwrite := func(text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt([]byte(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { // the clock of the file system is coarse
		overwrite("uno\ndos\n")
		after, err := os.Stat(path)
		return err == nil && !after.ModTime().Equal(before.ModTime())
	})
	waitFor(t, func() bool { return c.text() == "one\ntwo\nuno\ndos\n" })
	overwrite("eins\nzwei\ndrei\n")
	waitFor(t, func() bool { return c.text() == "one\ntwo\nuno\ndos\neins\nzwei\ndrei\n" })
	for range 2 {
		if text := <-warned; !strings.Contains(text, "overwritten") {
			t.Errorf("warning %q", text)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A line that a rotation cut off does not run into the next file's first.
func TestFollowKeepsFilesApart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	appendTo(t, path, "one\ncut")
	c, stop := followed(t, path, false)
	waitFor(t, func() bool { return c.text() == "one\n" })
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, path, "two\n")
	waitFor(t, func() bool { return c.text() == "one\ncut\ntwo\n" })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

func TestFollowFromEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	appendTo(t, path, "old\n")
	c, stop := followed(t, path, true)
	for i := 0; c.text() == ""; i++ { // until the follower has opened it
		appendTo(t, path, fmt.Sprintf("new %d\n", i))
		time.Sleep(time.Millisecond)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if text := c.text(); strings.Contains(text, "old") {
		t.Errorf("what the file held before was sent: %q", text)
	}
}

func TestFollowRefusesCompressed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log.gz")
	appendTo(t, path, "\x1f\x8b\x08\x00\n\n")
	_, stop := followed(t, path, false)
	waitFor(t, func() bool { return true })
	time.Sleep(30 * time.Millisecond)
	if err := stop(); err == nil || !strings.Contains(err.Error(), "cannot be followed") {
		t.Errorf("error %v", err)
	}
}
