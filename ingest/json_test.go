package ingest

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

func TestJSONShapes(t *testing.T) {
	f := checker(t, testOptions(JSON))
	f(``)
	f(" \r\n\t")
	f("\xEF\xBB\xBF")
	f(`{}`, `{}`)
	f(`{"a":1}`, `{a=1}`)
	f("\xEF\xBB\xBF{\"a\":1}\r\n\r\n{\"a\":2}\r\n", `{a=1}`, `{a=2}`)
	f("{\"a\":1}\n\xEF\xBB\xBF{\"a\":2}", `{a=1}`, `{a=2}`)
	f(`{"a":1}{"a":2} {"a":3}`, `{a=1}`, `{a=2}`, `{a=3}`)
	f(`[{"a":1},{"a":2}]`, `{a=1}`, `{a=2}`)
	f("[\n  {\n    \"a\": 1\n  },\n  {\n    \"a\": 2\n  }\n]\n", `{a=1}`, `{a=2}`)
	f(`[]`)
	f("[{\"a\":1}]\n[{\"a\":2},\n{\"a\":3}]{\"a\":4}", `{a=1}`, `{a=2}`, `{a=3}`, `{a=4}`)
	f("{\n\"a\" : 1 ,\n\"b\"\n:\t2\n}", `{a=1 b=2}`)
}

func TestJSONValues(t *testing.T) {
	f := checker(t, testOptions(JSON))
	f(`{"a":true,"b":false,"c":null}`, `{a=true b=false}`)
	f(`{"a":0,"b":-0,"c":-1,"d":9223372036854775807,"e":-9223372036854775808}`,
		`{a=0 b=0 c=-1 d=9223372036854775807 e=-9223372036854775808}`)
	f(`{"a":9223372036854775808,"b":-9223372036854775809,"c":123456789012345678901234567890}`,
		`{a=9.223372036854776e+18f b=-9.223372036854776e+18f c=1.2345678901234568e+29f}`)
	f(`{"a":1.0,"b":1e2,"c":1E-2,"d":-0.0,"e":1.7976931348623157e308,"f":1e-999,"g":0.1,"h":123456.789}`,
		`{a=1f b=100f c=0.01f d=-0f e=1.7976931348623157e+308f f=0f g=0.1f h=123456.789f}`)
	f(`{"a":"NaN","b":"Infinity","c":""}`, `{a="NaN" b="Infinity" c=""}`)
	f(`{"a":"x\"\\\/\b\f\n\r\tA\u00e9\u20ac\ud83d\ude00"}`, `{a="x\"\\/\b\f\n\r\tAé€😀"}`)
	f(`{"é":"Ünï","b":"a long text with ünï in the middle and some more"}`, `{b="a long text with ünï in the middle and some more" é="Ünï"}`)
	f(`{"a":{"b":{"c":1},"d":2},"e":{}}`, `{a.b.c=1 a.d=2}`)
	f(`{"a":["x","y\n","é"],"b":[],"c":[ "x" , "y" ]}`, `{a=["x" "y\n" "é"] b=[] c=["x" "y"]}`)
	f(`{"a":[1, 2],"b":["x",1],"c":[["x"]],"d":[null],"e":[{"f":[]}],"g":[true,false,-1.5e3]}`,
		`{a="[1, 2]" b="[\"x\",1]" c="[[\"x\"]]" d="[null]" e="[{\"f\":[]}]" g="[true,false,-1.5e3]"}`)
}

func TestJSONLastWins(t *testing.T) {
	f := checker(t, testOptions(JSON))
	f(`{"a":1,"a":2}`, `{a=2}`)
	f(`{"a":1,"a":"x","a":[1],"a":["x"]}`, `{a=["x"]}`)
	f(`{"a":["x"],"a":1.5}`, `{a=1.5f}`)
	f(`{"a.b":1,"a":{"b":2}}`, `{a.b=2}`)
	f(`{"a":{"b":2},"a.b":"x"}`, `{a.b="x"}`)
	f(`{"a":{"b":1},"a.b":null}`, `{}`)
	f(`{"a":1,"a":null}{"a":null,"a":1}`, `{}`, `{a=1}`)
	f(`{"a":1,"a":{"b":2}}`, `{a.b=2 a=1}`) // two columns
}

