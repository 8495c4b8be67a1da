package aggregator

import (
	"net/http"
	"strings"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// writeAnswerCSV writes RFC 4180 with a header row. Null is an empty field and
// the empty text is "", as PostgreSQL has it; but a lone null is "" too, because
// readers skip a line with nothing on it. Text stays as it is to the byte, also
// its line ends, which encoding/csv would change.
func writeAnswerCSV(w http.ResponseWriter, _ *http.Request, ans *Answer) error {
	w.Header().Set("Trailer", trailers)
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	res := ans.Result
	var buf []byte
	for i, c := range res.Columns {
		buf = appendCSVField(buf, i, c.Name, true)
	}
	buf = append(buf, "\r\n"...)
	lone := len(res.Cols) == 1
	for row := 0; row < res.Rows; row++ {
		for i, col := range res.Cols {
			v := col.Value(row)
			buf = appendCSVField(buf, i, csvText(v), lone || v.Type != storage.TypeNull)
		}
		buf = append(buf, "\r\n"...)
		if len(buf) > flushBytes {
			if _, err := w.Write(buf); err != nil {
				return nil // the client went away
			}
			buf = buf[:0]
		}
	}
	_, _ = w.Write(buf) // the client may have gone
	setSummary(w.Header(), ans)
	return nil
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
