package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// oracleRow says by encoding/json what columns an object makes.
func oracleRow(t *testing.T, prefix string, object string, row map[string]storage.Value) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(object))
	token := func() json.Token {
		x, err := d.Token()
		if err != nil {
			t.Fatalf("%q: %v", object, err)
		}
		return x
	}
	for token(); d.More(); {
		name := prefix + token().(string)
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			t.Fatalf("%q: %v", object, err)
		}
		switch raw[0] {
		case '{':
			oracleRow(t, name+".", string(raw), row)
		case '[':
			var list []*string
			if json.Unmarshal(raw, &list) == nil && !hasNil(list) {
				items := make([]string, len(list))
				for i, s := range list {
					items[i] = *s
				}
				row[name] = storage.List(items)
			} else {
				row[name] = storage.String(strings.ToValidUTF8(string(raw), "\uFFFD"))
			}
		case '"':
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				t.Fatal(err)
			}
			row[name] = storage.String(s)
		case 't', 'f':
			row[name] = storage.Bool(raw[0] == 't')
		case 'n':
			delete(row, name)
		default:
			if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
				row[name] = storage.Int(n)
			} else if x, err := strconv.ParseFloat(string(raw), 64); err == nil {
				row[name] = storage.Float(x)
			} else {
				t.Fatal(err)
			}
		}
	}
}

func hasNil(list []*string) bool {
	for _, s := range list {
		if s == nil {
			return true
		}
	}
	return false
}

// generator writes random JSON as it may legally look.
type generator struct{ *rand.Rand }

func (g generator) pick(s ...string) string { return s[g.IntN(len(s))] }

func (g generator) space() string { return g.pick("", "", "", "", " ", "\n", "\t \r\n") }

func (g generator) text() string {
	var s strings.Builder
	for range g.IntN(4) {
		s.WriteString(g.pick("plain", "a longer run of plain bytes", `\n`, `\"`, `\\`, `\/`, `\u0041`, `\u20AC`, `\ud83d\ude00`, `\ud800`, `\udc00\ud800`, "é", "日本", "😀", "\x7f", " ", "{", "]", ","))
	}
	return `"` + s.String() + `"`
}

func (g generator) number() string {
	s := g.pick("", "-") + g.pick("0", "1", "42", "9007199254740993", "9223372036854775807", "9223372036854775808", strconv.FormatUint(g.Uint64(), 10))
	s += g.pick("", "", ".0", ".5", ".123456789012345678", "."+strconv.Itoa(g.IntN(1e6)))
	return s + g.pick("", "", "", "", "e5", "E-7", "e+22", "e-300", "e23")
}

func (g generator) value(depth int) string {
	switch n := g.IntN(10); {
	case n < 3:
		return g.text()
	case n < 6:
		return g.number()
	case n < 8 || depth > 4:
		return g.pick("true", "false", "null")
	case n == 8:
		return g.object(depth + 1)
	}
	var items []string
	strings_ := g.IntN(2) == 0
	for range g.IntN(4) {
		if strings_ {
			items = append(items, g.space()+g.text()+g.space())
		} else {
			items = append(items, g.space()+g.value(depth+1)+g.space())
		}
	}
	if len(items) == 0 {
		return "[" + g.space() + "]"
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (g generator) object(depth int) string {
	var fields []string
	for range g.IntN(6) {
		name := g.pick(`"a"`, `"b"`, `"c"`, `"a.b"`, `"\u0061"`, `"é"`, `"long name of a field"`, `"x\ny"`)
		fields = append(fields, g.space()+name+g.space()+":"+g.space()+g.value(depth)+g.space())
	}
	if len(fields) == 0 {
		return "{" + g.space() + "}"
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// TestJSONAgainstOracle holds the decoder against encoding/json on generated
// objects, all in one body so that the guesses of names are often wrong.
func TestJSONAgainstOracle(t *testing.T) {
	seed := rand.Uint64()
	g := generator{rand.New(rand.NewPCG(seed, 1))}
	var body bytes.Buffer
	var want []string
	for range 6_000 {
		object := g.object(1)
		body.WriteString(object + g.space())
		row := map[string]storage.Value{"time": storage.Time(testNow.UnixNano())}
		oracleRow(t, "", object, row)
		want = append(want, fmt.Sprint(row)+" of "+object)
	}
	chunks, err := chunksOf(&raggedReader{body.Bytes(), g.Rand}, testOptions(JSON))
	if err != nil || len(chunks) != 1 || chunks[0].Rejected != 0 {
		t.Fatalf("seed %d: %v, %s", seed, err, render(chunks)[:1000])
	}
	for i, row := range rowsOf(chunks[0].Batch) {
		got := fmt.Sprint(row)
		if !strings.HasPrefix(want[i], got+" of ") {
			t.Fatalf("seed %d, row %d:\n got %s\nwant %s", seed, i+1, got, want[i])
		}
	}
}

// FuzzJSON: no input may panic or hang, and how it is read must not matter.
// What encoding/json reads as objects must come out whole.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":[1,"x"],"c":["x"],"d":{"e":null}}`, "{\"a\":1\n{\"a\":2}\n", `[{"a":1},{"a":"\ud800\u12"}]`, `{"time":"2026-01-02"}{"ts":1e9}`,
		"\xEF\xBB\xBF{\"a\":\"\xff\"}", `[[[1]],{"a":-0.5e-7},]`, "<html>\n{}\n", `{"a":1},{"a":2}`,
	} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, body []byte, chunk uint8) {
		o := testOptions(JSON)
		o.ChunkRows = int(chunk%8) + 1
		sameHoweverRead(t, body, o)
		chunks, _ := chunksOf(bytes.NewReader(body), o)
		objects, clean := 0, true
		d := json.NewDecoder(bytes.NewReader(body))
		for clean && d.More() {
			var x map[string]json.RawMessage
			if clean = d.Decode(&x) == nil && x != nil; clean {
				objects++
			}
		}
		rows, rejected := 0, 0
		for _, c := range chunks {
			rows += int(c.Accepted)
			rejected += int(c.Rejected)
		}
		if rows+rejected < objects {
			t.Errorf("%q: %d rows and %d rejected, encoding/json reads %d objects", body, rows, rejected, objects)
		}
	})
}