func TestJSONRejected(t *testing.T) {
	f := checker(t, testOptions(JSON))
	bad := func(row, want string) {
		t.Helper()
		f("{\"a\":1}\n"+row+"\n{\"a\":3}\n", `{a=1}`, `{a=3}`, `!2 `+want)
	}
	near := func(at int, what string, text string) string {
		return fmt.Sprintf("not JSON: %s, at byte %d of the row, near %q", what, at, text)
	}
	bad(`{"a":01}`, near(7, failNumber.String(), "1}"))
	bad(`{"a":1.}`, near(8, failNumber.String(), "}"))
	bad(`{"a":-}`, near(7, failNumber.String(), "}"))
	bad(`{"a":1e+}`, near(9, failNumber.String(), "}"))
	bad(`{"a":.5}`, near(6, failValue.String(), ".5}"))
	bad(`{"a":+5}`, near(6, failValue.String(), "+5}"))
	bad(`{"a":NaN}`, near(6, failValue.String(), "NaN}"))
	bad(`{"a":1e999}`, failNumberRange.String())
	bad(`{"a":`+strings.Repeat("9", 400)+`}`, failNumberRange.String())
	bad(`{"a":"x`, fmt.Sprintf("not JSON: %v, at byte 8 of the row", failString))
	bad("{\"a\":\"x\ty\"}", near(8, failControl.String(), "\ty\"}"))
	bad("{\"a\":\"x\x00y\"}", near(8, failControl.String(), "\x00y\"}"))
	bad(`{"a":"\q"}`, near(8, failEscape.String(), "q\"}"))
	bad(`{"a":"\u12g4"}`, near(11, failEscape.String(), "g4\"}"))
	bad(`{"a" 1}`, near(6, failColon.String(), "1}"))
	bad(`{"a":1 "b":2}`, near(8, failComma.String(), "\"b\":2}"))
	bad(`{"a":1,}`, near(8, failName.String(), "}"))
	bad(`{a:1}`, near(2, failName.String(), "a:1}"))
	bad(`{"a":tru}`, near(9, failValue.String(), "}"))
	bad(`{"a":[1,]}`, near(9, failValue.String(), "]}"))
	bad(`{"a":["x",]}`, near(11, failValue.String(), "]}"))
	bad(`{"a":["x" "y"]}`, near(11, failArrayComma.String(), "\"y\"]}"))
	bad(`{"a":[{"b":1,}]}`, near(14, failName.String(), "}]}"))
	bad(`{// x`, near(2, failComment.String(), "// x"))
	bad(`hello {"a":1} there`, near(1, failValue.String(), "hello {\"a\":1} th"))
	bad(`42`, "a row must be an object, not a number")
	bad(`"x"`, "a row must be an object, not a string")
	bad(`null`, "a row must be an object, not null")
	bad(`true`, "a row must be an object, not a bool")
	bad(`[[1,{"a":[2]}]]`, "a row must be an object, not an array")
	bad(`{"":1}`, failEmptyName.String())
	bad(`{"a":{"":1}}`, failEmptyName.String())
	bad(`,`, failStrayComma.String())
	bad(`}`, "not JSON: "+failClosing.String())
}

