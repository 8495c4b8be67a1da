package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/kelpdb/kelp/storage"
)

// byRow decodes an Arrow stream with nothing taken by column.
func byRow(body []byte, o Options) ([]*Chunk, error) {
	d, err := NewDecoder(bytes.NewReader(body), o)
	if err != nil {
		return nil, err
	}
	d.source.(*arrowRows).rowsOnly = true
	return restOf(d)
}

// sameByRow holds what was taken by column against what is taken row by row: the
// same chunks with the same rows, sizes, digests and words.
func sameByRow(t *testing.T, body []byte, o Options) {
	t.Helper()
	got, gotErr := chunksOf(bytes.NewReader(body), o)
	want, wantErr := byRow(body, o)
	if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
		t.Fatalf("by column %v, by row %v", gotErr, wantErr)
	}
	if len(got) != len(want) {
		t.Fatalf("%d chunks by column, %d by row", len(got), len(want))
	}
	for i := range want {
		g, w := got[i], want[i]
		if g.Digest != w.Digest || g.Last != w.Last || g.Batch.Rows() != w.Batch.Rows() || g.Batch.Bytes() != w.Batch.Bytes() {
			t.Fatalf("chunk %d: %d rows, %d bytes, digest %x by column; %d, %d, %x by row", i,
				g.Batch.Rows(), g.Batch.Bytes(), g.Digest, w.Batch.Rows(), w.Batch.Bytes(), w.Digest)
		}
	}
	if g, w := render(got), render(want); g != w {
		gl, wl := strings.Split(g, "\n"), strings.Split(w, "\n")
		for i := range wl {
			if i >= len(gl) || gl[i] != wl[i] {
				t.Fatalf("line %d\nby column %.500s\nby row    %.500s", i, append(gl, "nothing")[min(i, len(gl))], wl[i])
			}
		}
		t.Fatalf("%d lines by column, %d by row", len(gl), len(wl))
	}
}

// randomArrow writes a stream of records of all kinds of columns, mostly those
// that are taken by column, rows each, with nulls, odd values and dictionaries that change.
func randomArrow(t testing.TB, rng *rand.Rand, rows int) []byte {
	t.Helper()
	p, f := arrow.PrimitiveTypes, arrow.FixedWidthTypes
	dict := func(index arrow.DataType) arrow.DataType {
		return &arrow.DictionaryType{IndexType: index, ValueType: arrow.BinaryTypes.String}
	}
	kinds := []arrow.DataType{
		p.Int8, p.Uint8, p.Int16, p.Uint16, p.Int32, p.Uint32, p.Int64, p.Uint64, f.Float16, p.Float32, p.Float64, f.Boolean, arrow.Null,
		arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.Binary, arrow.BinaryTypes.StringView,
		&arrow.FixedSizeBinaryType{ByteWidth: 4}, f.Timestamp_ms, f.Timestamp_ns, f.Date32, dict(p.Int8), dict(p.Int32), dict(p.Uint16),
		arrow.ListOf(arrow.BinaryTypes.String), arrow.LargeListOf(arrow.BinaryTypes.String), arrow.FixedSizeListOf(2, arrow.BinaryTypes.String),
		arrow.ListOf(dict(p.Int16)), arrow.StructOf(field("x", p.Int64), field("y", arrow.BinaryTypes.String)),
	}
	var fields []arrow.Field
	for i := range 1 + rng.IntN(8) {
		fields = append(fields, field(fmt.Sprint("c", i), kinds[rng.IntN(len(kinds))]))
	}
	switch rng.IntN(5) {
	case 0:
		fields = append(fields, field("time", f.Timestamp_ms))
	case 1:
		fields = append(fields, field("ts", p.Int64), field("_time", f.Timestamp_s))
	case 2:
		fields = append(fields, field("timestamp", arrow.BinaryTypes.String))
	case 3:
		fields = append(fields, field("time", p.Float64), field("time_raw", p.Int8))
	}
	odd := rng.IntN(3) == 0 // values that are not taken by column
	if odd && rng.IntN(4) == 0 {
		fields = append(fields, field(fields[0].Name, p.Int64))
	}
	schema := arrow.NewSchema(fields, nil)
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema), ipc.WithDictionaryDeltas(rng.IntN(2) == 0))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	nullEvery := []int{0, 2, 30}[rng.IntN(3)]
	for range 1 + rng.IntN(4) {
		for i := range fields {
			for range rows {
				appendRandom(t, rng, b.Field(i), nullEvery, odd && rng.IntN(100) == 0)
			}
		}
		if err := w.Write(b.NewRecord()); err != nil {
			t.Fatal(err)
		}
		if rng.IntN(2) == 0 { // with dictionaries of its own
			b = array.NewRecordBuilder(memory.DefaultAllocator, schema)
		}
	}
	if err := w.Close(); err != nil && !strings.Contains(err.Error(), "dictionary") {
		t.Fatal(err)
	}
	return out.Bytes()
}

