package aggregator

import (
	"encoding/json"
	"net/http"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// arrowRowsMax is the rows of one record batch of an Arrow answer.
const arrowRowsMax = 65_536

// writeAnswerArrow writes an Arrow IPC stream of at least one record batch. The
// summary travels as JSON in the last one's metadata, and in the trailers.
func writeAnswerArrow(w http.ResponseWriter, _ *http.Request, ans *Answer) error {
	w.Header().Set("Trailer", trailers)
	w.Header().Set("Content-Type", "application/vnd.apache.arrow.stream")
	res := ans.Result
	note, err := json.Marshal(summary(ans))
	if err != nil {
		panic("BUG: a summary is not JSON: " + err.Error())
	}
	fields := make([]arrow.Field, len(res.Columns))
	for i, c := range res.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: arrowType(c.Type), Nullable: true}
	}
	schema := arrow.NewSchema(fields, nil)
	stream := &arrowStream{w: w}
	out := ipc.NewWriterWithPayloadWriter(stream, ipc.WithSchema(schema))
	for from := 0; from == 0 || from < res.Rows; from += arrowRowsMax {
		to := min(from+arrowRowsMax, res.Rows)
		if to == res.Rows {
			stream.note = note
		}
		rec := arrowRecord(schema, res, from, to)
		err := out.Write(rec)
		rec.Release()
		if err != nil {
			return nil // the client went away
		}
	}
	if err := out.Close(); err != nil {
		return nil // as above
	}
	setSummary(w.Header(), ans)
	return nil
}

func arrowType(t storage.Type) arrow.DataType {
	switch t {
	case storage.TypeBool:
		return arrow.FixedWidthTypes.Boolean
	case storage.TypeInt64:
		return arrow.PrimitiveTypes.Int64
	case storage.TypeFloat64:
		return arrow.PrimitiveTypes.Float64
	case storage.TypeTime:
		return &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}
	case storage.TypeList:
		return arrow.ListOf(arrow.BinaryTypes.String)
	}
	return arrow.BinaryTypes.String
}

func arrowRecord(schema *arrow.Schema, res *query.Result, from, to int) arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i, col := range res.Cols {
		field := b.Field(i)
		for row := from; row < to; row++ {
			appendArrow(field, col.Value(row))
		}
	}
	return b.NewRecord()
}

func appendArrow(b array.Builder, v storage.Value) {
	if v.IsNull() {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(v.Int != 0)
	case *array.Int64Builder:
		b.Append(v.Int)
	case *array.Float64Builder:
		b.Append(v.Float)
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v.Int))
	case *array.ListBuilder:
		b.Append(true)
		items := b.ValueBuilder().(*array.StringBuilder)
		for _, item := range v.List {
			items.Append(item)
		}
	case *array.StringBuilder:
		b.Append(v.Str)
	default:
		panic("BUG: no Arrow builder for " + v.Type.String())
	}
}