func TestJSONLimits(t *testing.T) {
	f := checker(t, testOptions(JSON))
	nest := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	f(nest(32), `{`+strings.Repeat("a.", 31)+`a=1}`)
	f(nest(33)+`{"b":1}`, `{b=1}`, `!1 nested deeper than 32`)
	f(nest(100_000)+`{"b":1}`, `{b=1}`, `!1 nested deeper than 32`)
	list := func(n int) string { return `{"a":` + strings.Repeat(`[`, n) + "1" + strings.Repeat("]", n) + `}` }
	f(list(31), `{a="`+strings.Repeat("[", 31)+"1"+strings.Repeat("]", 31)+`"}`)
	f(list(32)+`{"b":1}`, `{b=1}`, `!1 nested deeper than 32`)
	f(strings.Repeat("[", 100_000)+"\n", `!1 nested deeper than 32; the rest of the body is not readable`,
		`!2 `+failArrayOpen.String())

	columns := func(n int) string {
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, `,"c%d":%d`, i, i)
		}
		return `{` + s.String()[1:] + `}`
	}
	f(columns(4097)+`{"b":1}`, `{b=1}`, `!1 more than 4,096 columns in one row`)
	f(columns(10_000)+"\n"+`{"b":1}`, `{b=1}`, `!1 more than 4,096 columns in one row`)
	chunks, err := chunksOf(strings.NewReader(columns(4096)), testOptions(JSON))
	if err != nil || len(chunks) != 1 || chunks[0].Accepted != 1 {
		t.Errorf("4,096 columns: %v %v", chunks, err)
	}

	text := func(n int) string { return `{"a":"` + strings.Repeat("x", n) + `"}` }
	f(text(1<<20)+`{"b":1}`, `{a=text of 1048576}`, `{b=1}`)
	f(text(1<<20+1)+`{"b":1}`, `{b=1}`, `!1 a value is longer than 1048576 bytes`)
	f(text(9<<20)+`{"b":1}`, `{b=1}`, `!1 the row is longer than 4194304 bytes`)
	f(`{"a":["`+strings.Repeat("x", 1<<20)+`","y"]}{"b":1}`, `{b=1}`, `!1 a value is longer than 1048576 bytes`)
	f(`{"a":[1`+strings.Repeat(" ", 1<<20)+`]}{"b":1}`, `{b=1}`, `!1 a value is longer than 1048576 bytes`)
	f(`{"a":[""`+strings.Repeat(`,""`, 65_535)+`]}{"b":1}`, `{b=1}`, `!1 a list of more than 65,535 items`)

	name := func(n int) string { return `{"` + strings.Repeat("n", n) + `":1}` }
	f(name(1024), `{`+strings.Repeat("n", 1024)+`=1}`)
	f(name(1025)+`{"b":1}`, `{b=1}`, `!1 the name of a field is longer than 1024 bytes`)
	f(`{"a":`+name(1023)+`}{"b":1}`, `{b=1}`, `!1 the name of a field is longer than 1024 bytes`)
}

// TestJSONEndlessLine: a row that is much longer than the memory it may take is
// passed and counted once, and reading goes on behind it.
func TestJSONEndlessLine(t *testing.T) {
	o := testOptions(JSON)
	o.ChunkBytes = 1 << 20
	size := int64(100 << 20)
	f := func(begin, fill, end string, want ...string) {
		t.Helper()
		body := io.MultiReader(strings.NewReader(begin), io.LimitReader(&endless{body: []byte(fill)}, size-size%int64(len(fill))), strings.NewReader(end))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		chunks, err := chunksOf(body, o)
		runtime.ReadMemStats(&after)
		size = 20 << 20
		if err != nil || render(chunks) != strings.Join(want, "\n") {
			t.Errorf("%q...: %v\n got %.500s\nwant %s", begin, err, render(chunks), strings.Join(want, "\n"))
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%q...: took %d bytes of memory", begin, took)
		}
	}
	// The row alone fills a chunk, so it is told before those behind it.
	long := "!1 the row is longer than 4194304 bytes"
	f(`{"a":"`, strings.Repeat("x", 1000), "\"}\n{\"b\":1}", long, `{b=1}`)
	f(`{"a":"`, strings.Repeat("x", 1000), "\n{\"b\":1}", long, `{b=1}`)
	f(`{"a":[`, "1,2,3,", "4]}{\"b\":1}", long, `{b=1}`)
	f(`[{"a":[`, "1,2,3,", "4]},{\"b\":1}]", long, `{b=1}`)
	f(``, strings.Repeat("x", 1000), "\n{\"b\":1}",
		`!1 not JSON: expected a value, at byte 1 of the row, near "xxxxxxxxxxxxxxxx"`, `{b=1}`)
	f(`"`, strings.Repeat("x", 1000), "\n{\"b\":1}", long, `{b=1}`)
	f(`{"b":1}`, " \n", `{"b":2}`, `{b=1}`, `{b=2}`)
}

