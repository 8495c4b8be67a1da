package clienttest

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Server is the fake. Its fields are set before the first request.
type Server struct {
	URL string

	// Answer gives the body of a query's answer for a media type; the status is
	// 200 unless it returns another.
	Answer func(sql, accept string) (status int, body string)

	// Get holds bodies of GET requests by path.
	Get map[string]string

	mu       sync.Mutex
	rows     map[string][]map[string]any
	receipts map[string]receipt
	requests []Request
	failures []Failure
}

// Request is what an ingest call looked like.
type Request struct {
	Table, Key, Type, Encoding, Time, Token string
	Bytes                                   int
}

// Failure is one request that goes wrong.
type Failure struct {
	Status int    // 0 cuts the connection
	Header string // Retry-After
	After  bool   // the batch is kept first
}

type receipt struct {
	Accepted  int64      `json:"accepted"`
	Rejected  int64      `json:"rejected"`
	Errors    []rowError `json:"errors"`
	Batch     string     `json:"batch"`
	Duplicate bool       `json:"duplicate"`
	Warnings  []string   `json:"warnings"`
}

type rowError struct {
	Row   int64  `json:"row"`
	Error string `json:"error"`
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{rows: map[string][]map[string]any{}, receipts: map[string]receipt{}, Get: map[string]string{"/healthz": "ok"}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

// Fail makes the next ingest calls go wrong, one each.
func (s *Server) Fail(failures ...Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, failures...)
}

// Rows returns what a table holds.
func (s *Server) Rows(table string) []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]map[string]any{}, s.rows[table]...)
}

// Requests returns the ingest calls so far, failed ones too.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request{}, s.requests...)
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	table, isIngest := strings.CutPrefix(r.URL.Path, "/v1/ingest/")
	switch {
	case r.Method == http.MethodPost && isIngest:
		s.ingest(w, r, table)
	case r.Method == http.MethodPost && r.URL.Path == "/v1/query" && s.Answer != nil:
		s.query(w, r)
	case r.Method == http.MethodGet && s.Get[r.URL.Path] != "":
		io.WriteString(w, s.Get[r.URL.Path])
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"error": {"code": "unknown_table", "message": "nothing at %s"}}`, r.URL.Path)
	}
}

func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	var q struct {
		SQL string `json:"sql"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	status, body := s.Answer(q.SQL, r.Header.Get("Accept"))
	w.Header().Set("Trailer", "Kelp-Completeness")
	w.WriteHeader(status)
	io.WriteString(w, body)
	w.Header().Set("Kelp-Completeness", "1")
}

func (s *Server) ingest(w http.ResponseWriter, r *http.Request, table string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	s.requests = append(s.requests, Request{
		Table: table, Key: key, Type: r.Header.Get("Content-Type"), Encoding: r.Header.Get("Content-Encoding"),
		Time: r.URL.Query().Get("time"), Token: r.Header.Get("Authorization"), Bytes: len(body),
	})
	if len(s.failures) > 0 {
		f := s.failures[0]
		s.failures = s.failures[1:]
		if f.After {
			s.keep(table, key, r, body)
		}
		if f.Status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Retry-After", f.Header)
		w.WriteHeader(f.Status)
		fmt.Fprintf(w, `{"error": {"code": "unavailable", "message": "told to fail"}, "accepted": 0, "rejected": 0}`)
		return
	}
	rec := s.keep(table, key, r, body)
	if rec.Accepted == 0 && rec.Rejected > 0 {
		w.WriteHeader(http.StatusBadRequest)
		text, _ := json.Marshal(rec)
		fmt.Fprintf(w, `{"error": {"code": "bad_request", "message": "no row could be accepted"}, %s`, text[1:])
		return
	}
	json.NewEncoder(w).Encode(rec)
}

// keep stores the rows of a batch once.
func (s *Server) keep(table, key string, r *http.Request, body []byte) receipt {
	if rec, ok := s.receipts[key]; ok && key != "" {
		rec.Duplicate = true
		return rec
	}
	rec := receipt{Batch: key, Errors: []rowError{}, Warnings: []string{}}
	for i, row := range decode(r.Header.Get("Content-Type"), r.Header.Get("Content-Encoding"), body) {
		if row == nil {
			rec.Rejected++
			rec.Errors = append(rec.Errors, rowError{int64(i + 1), "not JSON"})
			continue
		}
		rec.Accepted++
		s.rows[table] = append(s.rows[table], row)
	}
	s.receipts[key] = rec
	return rec
}

// decode returns the rows; nil is one that cannot be read.
func decode(kind, encoding string, body []byte) []map[string]any {
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch encoding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "zstd":
		r, err = zstd.NewReader(r)
	}
	if err != nil {
		return []map[string]any{nil}
	}
	switch kind {
	case "text/csv":
		return decodeCSV(r)
	case "application/vnd.apache.arrow.stream":
		return decodeArrow(r)
	}
	return decodeJSON(r)
}

// decodeJSON takes objects a line, and where a line is none, objects over many.
func decodeJSON(r io.Reader) (rows []map[string]any) {
	text, _ := io.ReadAll(r)
	if rows, ok := decodeObjects(text); ok {
		return rows
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var row map[string]any
		if json.Unmarshal(lines.Bytes(), &row) != nil {
			row = nil
		}
		rows = append(rows, row)
	}
	return rows
}

func decodeObjects(text []byte) (rows []map[string]any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		var row map[string]any
		switch err := d.Decode(&row); {
		case err == io.EOF:
			return rows, true
		case err != nil:
			return nil, false
		}
		rows = append(rows, row)
	}
}

func decodeCSV(r io.Reader) (rows []map[string]any) {
	records, err := csv.NewReader(r).ReadAll()
	if err != nil || len(records) == 0 {
		return []map[string]any{nil}
	}
	for _, record := range records[1:] {
		row := map[string]any{}
		for i, name := range records[0] {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func decodeArrow(r io.Reader) (rows []map[string]any) {
	a, err := ipc.NewReader(r)
	if err != nil {
		return []map[string]any{nil}
	}
	defer a.Release()
	for a.Next() {
		rec := a.Record()
		for i := range int(rec.NumRows()) {
			row := map[string]any{}
			for c, f := range rec.Schema().Fields() {
				row[f.Name] = rec.Column(c).ValueStr(i)
			}
			rows = append(rows, row)
		}
	}
	if a.Err() != nil {
		rows = append(rows, nil)
	}
	return rows
}
