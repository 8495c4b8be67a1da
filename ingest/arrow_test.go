package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// arrowStream writes rows given as JSON with Arrow's own writer, a record
// batch per element of batches.
func arrowStream(t testing.TB, fields []arrow.Field, batches []string, o ...ipc.Option) []byte {
	t.Helper()
	schema := arrow.NewSchema(fields, nil)
	var out bytes.Buffer
	w := ipc.NewWriter(&out, append(o, ipc.WithSchema(schema), ipc.WithDictionaryDeltas(true))...)
	for _, rows := range batches {
		record, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
		record.Release()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func field(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

// arrowKinds are fields of all types, a row of JSON for them, and what they
// must become.
func arrowKinds() (fields []arrow.Field, row, want string) {
	add := func(t arrow.DataType, json, value string) {
		name := fmt.Sprintf("c%02d", len(fields))
		fields = append(fields, field(name, t))
		row += fmt.Sprintf(",%q:%s", name, json)
		if value != "" {
			want += " " + strings.ReplaceAll(value, "$", name)
		}
	}
	f := arrow.FixedWidthTypes
	p := arrow.PrimitiveTypes
	add(p.Int8, "-8", "$=-8")
	add(p.Uint8, "200", "$=200")
	add(p.Int16, "-1600", "$=-1600")
	add(p.Uint16, "60000", "$=60000")
	add(p.Int32, "-320000", "$=-320000")
	add(p.Uint32, "4000000000", "$=4000000000")
	add(p.Int64, "-9223372036854775808", "$=-9223372036854775808")
	add(p.Uint64, "64000000000000", "$=64000000000000")
	add(f.Float16, "1.5", "$=1.5f")
	add(p.Float32, "0.25", "$=0.25f")
	add(p.Float64, "-1e300", "$=-1e+300f")
	add(f.Boolean, "true", "$=true")
	add(f.Boolean, "null", "")
	add(arrow.Null, "null", "")
	add(arrow.BinaryTypes.String, `"text"`, `$="text"`)
	add(arrow.BinaryTypes.LargeString, `"large ü"`, `$="large ü"`)
	add(arrow.BinaryTypes.Binary, `"dGV4dA=="`, `$="text"`)
	add(arrow.BinaryTypes.LargeBinary, `"/wA="`, `$="ff00"`)
	add(arrow.BinaryTypes.StringView, `"short"`, `$="short"`)
	add(arrow.BinaryTypes.StringView, `"a text of more than 12 bytes"`, `$="a text of more than 12 bytes"`)
	add(arrow.BinaryTypes.BinaryView, `"dGV4dA=="`, `$="text"`)
	add(&arrow.FixedSizeBinaryType{ByteWidth: 4}, `"AAECAw=="`, `$="00010203"`)
	add(f.Timestamp_s, `"2026-01-02 03:04:05"`, "$=2026-01-02T03:04:05Z")
	add(&arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "Europe/Berlin"}, `"2026-01-02T03:04:05.678Z"`, "$=2026-01-02T03:04:05.678Z")
	add(f.Timestamp_us, `"2026-01-02T03:04:05.678901"`, "$=2026-01-02T03:04:05.678901Z")
	add(f.Timestamp_ns, `"1969-12-31T23:59:59.999999999"`, "$=1969-12-31T23:59:59.999999999Z")
	add(f.Date32, `"1900-03-01"`, "$=1900-03-01T00:00:00Z")
	add(f.Date64, `"2026-03-01"`, "$=2026-03-01T00:00:00Z")
	add(f.Time32s, `"03:04:05"`, `$="03:04:05"`)
	add(f.Time64us, `"03:04:05.000678"`, `$="03:04:05.000678"`)
	add(f.Duration_ms, `"1500ms"`, `$=1500`)
	add(&arrow.Decimal128Type{Precision: 38, Scale: 2}, `"-12345.67"`, `$=-12345.67f`)
	add(&arrow.Decimal128Type{Precision: 38, Scale: 2}, `"-0.05"`, `$=-0.05f`)
	add(&arrow.Decimal128Type{Precision: 38, Scale: 0}, `"1234567890123456789"`, `$=1234567890123456789`)
	add(&arrow.Decimal128Type{Precision: 38, Scale: 10}, `"123456789012345678.5"`, `$="123456789012345678.5000000000"`)
	add(&arrow.Decimal256Type{Precision: 70, Scale: 0}, `"-12345678901234567890123456789"`, `$="-12345678901234567890123456789"`)
	dict := &arrow.DictionaryType{IndexType: p.Int8, ValueType: arrow.BinaryTypes.String}
	add(dict, `"red"`, `$="red"`)
	add(&arrow.DictionaryType{IndexType: p.Uint32, ValueType: p.Float64}, `2.5`, `$=2.5f`)
	add(arrow.ListOf(arrow.BinaryTypes.String), `["a","b"]`, `$=["a" "b"]`)
	add(arrow.ListOf(arrow.BinaryTypes.String), `[]`, `$=[]`)
	add(arrow.ListOf(arrow.BinaryTypes.String), `["a",null]`, `$="[\"a\",null]"`)
	add(arrow.LargeListOf(arrow.BinaryTypes.LargeString), `["a","b"]`, `$=["a" "b"]`)
	add(arrow.FixedSizeListOf(2, p.Int32), `[1,2]`, `$="[1,2]"`)
	add(arrow.FixedSizeListOf(2, arrow.BinaryTypes.String), `["x","y"]`, `$=["x" "y"]`)
	add(arrow.ListOf(arrow.ListOf(p.Float64)), `[[1.5],[],null]`, `$="[[1.5],[],null]"`)
	add(arrow.ListOf(arrow.StructOf(field("k", arrow.BinaryTypes.String), field("v", f.Timestamp_s))),
		`[{"k":"a\"b","v":"2026-01-02 03:04:05"}]`, `$="[{\"k\":\"a\\\"b\",\"v\":\"2026-01-02T03:04:05Z\"}]"`)
	add(arrow.StructOf(field("x", p.Int64), field("y", arrow.StructOf(field("z", arrow.BinaryTypes.String)))),
		`{"x":7,"y":{"z":"deep"}}`, `$.x=7 $.y.z="deep"`)
	add(arrow.StructOf(field("x", p.Int64)), `null`, ``)
	add(arrow.MapOf(arrow.BinaryTypes.String, p.Int64), `[{"key":"a","value":1},{"key":"b","value":null}]`, `$="{\"a\":1,\"b\":null}"`)
	return fields, "{" + row[1:] + "}", "{" + want[1:] + "}"
}

func TestArrowTypes(t *testing.T) {
	f := checker(t, testOptions(ArrowStream))
	fields, row, want := arrowKinds()
	rows := "[" + row + ",{}," + row + "]"
	for _, o := range [][]ipc.Option{nil, {ipc.WithLZ4()}, {ipc.WithZstd()}} {
		f(string(arrowStream(t, fields, []string{rows, rows}, o...)), want, `{}`, want, want, `{}`, want)
	}
	f("")
	f(string(arrowStream(t, fields, nil)))
	f(string(arrowStream(t, nil, []string{`[{},{}]`})), `{}`, `{}`)
	two := arrowStream(t, []arrow.Field{field("a", arrow.PrimitiveTypes.Int64)}, []string{`[{"a":1}]`})
	f(string(two)+string(arrowStream(t, []arrow.Field{field("b", arrow.BinaryTypes.String)}, []string{`[{"b":"x"}]`})), `{a=1}`, `{b="x"}`)
	f(string(two[:len(two)-8]), `{a=1}`) // without its end mark
}

func TestArrowUint64(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{field("u", arrow.PrimitiveTypes.Uint64)}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.Uint64Builder).AppendValues([]uint64{1<<63 - 1, 1 << 63, 1<<64 - 1}, nil)
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	if err := w.Write(b.NewRecord()); err != nil {
		t.Fatal(err)
	}
	checker(t, testOptions(ArrowStream))(out.String(), `{u=9223372036854775807}`, `{u=9.223372036854776e+18f}`, `{u=1.8446744073709552e+19f}`)
}

func TestArrowTime(t *testing.T) {
	f := checker(t, testOptions(ArrowStream))
	one := func(name string, kind arrow.DataType, rows string) string {
		return string(arrowStream(t, []arrow.Field{field(name, kind)}, []string{rows}))
	}
	f(one("time", arrow.FixedWidthTypes.Timestamp_ms, `[{"time":"2026-01-02T03:04:05.678"},{"time":null}]`), `{time=2026-01-02T03:04:05.678Z}`, `{}`)
	f(one("ts", arrow.PrimitiveTypes.Int64, `[{"ts":1700000000}]`), `{time=2023-11-14T22:13:20Z}`)
	f(one("ts", arrow.PrimitiveTypes.Float64, `[{"ts":1700000000.5}]`), `{time=2023-11-14T22:13:20.5Z}`)
	f(one("timestamp", arrow.BinaryTypes.String, `[{"timestamp":"2026-01-02"},{"timestamp":"x"}]`), `{time=2026-01-02T00:00:00Z}`, `{time_raw="x"}`,
		`?the field "timestamp" is not always a time (RFC 3339, or a number of s, ms, us or ns, years 1678 to 2261): such rows keep it in the column time_raw and get their time of arrival`)
	f(one("time", arrow.FixedWidthTypes.Timestamp_s, `[{"time":"3026-01-02 03:04:05"}]`), `{time_raw=33324231845}`,
		`?timestamps outside the years 1678 to 2261 were kept as integers`,
		`?the field "time" is not always a time (RFC 3339, or a number of s, ms, us or ns, years 1678 to 2261): such rows keep it in the column time_raw and get their time of arrival`)
}

func TestArrowDictionaryGrows(t *testing.T) {
	f := checker(t, testOptions(ArrowStream))
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String}
	body := arrowStream(t, []arrow.Field{field("c", dict)}, []string{
		`[{"c":"a"},{"c":"b"}]`, `[{"c":"a"},{"c":"b"},{"c":"c"}]`, `[{"c":"a"},{"c":"b"},{"c":"c"},{"c":"d"}]`, `[{"c":"z"}]`,
	})
	f(string(body), `{c="a"}`, `{c="b"}`, `{c="a"}`, `{c="b"}`, `{c="c"}`, `{c="a"}`, `{c="b"}`, `{c="c"}`, `{c="d"}`, `{c="z"}`)
}

