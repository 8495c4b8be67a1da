package aggregator

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

const (
	trailers   = "Kelp-Completeness, Kelp-Elapsed-Ms, Kelp-Warnings"
	flushBytes = 60 << 10 // of rows gathered before they are written out
)

// typeName is a result column's type for clients; a column of nothing but nulls
// is called string.
func typeName(c query.ResultColumn) string {
	if c.Type == storage.TypeNull {
		return storage.TypeString.String()
	}
	return c.Type.String()
}

// flushed writes out what has gathered if it is much, and returns what is to be gone
// on with.
func flushed(w io.Writer, buf []byte) ([]byte, error) {
	if len(buf) <= flushBytes {
		return buf, nil
	}
	_, err := w.Write(buf)
	return buf[:0], err
}

// ndjsonStream writes one object per row, and with ?summary=1 a last one with what
// stands behind them.
type ndjsonStream struct {
	w     http.ResponseWriter
	r     *http.Request
	names [][]byte
	buf   []byte
}

func newNDJSONStream(w http.ResponseWriter, r *http.Request) answerStream {
	return &ndjsonStream{w: w, r: r}
}

func (s *ndjsonStream) begin(first *query.Result, _ *Answer) {
	s.w.Header().Set("Trailer", trailers)
	s.w.Header().Set("Content-Type", "application/x-ndjson")
	s.names = make([][]byte, len(first.Columns))
	for i, c := range first.Columns {
		s.names[i] = append(query.AppendJSONValue(nil, storage.String(c.Name)), ':')
	}
}

func (s *ndjsonStream) rows(res *query.Result) error {
	for row := 0; row < res.Rows; row++ {
		s.buf = append(s.buf, '{')
		for i, col := range res.Cols {
			if i > 0 {
				s.buf = append(s.buf, ',')
			}
			s.buf = append(s.buf, s.names[i]...)
			s.buf = query.AppendJSONValue(s.buf, col.Value(row))
		}
		s.buf = append(s.buf, '}', '\n')
		var err error
		if s.buf, err = flushed(s.w, s.buf); err != nil {
			return err
		}
	}
	return nil
}

func (s *ndjsonStream) end(ans *Answer) error {
	if wanted, err := boolParam(s.r.URL.Query(), "summary"); err == nil && wanted {
		tail, err := json.Marshal(map[string]any{"_kelp": summary(ans)})
		if err != nil {
			panic("BUG: a summary is not JSON: " + err.Error())
		}
		s.buf = append(append(s.buf, tail...), '\n')
	}
	_, err := s.w.Write(s.buf)
	setSummary(s.w.Header(), ans)
	return err
}
