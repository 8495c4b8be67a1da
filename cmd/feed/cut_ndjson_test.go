package feed

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
)

func testNow() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// bodiesOf checks what a source of any format becomes, however it is cut:
// bodies of at least sizeMin bytes, in which want is found line by line, and
// each line's place.
func bodiesOf(t *testing.T, text string, sizeMin int, want ...string) {
	t.Helper()
	for size := sizeMin; size < len(text)+2; size++ {
		c := readAllOf(t, "f", text, Options{BodyBytes: size, Now: testNow})
		var got []string
		for _, b := range c.bodies {
			if b.Type != client.TypeNDJSON {
				t.Fatalf("%q: type %s", text, b.Type)
			}
			row := int64(0)
			for line := range strings.Lines(string(b.Bytes)) {
				if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
					row++
					got = append(got, strings.TrimPrefix(b.Place(row), "f:")+" "+line)
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q in bodies of %d bytes:\n got %q\nwant %q", text, size, got, want)
		}
	}
}

// Lines between those of JSON are kept as plain ones.
func TestLooseLinesAmongJSON(t *testing.T) {
	f := func(text string, want ...string) { t.Helper(); bodiesOf(t, text, 1, want...) }
	f("{\"a\":1}\nplain words here\n", `1 {"a":1}`, `2 {"message":"plain words here"}`)
	f("{\"a\":1}\n\n2026-11-22T01:02:03Z ERROR x\r\n{\"a\":2}\nend",
		`1 {"a":1}`, `3 {"time":"2026-11-22T01:02:03Z","level":"ERROR","message":"2026-11-22T01:02:03Z ERROR x"}`, `4 {"a":2}`, `5 {"message":"end"}`)
	f("\xef\xbb\xbf{\"a\":1}\n\tat a.b.C\n[info] it works\n\"x\"\n42\n",
		"1 \xef\xbb\xbf"+`{"a":1}`, `2 {"message":"\tat a.b.C"}`, `3 {"level":"info","message":"[info] it works"}`, `4 {"message":"\"x\""}`, `5 {"message":"42"}`)
	// A banner does not make a file of plain lines.
	f("a banner\n{\"a\":1}\n{\"a\":2}\n", `1 {"message":"a banner"}`, `2 {"a":1}`, `3 {"a":2}`)

	// What is broken is for the server to judge; what follows is not part of it.
	f("{\"a\":1}\n{broken\nwords\n{\"a\":\nwords\n", `1 {"a":1}`, `2 {broken`, `3 {"message":"words"}`, `4 {"a":`, `5 {"message":"words"}`)
	f("{\"a\":1}\n{\"a\":\"not closed\nwords\n", `1 {"a":1}`, `2 {"a":"not closed`, `3 {"message":"words"}`)
	f("{\"a\":1}\n{\"a\":\"not closed\n\"x\"\n", `1 {"a":1}`, `2 {"a":"not closed`, `3 {"message":"\"x\""}`)
	f("{\"a\":1}\n{\"a\":1,\n{\"a\":2}\nwords\n", `1 {"a":1}`, `2 {"a":1,`, `3 {"a":2}`, `4 {"message":"words"}`)
	f("{\"a\":1}\n{\"a\":[\n{\"a\":2}\nwords\n", `1 {"a":1}`, `2 {"a":[`, `3 {"a":2}`, `4 {"message":"words"}`)
	f("{\"a\":1}\n[{\"a\":2},{\"a\":3}]\n[1,2]\nwords\n", `1 {"a":1}`, `2 [{"a":2},{"a":3}]`, `3 [1,2]`, `4 {"message":"words"}`)
	f("{\"a\":1}\n{\"a\":2}}\n}\nwords\n", `1 {"a":1}`, `2 {"a":2}}`, `3 {"message":"}"}`, `4 {"message":"words"}`)
}

// An object may go on over lines; a body never ends within one.
func TestLooseLinesAroundLongObjects(t *testing.T) {
	objects := []string{
		"{\"a\":\"}\\\"{\"}", "{\n  \"a\": [\n1,\n{\"b\":\ntrue},\n[],\n-2.5e3\n],\n\n\"c\"\n:\nnull\n}", "{\"a\":{}\n,\"b\":\"x\"\n}", "[\n{\"a\":1},\n{\"a\":2}\n]",
	}
	text := objects[0] + "\nwords\n" + objects[1] + "\nnull\n" + objects[2] + "\n  words\n" + objects[3] + "\nwords"
	for size := 1; size < len(text)+2; size++ {
		words, all := 0, ""
		for _, b := range readAllOf(t, "f", text, Options{BodyBytes: size}).bodies {
			all += string(b.Bytes)
			d := json.NewDecoder(strings.NewReader(string(b.Bytes)))
			for d.More() {
				var v any
				if err := d.Decode(&v); err != nil {
					t.Fatalf("a body of %d bytes ends within a row: %v: %q", size, err, b.Bytes)
				}
				if row, ok := v.(map[string]any); ok && row["message"] != nil {
					words++
				}
			}
		}
		for _, o := range objects {
			if !strings.Contains(all, o) {
				t.Fatalf("bodies of %d bytes: %q was changed: %q", size, o, all)
			}
		}
		if words != 4 {
			t.Fatalf("bodies of %d bytes: %d plain lines: %q", size, words, all)
		}
	}
}

// An object that never ends does not hold back for ever what follows it.
func TestEndlessObjectAmongJSON(t *testing.T) {
	const elements = 600_000
	text := "{\"a\":1}\n{\"a\":[\n" + strings.Repeat("1234567,\n", elements) + strings.Repeat("x", 17<<20) + "\n{\"a\":2}\n"
	c := &collected{}
	if err := Read(t.Context(), "f", strings.NewReader(text), Options{BodyBytes: 1 << 20}, c.sink()); err != nil {
		t.Fatal(err)
	}
	last := c.bodies[len(c.bodies)-1]
	if string(last.Bytes) != "{\"a\":2}\n" || last.Place(1) != fmt.Sprintf("f:%d", elements+4) {
		t.Errorf("the last body stands at %s: %.100q", last.Place(1), last.Bytes)
	}
	if len(c.rejects) != 1 || c.rejects[0] != fmt.Sprintf("f:%d a row is longer than 4 MiB", elements+3) {
		t.Errorf("rejects %q", c.rejects)
	}
	for _, b := range c.bodies {
		if len(b.Bytes) > 8<<20 {
			t.Errorf("a body of %d bytes", len(b.Bytes))
		}
	}
}

// A format that is asked for is taken at its word.
func TestAskedForNDJSONIsLeftAlone(t *testing.T) {
	text := "{\"a\":1}\nplain words here\n"
	for _, format := range []Format{NDJSON, JSON} {
		if got := readAllOf(t, "f", text, Options{Format: format}).text(); got != text {
			t.Errorf("%s: %q", format, got)
		}
	}
}

// Where no format is that of most lines, each line counts for itself.
func TestMixedLines(t *testing.T) {
	f := func(text string, want ...string) { t.Helper(); bodiesOf(t, text, len(text), want...) } // the sample is all of it
	f("level=info msg=x\nplain words here\n", `1 {"level":"info","msg":"x"}`, `2 {"message":"plain words here"}`)
	f("Nov 21 10:00:00 h sshd[7]: x\n<34>1 2026-11-22T10:00:00Z h a 7 - - y\nplain words here\n{\"a\":1}\n{broken\n",
		`1 {"time":"2026-11-21T10:00:00Z","host":"h","app":"sshd","pid":7,"message":"x"}`,
		`2 {"time":"2026-11-22T10:00:00Z","facility":"auth","level":"crit","host":"h","app":"a","pid":7,"message":"y"}`,
		`3 {"message":"plain words here"}`, `4 {"a":1}`, `5 {"message":"{broken"}`)
	// Most lines are of one format: the others are plain.
	f("a=1 b=2\nplain words here\nc=3 d=4\n", `1 {"a":1,"b":2}`, `2 {"message":"plain words here"}`, `3 {"c":3,"d":4}`)
	c := readAllOf(t, "f", "a=1\n", Options{Format: "plain"})
	if got := c.text(); got != "{\"message\":\"a=1\"}\n" {
		t.Errorf("--format plain: %q", got)
	}
}