func TestArrowChunks(t *testing.T) {
	var rows strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&rows, `,{"time":"2026-01-02 03:04:05","n":%d,"s":"text %d"}`, i, i)
	}
	fields := []arrow.Field{field("time", arrow.FixedWidthTypes.Timestamp_s), field("n", arrow.PrimitiveTypes.Int64), field("s", arrow.BinaryTypes.String)}
	body := arrowStream(t, fields, []string{"[" + rows.String()[1:] + "]", "[" + rows.String()[1:] + "]"})
	o := testOptions(ArrowStream)
	o.ChunkRows = 300
	sameHoweverRead(t, body, o)
	chunks, err := chunksOf(bytes.NewReader(body), o)
	if err != nil {
		t.Fatal(err)
	}
	digests := map[uint64]bool{}
	n := 0
	for _, c := range chunks {
		digests[c.Digest] = true
		for _, row := range rowsOf(c.Batch) {
			if row["n"].Int != int64(n%1000) {
				t.Fatalf("row %d has n = %d", n, row["n"].Int)
			}
			n++
		}
	}
	if n != 2000 || len(chunks) != 7 || len(digests) != 7 {
		t.Errorf("%d rows in %d chunks with %d digests", n, len(chunks), len(digests))
	}
	o.ChunkRows, o.ChunkBytes = 0, 10_000
	sameHoweverRead(t, body, o)

	// One text of a dictionary in many rows: what is held is bounded.
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	long := strings.Repeat("x", 1<<20)
	body = arrowStream(t, []arrow.Field{field("c", dict)}, []string{"[" + strings.Repeat(fmt.Sprintf(`,{"c":%q}`, long), 100)[1:] + "]"})
	chunks, err = chunksOf(bytes.NewReader(body), testOptions(ArrowStream))
	if err != nil || len(chunks) != 4 {
		t.Errorf("100 MiB out of a dictionary: %d chunks, %v", len(chunks), err)
	}
}

