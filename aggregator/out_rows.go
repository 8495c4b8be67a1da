package aggregator

import (
	"encoding/json"
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

// writeAnswerNDJSON writes one object per row, and with ?summary=1 a last one
// with what stands behind them.
func writeAnswerNDJSON(w http.ResponseWriter, r *http.Request, ans *Answer) error {
	w.Header().Set("Trailer", trailers)
	w.Header().Set("Content-Type", "application/x-ndjson")
	res := ans.Result
	names := make([][]byte, len(res.Columns))
	for i, c := range res.Columns {
		names[i] = append(query.AppendJSONValue(nil, storage.String(c.Name)), ':')
	}
	var buf []byte
	for row := 0; row < res.Rows; row++ {
		buf = append(buf, '{')
		for i, col := range res.Cols {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = append(buf, names[i]...)
			buf = query.AppendJSONValue(buf, col.Value(row))
		}
		buf = append(buf, '}', '\n')
		if len(buf) > flushBytes {
			if _, err := w.Write(buf); err != nil {
				return nil // the client went away
			}
			buf = buf[:0]
		}
	}
	if wanted, err := boolParam(r.URL.Query(), "summary"); err == nil && wanted {
		tail, err := json.Marshal(map[string]any{"_kelp": summary(ans)})
		if err != nil {
			panic("BUG: a summary is not JSON: " + err.Error())
		}
		buf = append(append(buf, tail...), '\n')
	}
	_, _ = w.Write(buf) // the client may have gone
	setSummary(w.Header(), ans)
	return nil
}