func TestJSONResync(t *testing.T) {
	f := checker(t, testOptions(JSON))
	// Objects without newlines between them: behind the closing brace.
	f(`{"a":1}{"a":tru}{"a":3}`, `{a=1}`, `{a=3}`, `!2 not JSON: expected a value, at byte 9 of the row, near "}{\"a\":3}"`)
	f(`{"a":{"b":[}]}}{"a":3}`, `{a=3}`, `!1 not JSON: expected a value, at byte 12 of the row, near "}]}}{\"a\":3}"`, `!2 not JSON: `+failClosing.String())
	// An array on one line.
	f(`[{"a":1},{"a":1e999},{"a":3}]{"b":1}`, `{a=1}`, `{a=3}`, `{b=1}`, `!2 `+failNumberRange.String())
	f(`[{"a":1} {"a":3}]`, `{a=1}`, `{a=3}`, `!2 `+failElementComma.String())
	f(`[{"a":1},,{"a":3},]`, `{a=1}`, `{a=3}`, `!2 `+failElementMissing.String(), `!4 `+failElementMissing.String())
	f(`[,{"a":1}]`, `{a=1}`, `!1 `+failElementMissing.String())
	f(`[{"a":1},hello,{"a":3}]`, `{a=1}`, `{a=3}`, `!2 not JSON: expected a value, at byte 1 of the row, near "hello,{\"a\":3}]"`)
	f(`[{"a":1},2,"x",[{"b":1}],{"a":3}]`, `{a=1}`, `{a=3}`,
		`!2 a row must be an object, not a number`, `!3 a row must be an object, not a string`, `!4 a row must be an object, not an array`)
	f(`[{"a":1}`, `{a=1}`, `!2 `+failArrayOpen.String())
	f(`{"a":1},{"a":2}`, `{a=1}`, `{a=2}`, `!2 `+failStrayComma.String())
	// A cut-off line does not take the next one with it.
	f("{\"a\":1\n{\"a\":2}\n", `{a=2}`, `!1 not JSON: expected ',' or '}' after a field, at byte 8 of the row, near "{\"a\":2}"`)
	f("{\"a\":{\"b\":\n{\"a\":2}\nx\n{\"a\":3}", `{a=2}`, `{a=3}`,
		`!1 not JSON: expected ',' or '}' after a field, at byte 20 of the row, near "x"`,
		`!3 not JSON: expected a value, at byte 1 of the row, near "x"`)
	f("{\"a\":\"x\n{\"a\":2}\n", `{a=2}`, `!1 not JSON: a newline inside a string: write \n, at byte 8 of the row`)
	// A bad object on many lines is one bad row.
	f("{\n  \"a\": tru,\n  \"b\": {\n  }\n}\n{\"a\":2}", `{a=2}`, `!1 not JSON: expected a value, at byte 13 of the row, near ","`)
	f("[\n{\"a\":1,\n{\"a\":2},\n{\"a\":3}\n]\n{\"b\":1}", `{a=2}`, `{a=3}`, `{b=1}`,
		`!1 not JSON: expected a name in double quotes, at byte 9 of the row, near "{\"a\":2},"`)
	// Where a quote is missing on the only line, there is nothing to go by.
	f(`{"a":1}{"a":"x}{"a":2}{"b":"y"}`, `{a=1}`,
		`!2 not JSON: expected ',' or '}' after a field, at byte 11 of the row, near "a\":2}{\"b\":\"y\"}"; the rest of the body is not readable`)
	f(`{"a":1`, `!1 not JSON: the body ends inside a row, at byte 7 of the row; the rest of the body is not readable`)
	f("hello\nworld", `!1 not JSON: expected a value, at byte 1 of the row, near "hello"`, `!2 not JSON: expected a value, at byte 1 of the row, near "world"`)
	f("<html>\n"+strings.Repeat("x\n", 30), append(func() (e []string) {
		e = append(e, `!1 not JSON: expected a value, at byte 1 of the row, near "<html>"`)
		for i := 2; i <= 20; i++ {
			e = append(e, fmt.Sprintf(`!%d not JSON: expected a value, at byte 1 of the row, near "x"`, i))
		}
		return e
	}(), `!+11`)...)
}

func TestJSONUTF8(t *testing.T) {
	f := checker(t, testOptions(JSON))
	f("{\"a\":\"x\xffy\"}", `{a="x�y"}`, `?`+warnUTF8)
	f("{\"a\":\"\xc3\",\"b\":[\"\xff\"],\"c\":[1,\"\xff\"],\"\xff\":1}{\"\xff\":2}",
		`{a="�" b=["�"] c="[1,\"�\"]" �=1}`, `{�=2}`, `?`+warnUTF8)
	f(`{"a":"\ud800","b":"x\udc00y","c":"\ud800A","d":"\ud800\ud83d\ude00","e":"\ud800\n"}`,
		`{a="�" b="x�y" c="�A" d="�😀" e="�\n"}`, `?`+warnSurrogate)
	f("{\"a\":\"\xff\"}\n{\"a\":\"\xff\\n\"}", `{a="�"}`, `{a="�\n"}`, `?`+warnUTF8)
}