func TestArrowRefused(t *testing.T) {
	f := func(body []byte, want string) {
		t.Helper()
		_, err := chunksOf(bytes.NewReader(body), testOptions(ArrowStream))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	one := arrowStream(t, []arrow.Field{field("a", arrow.PrimitiveTypes.Int64)}, []string{`[{"a":1}]`})
	f([]byte("ARROW1\x00\x00 and so on"), "this is an Arrow file; send the stream format")
	f([]byte(`{"a":1}`), "cannot read message 1")
	f(one[:len(one)-20], "the body ends inside a message")
	f(one[8:], "cannot read message 1")
	f(arrowStream(t, []arrow.Field{field("", arrow.PrimitiveTypes.Int64)}, nil), "empty name")
	f(arrowStream(t, []arrow.Field{field("u", arrow.FixedWidthTypes.MonthInterval)}, nil), `field "u": its type (interval) cannot be read`)
	f(arrowStream(t, []arrow.Field{field(strings.Repeat("n", 1025), arrow.PrimitiveTypes.Int64)}, nil), "longer than 1024 bytes")

	rejected := checker(t, testOptions(ArrowStream))
	rejected(string(arrowStream(t, []arrow.Field{field("s", arrow.BinaryTypes.String)},
		[]string{fmt.Sprintf(`[{"s":%q},{"s":"x"}]`, strings.Repeat("x", 1<<20+1))})), `{s="x"}`, `!1 field "s": a value is longer than 1048576 bytes`)
	nulls := "[" + strings.Repeat(",null", 300_000)[1:] + "]"
	rejected(string(arrowStream(t, []arrow.Field{field("l", arrow.ListOf(arrow.Null))},
		[]string{`[{"l":` + nulls + `},{"l":[null]}]`})), `{l="[null]"}`, `!1 field "l": a value is longer than 1048576 bytes`)
}

// TestArrowClaims: what a stream claims of lengths costs no memory before the
// bytes are there, and has limits.
func TestArrowClaims(t *testing.T) {
	took := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	m := arrowMessages{r: strings.NewReader("short")}
	if n := took(func() {
		if _, err := m.read(context.Background(), nil, 100<<20); err == nil {
			t.Error("5 bytes are taken for 100 MiB")
		}
	}); n > 8<<20 {
		t.Errorf("a claim of 100 MiB took %d bytes", n)
	}
	// Once a part has come: what a chunk may take, and all of a message without copies.
	for _, c := range []struct{ comes, claim, most int }{
		{2 << 20, 100 << 20, arrowReadStep + arrowTrustedBytes + 1<<20},
		{20 << 20, 20 << 20, arrowReadStep + 21<<20},
	} {
		part := make([]byte, c.comes)
		m := arrowMessages{r: bytes.NewReader(part)}
		if n := took(func() {
			if got, _ := m.read(context.Background(), nil, int64(c.claim)); len(got) < c.comes {
				t.Errorf("%d bytes of %d were read", len(got), c.comes)
			}
		}); n > uint64(c.most) {
			t.Errorf("%d bytes of a claim of %d took %d", c.comes, c.claim, n)
		}
	}

	// The size that stands before a compressed buffer.
	rows := "[" + strings.Repeat(`,{"a":1}`, 1000)[1:] + "]"
	body := arrowStream(t, []arrow.Field{field("a", arrow.PrimitiveTypes.Int64)}, []string{rows}, ipc.WithZstd())
	at := bytes.LastIndex(body, []byte{0x28, 0xB5, 0x2F, 0xFD}) - 8
	for _, claim := range []struct {
		size uint64
		want string
	}{
		{1 << 40, "it unpacks to more than 134217728 bytes"},
		{1 << 63, "it unpacks to more than 134217728 bytes"},
		{100 << 20, "cannot be unpacked to its 104857600 bytes"},
		{8, "a buffer is shorter than its values"},
	} {
		binary.LittleEndian.PutUint64(body[at:], claim.size)
		if n := took(func() {
			_, err := chunksOf(bytes.NewReader(body), testOptions(ArrowStream))
			if err == nil || !strings.Contains(err.Error(), claim.want) {
				t.Errorf("a claim of %d bytes: got %v, want %q", claim.size, err, claim.want)
			}
		}); n > 32<<20 {
			t.Errorf("a claim of %d bytes took %d", claim.size, n)
		}
	}

	// Rows that no byte stands for.
	schema := arrow.NewSchema([]arrow.Field{field("a", arrow.Null)}, nil)
	for _, n := range []int{65_536, 65_537, 1 << 20} {
		var out bytes.Buffer
		w := ipc.NewWriter(&out, ipc.WithSchema(schema))
		if err := w.Write(array.NewRecord(schema, []arrow.Array{array.NewNull(n)}, int64(n))); err != nil {
			t.Fatal(err)
		}
		_, err := chunksOf(&out, testOptions(ArrowStream))
		if (err != nil) != (n > 65_536) {
			t.Errorf("%d rows of nothing: %v", n, err)
		}
	}
}

// TestArrowDamaged flips bytes of a good stream and cuts it: whatever comes
// out, it must not panic or take memory by what the bytes claim.
func TestArrowDamaged(t *testing.T) {
	fields, row, _ := arrowKinds()
	rows := "[" + row + "," + row + "]"
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, o := range [][]ipc.Option{nil, {ipc.WithLZ4()}, {ipc.WithZstd()}} {
		body := arrowStream(t, fields, []string{rows, rows}, o...)
		refused := 0
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		const streams = 800
		for range streams {
			bad := bytes.Clone(body)
			for range 1 + rng.IntN(3) {
				bad[rng.IntN(len(bad))] ^= byte(1 << rng.IntN(8))
			}
			if rng.IntN(10) == 0 {
				bad = bad[:rng.IntN(len(bad))]
			}
			func() {
				defer func() {
					if r := recover(); r != nil {
						t.Fatalf("seed %d: %v\n%x", seed, r, bad)
					}
				}()
				if _, err := chunksOf(bytes.NewReader(bad), testOptions(ArrowStream)); err != nil {
					refused++
				}
			}()
		}
		if refused < streams/6 {
			t.Errorf("only %d of %d damaged streams were refused", refused, streams)
		}
		// The good stream takes less than 2 MiB.
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / streams; each > 4<<20 {
			t.Errorf("a damaged stream took %d bytes of memory", each)
		}
	}
}

// FuzzArrow: no bytes may panic, hang, or make the decoder take memory by what
// they claim; and how they are read must not matter.
func FuzzArrow(f *testing.F) {
	fields, row, _ := arrowKinds()
	for i := range fields {
		_, after, _ := strings.Cut(row, fmt.Sprintf(`"c%02d":`, i))
		value, _, _ := strings.Cut(after, fmt.Sprintf(`,"c%02d":`, i+1))
		if i == len(fields)-1 {
			value = strings.TrimSuffix(after, "}")
		}
		rows := fmt.Sprintf(`[{%q:%s},{}]`, fields[i].Name, value)
		f.Add(arrowStream(f, fields[i:i+1], []string{rows}))
		f.Add(arrowStream(f, fields[i:i+1], []string{rows}, ipc.WithZstd()))
		f.Add(arrowStream(f, fields[i:i+1], []string{rows}, ipc.WithLZ4()))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 30 { // of several columns and records
		f.Add(randomArrow(f, rng, 1+rng.IntN(6)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o := testOptions(ArrowStream)
		o.ChunkRows = 3
		// A few bytes may say 65,536 rows of nothing: once is enough of these, for
		// describing them takes seconds.
		chunks, _ := chunksOf(bytes.NewReader(body), testOptions(ArrowStream))
		rows := 0
		for _, c := range chunks {
			rows += c.Batch.Rows() + int(c.Rejected)
		}
		if len(body) < 1<<16 && rows < 4_096 {
			sameHoweverRead(t, body, o)
			sameByRow(t, body, o)
			o.ChunkRows, o.ChunkBytes = 0, 200
			sameByRow(t, body, o)
		}
	})
}
