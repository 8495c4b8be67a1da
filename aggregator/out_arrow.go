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

// answerArrow writes an Arrow IPC stream of at least one record batch. The
// summary travels as JSON in the last one's metadata, and in the trailers: so the
// last rows are held back until it is known that none follow.
type answerArrow struct {
	w      http.ResponseWriter
	schema *arrow.Schema
	stream *arrowStream
	out    *ipc.Writer
	held   *query.Result // of which rows from on are not written yet
	from   int
}

func newArrowStream(w http.ResponseWriter, _ *http.Request) answerStream { return &answerArrow{w: w} }

func (s *answerArrow) begin(first *query.Result, _ *Answer) {
	s.w.Header().Set("Trailer", trailers)
	s.w.Header().Set("Content-Type", "application/vnd.apache.arrow.stream")
	fields := make([]arrow.Field, len(first.Columns))
	for i, c := range first.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: arrowType(c.Type), Nullable: true}
	}
	s.schema = arrow.NewSchema(fields, nil)
	s.stream = &arrowStream{w: s.w}
	s.out = ipc.NewWriterWithPayloadWriter(s.stream, ipc.WithSchema(s.schema))
	s.held = first
	s.from = first.Rows // its rows come by rows
}

func (s *answerArrow) rows(res *query.Result) error {
	if s.from < s.held.Rows {
		if err := s.batch(s.held.Rows); err != nil {
			return err
		}
	}
	s.held, s.from = res, 0
	for s.held.Rows-s.from > arrowRowsMax {
		if err := s.batch(s.from + arrowRowsMax); err != nil {
			return err
		}
	}
	return nil
}

// batch writes the held rows up to one.
func (s *answerArrow) batch(to int) error {
	rec := arrowRecord(s.schema, s.held, s.from, to)
	defer rec.Release()
	s.from = to
	return s.out.Write(rec)
}

func (s *answerArrow) end(ans *Answer) error {
	note, err := json.Marshal(summary(ans))
	if err != nil {
		panic("BUG: a summary is not JSON: " + err.Error())
	}
	s.stream.note = note
	if err := s.batch(s.held.Rows); err != nil {
		return err
	}
	err = s.out.Close()
	setSummary(s.w.Header(), ans)
	return err
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
