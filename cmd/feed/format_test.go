package feed

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/cmd/client"
)

func TestDetect(t *testing.T) {
	f := func(name, sample string, want Format) {
		t.Helper()
		if got, err := Detect(name, []byte(sample)); err != nil || got != want {
			t.Errorf("%s %.40q: %q, %v, want %q", name, sample, got, err, want)
		}
		if !slices.Contains(Formats(), string(want)) {
			t.Errorf("%q cannot be given as --format", want)
		}
	}
	f("x", `{"a":1}`+"\n"+`{"a":2}`+"\n", NDJSON)
	f("x", "\xef\xbb\xbf\n {\"a\":1}\n", NDJSON)
	f("x", "{\"a\":1\n{\"a\":2}\n", NDJSON) // its first line is broken
	f("x", "{\n  \"a\": 1\n}\n", JSON)
	f("x", " [\n {\"a\":1}]", JSON)
	f("x", "[]", JSON)
	f("x", "\xff\xff\xff\xff\x10\x00", Arrow)
	f("a.csv", "id;name\n1;x\n", CSV)
	f("a.CSV.gz", "just one line\n", CSV)
	f("stdin", "id,name,when\n1,x,2026-11-22\n2,\"y, z\",2026-11-22\n", CSV)
	f("x", `127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 612 "-" "curl/8"`+"\n", "access")
	f("x", "[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok /etc/httpd/conf/workers2.properties\n", "apache-error")
	f("x", "2026/11/22 10:00:00 [error] 7#7: *1 open() failed\n", "nginx-error")
	f("x", "ts=2026-11-22T10:00:00Z level=info msg=\"it runs\" n=3\n", "logfmt")
	f("x", "<34>1 2026-11-22T10:00:00Z host app 7 - - hello\n", "syslog5424")
	f("x", "Nov 22 10:00:00 host sshd[7]: hello\n", "syslog")
	f("x", "just some words\nand more\n", "plain")
	f("x", "", "plain")
}

// Lines become rows that know where they stood, whatever the line was.
func TestLogLines(t *testing.T) {
	lines := []string{
		`127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET /pay?x=1 HTTP/1.1" 200 612 "-" "curl/8"`, "",
		"what is this", `127.0.0.1 - bob [22/Nov/2026:10:00:01 +0000] "POST /pay HTTP/1.1" 502 0 "-" "curl/8"` + "\r",
	}
	for size := 1; size < 400; size += 13 {
		c := readAllOf(t, "access.log", strings.Join(lines, "\n"), Options{Format: "access", BodyBytes: size})
		var said []string
		for _, b := range c.bodies {
			if b.Type != client.TypeNDJSON {
				t.Fatalf("type %s", b.Type)
			}
			row := int64(0)
			for line := range strings.Lines(string(b.Bytes)) {
				var got map[string]any
				if err := json.Unmarshal([]byte(line), &got); err != nil {
					t.Fatalf("%v: %s", err, line)
				}
				row++
				said = append(said, fmt.Sprintf("%s status=%v message=%v", b.Place(row), got["status"], got["message"]))
			}
		}
		want := []string{"access.log:1 status=200 message=<nil>", "access.log:3 status=<nil> message=what is this", "access.log:4 status=502 message=<nil>"}
		if fmt.Sprint(said) != fmt.Sprint(want) {
			t.Errorf("bodies of %d bytes: %q, want %q", size, said, want)
		}
	}
}
