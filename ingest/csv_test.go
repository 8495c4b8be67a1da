package ingest

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

func TestCSV(t *testing.T) {
	f := checker(t, testOptions(CSV))
	f("")
	f("\n\r\n")
	f("a,b\n")
	f("a,b\n1,x\n", `{a=1 b="x"}`)
	f("\xEF\xBB\xBFa,b\r\n1,x\r\n\r\n2,y", `{a=1 b="x"}`, `{a=2 b="y"}`)
	f("a,b,c,d\n,\"\",x,\n", `{c="x"}`)
	f("\"a\",\"b,c\",\"d\"\"e\"\n\"1\",\"x,\r\ny\",\"\"\"\"\n", `{a=1 b,c="x,\r\ny" d"e="\""}`)
	f("a;b\n1;x,y\n", `{a=1 b="x,y"}`)
	f("a\tb\n1\tx;y\n", `{a=1 b="x;y"}`)
	f(" a , b \n1, 2\n", `{a=1 b=" 2"}`)
	f("a.b\n1\n", `{a.b=1}`)
	f("v\n0\n-7\n9223372036854775807\n9223372036854775808\n1.5\n1e3\n007\n+1\n-\nNaN\n1e999\n1.\ntrue\nfalse\nTRUE\n2026-01-02\n12ab\n",
		`{v=0}`, `{v=-7}`, `{v=9223372036854775807}`, `{v="9223372036854775808"}`, `{v=1.5f}`, `{v=1000f}`, `{v="007"}`, `{v="+1"}`, `{v="-"}`, `{v="NaN"}`,
		`{v="1e999"}`, `{v="1."}`, `{v=true}`, `{v=false}`, `{v="TRUE"}`, `{v="2026-01-02"}`, `{v="12ab"}`)
	f("a\n\xff\n", `{a="�"}`, `?`+warnUTF8)
	f("a,,a,a_2\n1,2,3,4\n", `{a=1 a_2=3 a_2_2=4 column_2=2}`,
		`?columns without a name are called column_N`, `?columns with the name of another got a number, as in "a_2"`)
	f("a\"b,c\nx\"y\",z\n", `{a"b="x\"y\"" c="z"}`) // a quote inside a field without quotes is text
}

func TestCSVTime(t *testing.T) {
	f := checker(t, testOptions(CSV))
	f("time,a\n2026-01-02T03:04:05Z,1\n1700000000,2\n1700000000.25,3\n\"1700000000123\",4\n,5\nx,6\ntrue,7\n",
		`{a=1 time=2026-01-02T03:04:05Z}`, `{a=2 time=2023-11-14T22:13:20Z}`, `{a=3 time=2023-11-14T22:13:20.25Z}`, `{a=4 time=2023-11-14T22:13:20.123Z}`,
		`{a=5}`, `{a=6 time_raw="x"}`, `{a=7 time_raw=true}`,
		`?the field "time" is not always a time (RFC 3339, or a number of s, ms, us or ns, years 1678 to 2261): such rows keep it in the column time_raw and get their time of arrival`)

	// The forms that other programs write, told apart as in JSON.
	at := func(field, want string) {
		t.Helper()
		f("a, time \n1,"+field+"\n", "{a=1 time="+want+"}")
	}
	at("2026-01-02T03:04:05.5+02:00", "2026-01-02T01:04:05.5Z")
	at("2026-01-02 03:04:05", "2026-01-02T03:04:05Z")
	at(`"2026-01-02 03:04:05.25"`, "2026-01-02T03:04:05.25Z")
	at("2026-01-02 03:04:05 +0200", "2026-01-02T01:04:05Z")
	at("2026-01-02", "2026-01-02T00:00:00Z")
	at(" 2026-01-02 03:04:05 ", "2026-01-02T03:04:05Z")
	at(" 1700000000", "2023-11-14T22:13:20Z")
	at("1700000000123", "2023-11-14T22:13:20.123Z")
	at("1700000000123456", "2023-11-14T22:13:20.123456Z")
	at("1700000000123456789", "2023-11-14T22:13:20.123456789Z")
	at("1.7e9", "2023-11-14T22:13:20Z")
	f("a;timestamp\n1;2026-01-02 03:04:05\n", "{a=1 time=2026-01-02T03:04:05Z}")
}

