package aggregator

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/kelpdb/kelp/ingest"
	"github.com/kelpdb/kelp/storage"
)

// checkTable refuses names that are no table's; ours alone may begin with _kelp.
func checkTable(name string) error {
	if !storage.IsTableName(name) {
		return badRequest(fmt.Sprintf("%q is not a table name", name), "1 to 128 of A-Z a-z 0-9 _ . -")
	}
	if strings.HasPrefix(name, "_kelp.") {
		return badRequest("names that begin with _kelp. are reserved", "choose another name")
	}
	return nil
}

// serveIngest is POST /v1/ingest/{table}.
func (a *Aggregator) serveIngest(w http.ResponseWriter, r *http.Request) error {
	table := chi.URLParam(r, "table")
	if err := checkTable(table); err != nil {
		return err
	}
	values, err := params(r, "time")
	if err != nil {
		return err
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > keyBytesMax {
		return badRequest(fmt.Sprintf("the Idempotency-Key is longer than %d bytes", keyBytesMax), "a UUID is enough")
	}
	encoding := r.Header.Get("Content-Encoding")
	body, err := ingest.Body(newTimedBody(w, r), encoding)
	if err != nil {
		return badRequest(err.Error(), "plain, or one of those")
	}
	defer body.Close()
	length := r.ContentLength
	if encoding != "" {
		length = -1
	}
	receipt, err := a.ingest(table, key, a.newBodyReader(r.Context(), body, length), ingest.Options{
		Format:    ingest.FormatOf(r.Header.Get("Content-Type")),
		TimeField: values.Get("time"),
		Now:       a.cfg.Now,
	})
	if err != nil {
		e := *asAPIError(err)
		e.Receipt = &receipt
		return &e
	}
	if receipt.Accepted == 0 && receipt.Rejected > 0 {
		return &apiError{Status: http.StatusBadRequest, Code: "bad_request", Receipt: &receipt,
			Message: "no row could be accepted; the first: " + firstError(receipt)}
	}
	if receipt.Accepted == 0 {
		return &apiError{Status: http.StatusBadRequest, Code: "bad_request", Receipt: &receipt,
			Message: "the body holds no row", Hint: rowHint(ingest.FormatOf(r.Header.Get("Content-Type")))}
	}
	writeReceipt(w, &receipt)
	return nil
}

// rowHint shows what a row looks like in a format.
func rowHint(f ingest.Format) string {
	switch f {
	case ingest.CSV:
		return "after the line of names, a line for each row"
	case ingest.ArrowStream:
		return "a schema and at least one record batch with rows"
	}
	return `send JSON objects, for example {"path":"/pay","ms":31}`
}

func firstError(r Receipt) string {
	if len(r.Errors) == 0 {
		return "unknown"
	}
	return fmt.Sprintf("row %d: %s", r.Errors[0].Row, r.Errors[0].Error)
}