func appendRandom(t testing.TB, rng *rand.Rand, b array.Builder, nullEvery int, odd bool) {
	t.Helper()
	if nullEvery > 0 && rng.IntN(nullEvery) == 0 {
		b.AppendNull()
		return
	}
	texts := []string{"", "a", "api", "b-longer-text-than-twelve", "ü and é", "2026-01-02T03:04:05Z", "user-000123"}
	text := texts[rng.IntN(len(texts))]
	if odd {
		text = "bad \xff"
	}
	switch b := b.(type) {
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			appendRandom(t, rng, b.FieldBuilder(i), nullEvery, odd)
		}
	case *array.ListBuilder:
		b.Append(true)
		for range rng.IntN(4) {
			appendRandom(t, rng, b.ValueBuilder(), nullEvery/30*2000, odd)
		}
	case *array.LargeListBuilder:
		b.Append(true)
		for range rng.IntN(4) {
			appendRandom(t, rng, b.ValueBuilder(), 0, odd)
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range 2 {
			appendRandom(t, rng, b.ValueBuilder(), 0, odd)
		}
	case *array.BinaryDictionaryBuilder:
		if err := b.AppendString(text); err != nil {
			t.Fatal(err)
		}
	case *array.StringBuilder:
		b.Append(text)
	case *array.LargeStringBuilder:
		b.Append(text)
	case *array.StringViewBuilder:
		b.Append(text)
	case *array.BinaryBuilder:
		b.Append([]byte(text))
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte{1, 2, byte(rng.IntN(256)), 4})
	case *array.Uint64Builder:
		n := rng.Uint64() >> 1
		if odd {
			n |= 1 << 63
		}
		b.Append(n)
	case *array.NullBuilder:
		b.AppendNull()
	default:
		number := fmt.Sprint(rng.IntN(100))
		switch b.Type().ID() {
		case arrow.BOOL:
			number = fmt.Sprint(rng.IntN(2) == 0)
		case arrow.TIMESTAMP:
			if number = fmt.Sprintf("2026-01-02T03:04:%02d", rng.IntN(60)); odd {
				number = "9999-01-02T03:04:05"
			}
		case arrow.DATE32:
			number = "2026-03-01"
		}
		if err := b.AppendValueFromString(number); err != nil {
			t.Fatal(err)
		}
	}
}

// TestArrowByColumn: whatever a stream holds, by column or by row is the same.
func TestArrowByColumn(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 9))
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	for range 120 {
		body := randomArrow(t, rng, 200)
		o := testOptions(ArrowStream)
		sameByRow(t, body, o)
		o.ChunkRows = 1 + rng.IntN(300)
		sameByRow(t, body, o)
		o.ChunkRows, o.ChunkBytes = 0, 100+rng.IntN(20_000)
		sameByRow(t, body, o)
		if rng.IntN(4) == 0 {
			o.TimeField = []string{"c0", "absent", "time", "ts", "_time"}[rng.IntN(5)]
			sameByRow(t, body, o)
			sameHoweverRead(t, body, o)
		}
	}
}

// TestArrowCodes: dictionaries come into the batch as codes, through records,
// deltas, replacements and chunks, while that has a use.
func TestArrowCodes(t *testing.T) {
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{field("c", dict)}, nil)
	// stream makes records of rows each, with texts of so many kinds; entries of
	// one dictionary or of one each.
	stream := func(records, rows, kinds int, one bool) []byte {
		var out bytes.Buffer
		w := ipc.NewWriter(&out, ipc.WithSchema(schema), ipc.WithDictionaryDeltas(one))
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for r := range records {
			for i := range rows {
				text := fmt.Sprint("text ", (i+r*rows)%kinds)
				if err := b.Field(0).(*array.BinaryDictionaryBuilder).AppendString(text); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Write(b.NewRecord()); err != nil {
				t.Fatal(err)
			}
			if !one {
				b = array.NewRecordBuilder(memory.DefaultAllocator, schema)
			}
		}
		return out.Bytes()
	}
	f := func(what string, body []byte, coded bool, entries int) {
		t.Helper()
		o := testOptions(ArrowStream)
		sameByRow(t, body, o)
		chunks, err := chunksOf(bytes.NewReader(body), o)
		if err != nil {
			t.Fatal(err)
		}
		v := chunks[0].Batch.Slots()[0].Vectors[storage.TypeString]
		if v.Coded != coded || coded && len(v.Ends) != entries {
			t.Errorf("%s: coded %t with %d entries", what, v.Coded, len(v.Ends))
		}
	}
	f("one record", stream(1, 1000, 50, true), true, 50)
	f("deltas", stream(5, 1000, 1700, true), true, 1700)
	f("a dictionary for each record", stream(5, 1000, 300, false), true, 300)
	f("many texts", stream(10, 2000, 15_000, true), false, 0)
	f("fewer rows than entries", stream(3, 10, 5, false), true, 5)
}