func TestCSVRejected(t *testing.T) {
	f := checker(t, testOptions(CSV))
	f("a,b\n1\n2,x\n3,y,z\n4,w\n", `{a=2 b="x"}`, `{a=4 b="w"}`, `!1 the row has 1 fields, the header 2`, `!3 the row has 3 fields, the header 2`)
	f("a,b\n\"x\"y,1\n2,x\n", `{a=2 b="x"}`, `!1 text behind a closing quote: double quotes inside quotes`)
	f("a,b\n1,\"x\n2,y\n3,z\n", `{a=2 b="y"}`, `{a=3 b="z"}`, `!1 a quote is not closed`)
	long := strings.Repeat("x", 1<<20+1)
	f("a\n"+long+"\n1\n", `{a=1}`, `!1 column "a": a value is longer than 1048576 bytes`)
	long = strings.Repeat("x", 9<<20)
	f("a\n"+long+"\n1\n", `{a=1}`, `!1 the row is longer than 4194304 bytes`)
	f("a\n\"\n"+long+"\n1\n", `{a=1}`, `!1 the row is longer than 4194304 bytes (a quote is not closed)`, `!2 the row is longer than 4194304 bytes`)

	bad := func(body, want string) {
		t.Helper()
		if _, err := chunksOf(strings.NewReader(body), testOptions(CSV)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100q: got %v, want %q", body, err, want)
		}
	}
	bad("\"a\nb", "cannot read the header of the CSV: a quote is not closed")
	bad(strings.Repeat("a,", 5000)+"\n", "more than 4,096 columns")
	bad(strings.Repeat("n", 1025)+"\n", "longer than 1024 bytes")
}

// TestCSVAgainstOracle holds the decoder against encoding/csv.
func TestCSVAgainstOracle(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	var body bytes.Buffer
	w := csv.NewWriter(&body)
	records := [][]string{{"a", "b", "c"}}
	for range 2000 {
		row := make([]string, 3)
		for i := range row {
			for range rng.IntN(4) {
				row[i] += []string{"plain text", ",", "\"", "\n", "é", " ", "'", ";", "1"}[rng.IntN(9)]
			}
		}
		row[0] = "x" + row[0] // encoding/csv writes a record of nulls as a blank line
		records = append(records, row)
	}
	if err := w.WriteAll(records); err != nil {
		t.Fatal(err)
	}
	chunks, err := chunksOf(&raggedReader{body.Bytes(), rng}, testOptions(CSV))
	if err != nil || len(chunks) != 1 || chunks[0].Accepted != 2000 {
		t.Fatalf("seed %d: %v", seed, err)
	}
	for i, row := range rowsOf(chunks[0].Batch) {
		for k, name := range records[0] {
			want := records[i+1][k]
			got := row[name]
			text := got.Str
			if got.Type == storage.TypeInt64 {
				text = fmt.Sprint(got.Int)
			}
			if text != want {
				t.Fatalf("seed %d, row %d, %s: got %q, want %q", seed, i+1, name, text, want)
			}
		}
	}
	sameHoweverRead(t, body.Bytes()[:20_000], testOptions(CSV))
}

// FuzzCSV: no body may panic or hang, and how it is read must not matter.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,x\n", "a;b\r\n\"1\";\"x\"\"y\"\r\n", "\xEF\xBB\xBFtime\n2026-01-02\n\"", "a\n\"x\"y\n\n1\r", "a,a,\n1,2,3\n4"} {
		f.Add([]byte(s), uint8(2))
	}
	f.Fuzz(func(t *testing.T, body []byte, chunk uint8) {
		o := testOptions(CSV)
		o.ChunkRows = int(chunk%8) + 1
		sameHoweverRead(t, body, o)
	})
}

func BenchmarkCSV(b *testing.B) {
	var body bytes.Buffer
	body.WriteString("time,service,status,duration_ms,message\n")
	for i := range 10_000 {
		fmt.Fprintf(&body, "%d,api,%d,%d.%03d,\"request %d, took long\"\n", 1700000000000+i, 200+i%5, i%700, i%1000, i)
	}
	b.SetBytes(int64(body.Len()))
	for b.Loop() {
		if _, err := chunksOf(bytes.NewReader(body.Bytes()), Options{Format: CSV}); err != nil {
			b.Fatal(err)
		}
	}
}
