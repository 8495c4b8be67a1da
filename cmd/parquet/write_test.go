package parquet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	writer "github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"github.com/kelpdb/kelp/ingest"
	"github.com/kelpdb/kelp/storage"
)

// written makes a Parquet file of a record with Arrow's writer.
func written(t testing.TB, record arrow.Record, o ...writer.WriterProperty) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(record.Schema(), &out, writer.NewWriterProperties(o...), pqarrow.DefaultWriterProps())
	if err == nil {
		err = w.Write(record)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func recordOf(t testing.TB, fields []arrow.Field, rows string) arrow.Record {
	t.Helper()
	r, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(fields, nil), strings.NewReader(rows))
	if err != nil {
		t.Fatalf("%v: %.300s", err, rows)
	}
	return r
}

func nullable(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

// streamOf is the record as the server would get it from an Arrow client.
func streamOf(t testing.TB, record arrow.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(record.Schema()))
	if err := errors.Join(w.Write(record), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// partsOf reads a whole file.
func partsOf(file []byte, o Options) ([]*Part, error) {
	p, err := Open(bytes.NewReader(file), int64(len(file)), o)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	var parts []*Part
	for next := int64(0); ; {
		part, err := p.Next(context.Background())
		if errors.Is(err, io.EOF) {
			if next != p.Rows() {
				return parts, fmt.Errorf("BUG: %d rows of %d", next, p.Rows())
			}
			return parts, nil
		}
		if err != nil {
			return parts, err
		}
		if part.FirstRow != next {
			return parts, fmt.Errorf("BUG: a part begins at row %d, not %d", part.FirstRow, next)
		}
		next += int64(part.Rows)
		parts = append(parts, part)
	}
}

// rowsOf lists what the server makes of Arrow streams: a line per row, then
// rejections and warnings.
func rowsOf(t testing.TB, streams ...[]byte) []string {
	t.Helper()
	var lines, notes []string
	for _, s := range streams {
		d, err := ingest.NewDecoder(bytes.NewReader(s), ingest.Options{Format: ingest.ArrowStream, Now: func() time.Time { return time.Unix(0, 0) }})
		if err != nil {
			t.Fatal(err)
		}
		for {
			c, err := d.Next(context.Background())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("the server does not take the stream: %v", err)
			}
			lines = append(lines, batchLines(c.Batch)...)
			for _, e := range c.Errors {
				notes = append(notes, "!"+e.Error)
			}
			for _, w := range c.Warnings {
				notes = append(notes, "?"+w)
			}
		}
	}
	return append(lines, notes...)
}

func batchLines(b *storage.Batch) []string {
	rows := make([][]string, b.Rows())
	for i, ns := range b.Times() {
		rows[i] = []string{fmt.Sprintf("time=%d", ns)}
	}
	slots := b.Slots()
	for i := range slots {
		for _, v := range slots[i].Vectors {
			if v == nil {
				continue
			}
			for k, row := range v.Rows {
				x := v.Value(k)
				rows[row] = append(rows[row], fmt.Sprintf("%s=%v %d %g %q %q", slots[i].Name, x.Type, x.Int, x.Float, x.Str, x.List))
			}
		}
	}
	lines := make([]string, len(rows))
	for i, r := range rows {
		sort.Strings(r)
		lines[i] = strings.Join(r, ", ")
	}
	return lines
}

func streams(parts []*Part) (all [][]byte) {
	for _, p := range parts {
		all = append(all, p.Stream)
	}
	return all
}

// sameRows holds what comes out of a file against what was written to it.
func sameRows(t *testing.T, name string, record arrow.Record, file []byte, o Options) {
	t.Helper()
	parts, err := partsOf(file, o)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	got, want := rowsOf(t, streams(parts)...), rowsOf(t, streamOf(t, record))
	if len(got) != len(want) {
		t.Errorf("%s: %d rows, want %d", name, len(got), len(want))
		return
	}
	for i := range got {
		g, w := strings.Split(got[i], ", "), strings.Split(want[i], ", ")
		for k := range min(len(g), len(w)) {
			if g[k] != w[k] {
				t.Errorf("%s: row %d has %.300s, want %.300s", name, i, g[k], w[k])
				return
			}
		}
		if len(g) != len(w) {
			t.Errorf("%s: row %d has %d columns, want %d", name, i, len(g), len(w))
			return
		}
	}
}

// kind is a type with a way to make values of it, as JSON.
type kind struct {
	name  string
	typ   arrow.DataType
	value func(r *rand.Rand) string
}

func number(format string, limit int) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return fmt.Sprintf(format, r.IntN(limit)) }
}

func listOf(item func(*rand.Rand) string) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		items := make([]string, r.IntN(4))
		for i := range items {
			if items[i] = item(r); r.IntN(6) == 0 {
				items[i] = "null"
			}
		}
		return "[" + strings.Join(items, ",") + "]"
	}
}