// TestArrowIndices: no index leads outside a dictionary, however it is written.
func TestArrowIndices(t *testing.T) {
	f := func(bits int, signed bool, data []byte, want uint64) {
		t.Helper()
		a := arrowArray{field: &arrowField{kind: arrowInt, bits: bits, signed: signed}, length: len(data) * 8 / bits, data: data}
		if got := a.largestIndex(); got != want {
			t.Errorf("%d bits, signed %t, %v: %d, want %d", bits, signed, data, got, want)
		}
	}
	f(8, true, []byte{1, 127, 3}, 127)
	f(8, true, []byte{1, 255, 3}, math.MaxUint64)
	f(8, false, []byte{1, 255, 3}, 255)
	f(16, true, []byte{0, 1, 2, 0}, 256)
	f(16, true, []byte{255, 255, 2, 0}, math.MaxUint64)
	f(16, false, []byte{255, 255, 2, 0}, 65_535)
	f(32, true, []byte{1, 0, 0, 128}, math.MaxUint64)
	f(32, false, []byte{1, 0, 0, 128}, 1<<31+1)
	f(64, true, []byte{1, 0, 0, 0, 0, 0, 0, 128}, 1<<63+1)
	f(64, false, nil, 0)
}

// TestArrowByColumnEdges: what streams of usual writers do not hold.
func TestArrowByColumnEdges(t *testing.T) {
	write := func(fields []arrow.Field, fill func(b *array.RecordBuilder)) []byte {
		schema := arrow.NewSchema(fields, nil)
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		fill(b)
		var out bytes.Buffer
		w := ipc.NewWriter(&out, ipc.WithSchema(schema))
		if err := errors.Join(w.Write(b.NewRecord()), w.Close()); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	o := testOptions(ArrowStream)
	// A struct that is null over a child that is not.
	body := write([]arrow.Field{field("s", arrow.StructOf(field("x", arrow.PrimitiveTypes.Int64)))}, func(b *array.RecordBuilder) {
		s := b.Field(0).(*array.StructBuilder)
		s.AppendValues([]bool{true, false, true})
		s.FieldBuilder(0).(*array.Int64Builder).AppendValues([]int64{1, 2, 3}, nil)
	})
	sameByRow(t, body, o)
	checker(t, o)(string(body), `{s.x=1}`, `{}`, `{s.x=3}`)
	// A character that is cut in two between values.
	body = write([]arrow.Field{field("s", arrow.BinaryTypes.String)}, func(b *array.RecordBuilder) {
		b.Field(0).(*array.StringBuilder).AppendValues([]string{"a\xc3", "\xbcb"}, nil)
	})
	sameByRow(t, body, o)
	checker(t, o)(string(body), "{s=\"a\uFFFD\"}", "{s=\"\uFFFDb\"}", "?"+warnUTF8)
	// Times at the ends of what 64 bits of nanoseconds say.
	for _, s := range []arrow.Timestamp{-9223372037, -9223372036, 9223372036, 9223372037} {
		sameByRow(t, write([]arrow.Field{field("at", arrow.FixedWidthTypes.Timestamp_s)}, func(b *array.RecordBuilder) {
			b.Field(0).(*array.TimestampBuilder).Append(s)
		}), o)
	}
	// More columns than a chunk may have, the last of them in a late row.
	var wide []byte
	for stream := range 5 {
		fields := make([]arrow.Field, ColumnsPerRowMax)
		for i := range fields {
			fields[i] = field(fmt.Sprint("c", stream, ".", i), arrow.PrimitiveTypes.Int8)
		}
		wide = append(wide, write(fields, func(b *array.RecordBuilder) {
			for i := range fields {
				b.Field(i).(*array.Int8Builder).AppendValues([]int8{1, 2, 3, 4}, []bool{i < 10, true, i < 3000, i < 4000})
			}
		})...)
	}
	sameByRow(t, wide, o)
}

// TestArrowDamagedColumns flips bits of streams that are taken by column: what
// comes of them is what comes of them row by row.
func TestArrowDamagedColumns(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 4))
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	o := testOptions(ArrowStream)
	read := 0
	for range 60 {
		body := randomArrow(t, rng, 20)
		for range 10 {
			bad := bytes.Clone(body)
			for range 1 + rng.IntN(3) {
				bad[rng.IntN(len(bad))] ^= byte(1 << rng.IntN(8))
			}
			sameByRow(t, bad, o)
			if chunks, _ := chunksOf(bytes.NewReader(bad), o); len(chunks) > 0 {
				read++
			}
		}
	}
	if read < 60 {
		t.Errorf("only %d of 600 damaged streams gave rows: the test shows little", read)
	}
}
