package aggregator

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/ipc"
	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// arrowNotes reads a stream's messages without Arrow's package and returns the
// custom_metadata of each record batch, "" where there is none.
func arrowNotes(t *testing.T, stream []byte) (notes []string) {
	t.Helper()
	for {
		if len(stream) < 8 || binary.LittleEndian.Uint32(stream) != 0xFFFFFFFF {
			t.Fatalf("no message at the last %d bytes", len(stream))
		}
		size := int(binary.LittleEndian.Uint32(stream[4:]))
		if size == 0 {
			if len(stream) > 8 {
				t.Fatalf("%d bytes follow the end", len(stream)-8)
			}
			return notes
		}
		if size%8 != 0 {
			t.Fatalf("a description of %d bytes is not padded", size)
		}
		header := stream[8 : 8+size]
		message := flatbuffers.Table{Bytes: header, Pos: flatbuffers.GetUOffsetT(header)}
		body := int(message.GetInt64Slot(4+2*3, 0))
		stream = stream[8+size+body:]
		if message.GetByteSlot(4+2*1, 0) != 3 { // not a record batch
			continue
		}
		notes = append(notes, "")
		if at := flatbuffers.UOffsetT(message.Offset(4 + 2*4)); at != 0 {
			pair := flatbuffers.Table{Bytes: header, Pos: message.Indirect(message.Vector(at))}
			if key := pair.String(pair.Pos + flatbuffers.UOffsetT(pair.Offset(4))); message.VectorLen(at) != 1 || key != "kelp" {
				t.Fatalf("%d entries, the first is %q", message.VectorLen(at), key)
			}
			notes[len(notes)-1] = pair.String(pair.Pos + flatbuffers.UOffsetT(pair.Offset(6)))
		}
	}
}

// TestAnswerArrow: Arrow's reader takes the stream, whatever its number of rows,
// and the last batch alone says what stands behind it.
func TestAnswerArrow(t *testing.T) {
	f := func(rows, batches int) {
		t.Helper()
		res := newResult("b", storage.TypeBool, "i", storage.TypeInt64, "f", storage.TypeFloat64, "t", storage.TypeTime,
			"l", storage.TypeList, "s", storage.TypeString, "n", storage.TypeNull)
		for i := range rows {
			if i%3 == 2 {
				null := storage.Value{}
				addRow(res, null, null, null, null, null, null, null)
				continue
			}
			addRow(res, storage.Bool(i%2 == 1), storage.Int(int64(i)), storage.Float(float64(i)/2), storage.Time(int64(i)),
				storage.List([]string{"x", fmt.Sprint(i)}), storage.String(fmt.Sprint("s", i)), storage.Value{})
		}
		ans := &Answer{ID: "q", Result: res, Plan: &query.Plan{}, Completeness: Completeness{Ratio: 0.75, RowsCovered: 3, RowsExpected: 4}}
		w := httptest.NewRecorder()
		outFormat{stream: newArrowStream}.write(w, nil, ans)
		stream := w.Body.Bytes()
		r, err := ipc.NewReader(bytes.NewReader(stream))
		if err != nil {
			t.Fatal(err)
		}
		if r.Schema().HasMetadata() {
			t.Errorf("%d rows: the schema has metadata %v", rows, r.Schema().Metadata())
		}
		got, records := 0, 0
		for r.Next() {
			rec := r.Record()
			records++
			for row := range int(rec.NumRows()) {
				if want := fmt.Sprint(got); got%3 != 2 && (rec.Column(1).ValueStr(row) != want || rec.Column(5).ValueStr(row) != "s"+want) ||
					got%3 == 2 && !rec.Column(1).IsNull(row) {
					t.Fatalf("row %d: %s %s", got, rec.Column(1).ValueStr(row), rec.Column(5).ValueStr(row))
				}
				got++
			}
		}
		if r.Err() != nil || got != rows || records != batches {
			t.Errorf("%d rows: %d in %d batches, error %v", rows, got, records, r.Err())
		}
		notes := arrowNotes(t, stream)
		if len(notes) != batches {
			t.Fatalf("%d rows: %d batches", rows, len(notes))
		}
		for i, note := range notes {
			if i < len(notes)-1 {
				if note != "" {
					t.Errorf("%d rows: batch %d carries %s", rows, i, note)
				}
				continue
			}
			var said summaryJSON
			if err := json.Unmarshal([]byte(note), &said); err != nil || said.Completeness.Ratio != 0.75 || said.QueryID != "q" {
				t.Errorf("%d rows: %v: %q", rows, err, note)
			}
		}
		if got := w.Result().Trailer.Get("Kelp-Completeness"); got != "0.75" {
			t.Errorf("%d rows: trailer %q", rows, got)
		}
	}
	f(0, 1)
	f(1, 1)
	f(7, 1)
	f(arrowRowsMax, 1)
	f(arrowRowsMax+1, 2)
	f(2*arrowRowsMax+math.MaxUint8, 3)
}
