package aggregator

import (
	"net/http/httptest"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// TestCSV: what is null, what is empty, and a row that is nothing but a null can
// be told apart from no row; text is kept to the byte.
func TestCSV(t *testing.T) {
	f := func(want string, columns []any, rows ...[]storage.Value) {
		t.Helper()
		res := newResult(columns...)
		for _, row := range rows {
			addRow(res, row...)
		}
		w := httptest.NewRecorder()
		if (outFormat{stream: newCSVStream}).write(w, nil, &Answer{Result: res}); w.Body.String() != want {
			t.Errorf("%q, want %q", w.Body, want)
		}
	}
	null, text := storage.Value{}, storage.String
	f("a\r\n\"\"\r\nx\r\n\"\"\r\n", []any{"a", storage.TypeString},
		[]storage.Value{null}, []storage.Value{text("x")}, []storage.Value{text("")})
	f("a,\"b \"\"c\"\"\"\r\n,\"\"\r\n\"1\n2\r\n3\",\" x\"\r\n", []any{"a", storage.TypeString, `b "c"`, storage.TypeString},
		[]storage.Value{null, text("")}, []storage.Value{text("1\n2\r\n3"), text(" x")})
}
