package gen

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// ArrowForm says how rows are written as an Arrow stream. The zero value is one
// record batch with all strings plain.
type ArrowForm struct {
	Dictionaries bool // the columns of few values and the tags as indices of 32 bits into dictionaries
	RecordRows   int  // rows of a record batch; 0: all of the stream
}

// AppendArrow appends the rows from (inclusive) to (exclusive) as one Arrow IPC
// stream: the same columns and values as AppendNDJSON, the time a timestamp in
// milliseconds, an absent error null.
func (g *Generator) AppendArrow(dst []byte, from, to int64, form ArrowForm) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	schema := arrowSchema(form.Dictionaries)
	w := ipc.NewWriter(out, ipc.WithSchema(schema), ipc.WithDictionaryDeltas(true))
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	step := int64(form.RecordRows)
	if step <= 0 {
		step = max(to-from, 1)
	}
	for at := from; at < to; at += step {
		for i := at; i < min(at+step, to); i++ {
			row := g.Row(i)
			if err := row.appendArrow(builder); err != nil {
				return nil, err
			}
		}
		record := builder.NewRecord()
		err := w.Write(record)
		record.Release()
		if err != nil {
			return nil, fmt.Errorf("cannot write rows %d to %d as a record batch: %w", at, min(at+step, to), err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("cannot end the Arrow stream: %w", err)
	}
	return out.Bytes(), nil
}

// arrowSchema is the 16 columns in the order of Columns.
func arrowSchema(dictionaries bool) *arrow.Schema {
	var text, few arrow.DataType = arrow.BinaryTypes.String, arrow.BinaryTypes.String
	if dictionaries {
		few = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: text}
	}
	types := map[string]arrow.DataType{
		"time": &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}, "service": few, "endpoint": few, "method": few,
		"status": arrow.PrimitiveTypes.Int64, "region": few, "host": few, "country": few, "user_id": text, "trace_id": text,
		"duration_ms": arrow.PrimitiveTypes.Float64, "bytes": arrow.PrimitiveTypes.Int64, "error": few,
		"tags": arrow.ListOf(few), "sample_rate": arrow.PrimitiveTypes.Int64, "message": text,
	}
	fields := make([]arrow.Field, 0, len(types))
	for _, name := range Columns() {
		fields = append(fields, arrow.Field{Name: name, Type: types[name], Nullable: name == "error"})
	}
	return arrow.NewSchema(fields, nil)
}

// appendArrow appends the row to the builders of its columns.
func (r *Row) appendArrow(b *array.RecordBuilder) error {
	texts := [...]struct {
		column int
		text   string
	}{
		{1, r.Service}, {2, r.Endpoint}, {3, r.Method}, {5, r.Region}, {6, r.Host}, {7, r.Country},
		{8, r.UserID()}, {9, r.TraceID()}, {15, r.Message()},
	}
	for _, t := range texts {
		if err := appendArrowText(b.Field(t.column), t.text); err != nil {
			return err
		}
	}
	b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(r.TimeMs))
	b.Field(4).(*array.Int64Builder).Append(r.Status)
	b.Field(10).(*array.Float64Builder).Append(r.DurationMs())
	b.Field(11).(*array.Int64Builder).Append(r.Bytes)
	b.Field(14).(*array.Int64Builder).Append(r.SampleRate)
	if r.Error == "" {
		b.Field(12).AppendNull()
	} else if err := appendArrowText(b.Field(12), r.Error); err != nil {
		return err
	}
	tags := b.Field(13).(*array.ListBuilder)
	tags.Append(true)
	for _, tag := range r.Tags() {
		if err := appendArrowText(tags.ValueBuilder(), tag); err != nil {
			return err
		}
	}
	return nil
}

func appendArrowText(b array.Builder, text string) error {
	if b, ok := b.(*array.BinaryDictionaryBuilder); ok {
		return b.AppendString(text)
	}
	b.(*array.StringBuilder).Append(text)
	return nil
}
