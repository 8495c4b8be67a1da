package aggregator

import (
	"net/http"
	"strings"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// csvStream writes RFC 4180 with a header row. Null is an empty field and the
// empty text is "", as PostgreSQL has it; but a lone null is "" too, because
// readers skip a line with nothing on it. Text stays as it is to the byte, also
// its line ends, which encoding/csv would change.
type csvStream struct {
	w   http.ResponseWriter
	buf []byte
}

func newCSVStream(w http.ResponseWriter, _ *http.Request) answerStream { return &csvStream{w: w} }

func (s *csvStream) begin(first *query.Result, _ *Answer) {
	s.w.Header().Set("Trailer", trailers)
	s.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	for i, c := range first.Columns {
		s.buf = appendCSVField(s.buf, i, c.Name, true)
	}
	s.buf = append(s.buf, "\r\n"...)
}

func (s *csvStream) rows(res *query.Result) error {
	lone := len(res.Cols) == 1
	for row := 0; row < res.Rows; row++ {
		for i, col := range res.Cols {
			v := col.Value(row)
			s.buf = appendCSVField(s.buf, i, csvText(v), lone || v.Type != storage.TypeNull)
		}
		s.buf = append(s.buf, "\r\n"...)
		var err error
		if s.buf, err = flushed(s.w, s.buf); err != nil {
			return err
		}
	}
	return nil
}

func (s *csvStream) end(ans *Answer) error {
	_, err := s.w.Write(s.buf)
	setSummary(s.w.Header(), ans)
	return err
}

// appendCSVField appends the i-th field of a record; there tells whether an
// empty text is to be seen as one.
func appendCSVField(dst []byte, i int, text string, there bool) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	if text == "" && !there {
		return dst
	}
	if text != "" && !strings.ContainsAny(text, ",;\t\"\r\n") && text[0] != ' ' && text[len(text)-1] != ' ' && text != `\.` {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		before, after, found := strings.Cut(text, `"`)
		dst = append(dst, before...)
		if !found {
			return append(dst, '"')
		}
		dst, text = append(dst, `""`...), after
	}
}

func csvText(v storage.Value) string {
	switch v.Type {
	case storage.TypeNull:
		return ""
	case storage.TypeString:
		return v.Str
	case storage.TypeList:
		return string(query.AppendJSONValue(nil, v))
	}
	return query.CanonicalText(v)
}
