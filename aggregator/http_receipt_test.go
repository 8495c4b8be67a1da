package aggregator

import (
	"encoding/json"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestWriteReceipt holds what is written by hand against encoding/json.
func TestWriteReceipt(t *testing.T) {
	f := func(r Receipt) {
		t.Helper()
		if r.Errors == nil {
			r.Errors = []RowError{}
		}
		if r.Warnings == nil {
			r.Warnings = []string{}
		}
		want, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		writeReceipt(w, &r)
		if got := w.Body.String(); got != string(want)+"\n" || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f(Receipt{})
	f(Receipt{Accepted: math.MaxUint64, Rejected: 7, Duplicate: true, Batch: "01J8-abc_.~!"})
	for c := range rune(0x120) {
		f(Receipt{Accepted: 1, Batch: "a" + string(c) + "b"})
	}
	f(Receipt{Batch: "\xff"})
	f(Receipt{Batch: strings.Repeat("x", keyBytesMax)})
	f(Receipt{Errors: []RowError{{Row: 3, Error: "no"}}})
	f(Receipt{Warnings: []string{"hm"}})
}