func kinds() []kind {
	p, f := arrow.PrimitiveTypes, arrow.FixedWidthTypes
	text := number(`"text %d ü"`, 40)
	return []kind{
		{"i8", p.Int8, number("-%d", 100)}, {"u8", p.Uint8, number("%d", 256)},
		{"i16", p.Int16, number("-%d", 30_000)}, {"u16", p.Uint16, number("%d", 65_536)},
		{"i32", p.Int32, number("-%d", 2_000_000_000)}, {"u32", p.Uint32, number("%d", 4_000_000_000)},
		{"i64", p.Int64, number("-%d", 1<<62)}, {"u64", p.Uint64, number("1%d", 1<<62)},
		{"f32", p.Float32, number("%d.25", 1000)}, {"f64", p.Float64, number("-%d.125e100", 1000)},
		{"bool", f.Boolean, func(r *rand.Rand) string { return fmt.Sprint(r.IntN(2) == 0) }},
		{"text", arrow.BinaryTypes.String, text}, {"near", arrow.BinaryTypes.String, number(`"a long beginning that repeats %d"`, 1<<40)},
		{"binary", arrow.BinaryTypes.Binary, number(`"%04d"`, 10_000)},
		{"fixed", &arrow.FixedSizeBinaryType{ByteWidth: 3}, number(`"%04d"`, 10_000)},
		{"ms", f.Timestamp_ms, number(`"2026-01-02 03:04:05.%03d"`, 1000)},
		{"us", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, number(`"2026-01-02T03:04:05.%06dZ"`, 1_000_000)},
		{"ns", f.Timestamp_ns, number(`"1931-01-02 03:04:05.%09d"`, 1_000_000_000)},
		{"date", f.Date32, func(r *rand.Rand) string { return fmt.Sprintf(`"19%02d-03-01"`, r.IntN(100)) }},
		{"clock", f.Time32ms, number(`"03:04:05.%03d"`, 1000)}, {"clock_us", f.Time64us, number(`"03:04:05.%06d"`, 1_000_000)},
		{"decimal", &arrow.Decimal128Type{Precision: 7, Scale: 2}, number(`"-%d.05"`, 10_000)},
		{"wide", &arrow.Decimal128Type{Precision: 38, Scale: 10}, number(`"-%d123456789012345.5"`, 10_000)},
		{"wider", &arrow.Decimal256Type{Precision: 60, Scale: 0}, number(`"-1%d123456789012345678901234567890123"`, 10_000)},
		{"dict", &arrow.DictionaryType{IndexType: p.Int8, ValueType: arrow.BinaryTypes.String}, number(`"red %d"`, 5)},
		{"struct", arrow.StructOf(nullable("x", p.Int64), nullable("in", arrow.StructOf(nullable("y", arrow.BinaryTypes.String)))),
			number(`{"x":%d,"in":{"y":"deep"}}`, 100)},
		{"tags", arrow.ListOf(arrow.BinaryTypes.String), listOf(text)},
		{"numbers", arrow.ListOf(p.Int32), listOf(number("%d", 100))},
		{"nested", arrow.ListOf(arrow.ListOf(p.Float64)), listOf(listOf(number("%d.5", 100)))},
		{"pairs", arrow.ListOf(arrow.StructOf(nullable("k", arrow.BinaryTypes.String), nullable("v", arrow.ListOf(arrow.BinaryTypes.String)))),
			listOf(func(r *rand.Rand) string { return fmt.Sprintf(`{"k":%s,"v":%s}`, text(r), listOf(text)(r)) })},
		{"map", arrow.MapOf(arrow.BinaryTypes.String, p.Int64), number(`[{"key":"a","value":%d},{"key":"b","value":null}]`, 100)},
		{"under", arrow.StructOf(nullable("list", arrow.ListOf(arrow.BinaryTypes.String))), func(r *rand.Rand) string { return `{"list":` + listOf(text)(r) + `}` }},
	}
}

// randomRecord has every kind, some with nulls.
func randomRecord(t testing.TB, r *rand.Rand, rows int) arrow.Record {
	var fields []arrow.Field
	all := kinds()
	for _, k := range all {
		fields = append(fields, nullable(k.name, k.typ))
	}
	fields = append(fields, arrow.Field{Name: "must", Type: arrow.PrimitiveTypes.Int64})
	var out strings.Builder
	out.WriteByte('[')
	for i := range rows {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, `{"must":%d`, i)
		for _, k := range all {
			v := k.value(r)
			if r.IntN(4) == 0 {
				v = "null"
			}
			fmt.Fprintf(&out, ",%q:%s", k.name, v)
		}
		out.WriteByte('}')
	}
	out.WriteByte(']')
	return recordOf(t, fields, out.String())
}