// TestJSONCutAnywhere puts the end of the read buffer at every place of a row.
func TestJSONCutAnywhere(t *testing.T) {
	row := `{"text":"\ud83d\ude00é\n","number":-12.5e3,"int":1234,"list":["a","b"],"any":[1,null],"in":{"yes":true,"no":false,"not":null}}`
	want := `{any="[1,null]" in.no=false in.yes=true int=1234 list=["a" "b"] number=-12500f text="😀é\n"}`
	for k := range len(row) + 2 {
		pad := strings.Repeat(" ", readBytesMin-k)
		chunks, err := chunksOf(strings.NewReader(pad+row+" "+row), testOptions(JSON))
		if got := render(chunks); err != nil || got != want+"\n"+want {
			t.Errorf("cut behind %d bytes: %v\n got %s\nwant %s twice", k, err, got, want)
		}
	}
}

func TestJSONTime(t *testing.T) {
	f := checker(t, testOptions(JSON))
	f(`{"time":"2026-01-02T03:04:05.678Z","a":1}`, `{a=1 time=2026-01-02T03:04:05.678Z}`)
	f(`{"a":1,"timestamp":1700000000}`, `{a=1 time=2023-11-14T22:13:20Z}`)
	f(`{"ts":1700000000123}`, `{time=2023-11-14T22:13:20.123Z}`)
	f(`{"@timestamp":1700000000.123456789}`, `{time=2023-11-14T22:13:20.123456789Z}`)
	f(`{"_time":1.7e9}`, `{time=2023-11-14T22:13:20Z}`)
	// The preferred one is the time, the others are columns.
	f(`{"ts":1,"time":1700000000}{"time":1700000000,"ts":1}`, `{time=2023-11-14T22:13:20Z ts=1}`, `{time=2023-11-14T22:13:20Z ts=1}`)
	f(`{"_time":5,"ts":1700000000,"timestamp":"x"}`, `{_time=5 time=2023-11-14T22:13:20Z timestamp="x"}`,
		`?`+`the field "timestamp" is not always a time (RFC 3339, or a number of s, ms, us or ns, years 1678 to 2261): such rows take the next time field`)
	// No time can be read.
	raw := `?the field %q is not always a time (RFC 3339, or a number of s, ms, us or ns, years 1678 to 2261): such rows keep it in the column time_raw and get their time of arrival`
	f(`{"time":"yesterday"}{"time":"today","a":1}`, `{time_raw="yesterday"}`, `{a=1 time_raw="today"}`, fmt.Sprintf(raw, "time"))
	f(`{"ts":"yesterday","_time":true}`, `{_time=true time_raw="yesterday"}`, fmt.Sprintf(raw, "ts"))
	f(`{"time":[1]}`, `{time_raw="[1]"}`, fmt.Sprintf(raw, "time"))
	f(`{"time":["x"]}`, `{time_raw=["x"]}`, fmt.Sprintf(raw, "time"))
	f(`{"ts":["x","y"]}`, `{time_raw=["x" "y"]}`, fmt.Sprintf(raw, "ts"))
	f(`{"time":"3026-01-01T00:00:00Z"}`, `{time_raw="3026-01-01T00:00:00Z"}`, fmt.Sprintf(raw, "time"))
	f(`{"time":1e300}`, `{time_raw=1e+300f}`, fmt.Sprintf(raw, "time"))
	f(`{"time":null,"a":1}`, `{a=1}`)
	f(`{"time":{"a":1}}`, `{time.a=1}`)
	// Given twice.
	f(`{"time":1,"time":1700000000}`, `{time=2023-11-14T22:13:20Z}`)
	f(`{"time":"x","time":1700000000}`, `{time=2023-11-14T22:13:20Z}`)
	f(`{"time":1700000000,"time":"x"}`, `{time_raw="x"}`, fmt.Sprintf(raw, "time"))
	f(`{"time":1700000000,"time":null}{"ts":1700000000,"ts":null}`, `{}`, `{}`)
	// A rejected row leaves nothing behind.
	f(`{"time":1700000000,"a":tru}{"b":1}`, `{b=1}`, `!1 not JSON: expected a value, at byte 27 of the row, near "}{\"b\":1}"`)

	o := testOptions(JSON)
	o.TimeField = "meta.us"
	f = checker(t, o)
	f(`{"meta":{"us":1700000000123456},"ts":5}`, `{time=2023-11-14T22:13:20.123456Z ts=5}`)
	f(`{"meta.us":1700000000123456,"time":5}`, `{time=2023-11-14T22:13:20.123456Z time_raw=5}`,
		`?the time is taken from meta.us; the field time is kept in the column time_raw`)
	f(`{"time":1700000000}`, `{time=2023-11-14T22:13:20Z}`)
}
