package aggregator

import (
	"encoding/json"
	"net/http"

	"github.com/kelpdb/kelp/query"
)

// jsonStream writes the whole answer as one object, columns and rows first.
type jsonStream struct {
	w    http.ResponseWriter
	buf  []byte
	some bool // a row was written
}

func newJSONStream(w http.ResponseWriter, _ *http.Request) answerStream { return &jsonStream{w: w} }

func (s *jsonStream) begin(first *query.Result, whole *Answer) {
	if whole != nil {
		setSummary(s.w.Header(), whole)
	} else {
		s.w.Header().Set("Trailer", trailers)
	}
	s.w.Header().Set("Content-Type", "application/json")
	s.buf = append(make([]byte, 0, 64<<10), `{"columns":`...)
	s.buf = appendColumns(s.buf, first)
	s.buf = append(s.buf, `,"rows":[`...)
}

func (s *jsonStream) rows(res *query.Result) error {
	for row := 0; row < res.Rows; row++ {
		if s.some {
			s.buf = append(s.buf, ',')
		}
		s.some = true
		s.buf = append(s.buf, '[')
		for i, col := range res.Cols {
			if i > 0 {
				s.buf = append(s.buf, ',')
			}
			s.buf = query.AppendJSONValue(s.buf, col.Value(row))
		}
		s.buf = append(s.buf, ']')
		var err error
		if s.buf, err = flushed(s.w, s.buf); err != nil {
			return err
		}
	}
	return nil
}

func (s *jsonStream) end(ans *Answer) error {
	tail, err := json.Marshal(summary(ans))
	if err != nil {
		panic("BUG: a summary is not JSON: " + err.Error())
	}
	s.buf = append(append(s.buf, `],`...), tail[1:]...)
	_, err = s.w.Write(append(s.buf, '\n'))
	setSummary(s.w.Header(), ans) // in the header it has been sent
	return err
}

func appendColumns(buf []byte, res *query.Result) []byte {
	type column struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	columns := make([]column, len(res.Columns))
	for i, c := range res.Columns {
		columns[i] = column{c.Name, typeName(c)}
	}
	text, err := json.Marshal(columns)
	if err != nil {
		panic("BUG: column names are not JSON: " + err.Error())
	}
	return append(buf, text...)
}

// summaryJSON is an answer without its columns and rows.
type summaryJSON struct {
	Completeness Completeness  `json:"completeness"`
	Range        rangeJSON     `json:"range"`
	Bucket       *bucketJSON   `json:"bucket"`
	Horizon      any           `json:"horizon"`
	Newest       any           `json:"newest"`
	Stats        statsJSON     `json:"stats"`
	Approximate  []string      `json:"approximate"`
	Truncated    *truncateJSON `json:"truncated"`
	Other        *otherJSON    `json:"other"`
	Compare      *compareJSON  `json:"compare"`
	Warnings     []string      `json:"warnings"`
	QueryID      string        `json:"query_id"`
}

type rangeJSON struct {
	From any `json:"from"`
	To   any `json:"to"`
}

type compareJSON struct {
	Range        rangeJSON    `json:"range"`
	Completeness Completeness `json:"completeness"`
}

type bucketJSON struct {
	Column  string `json:"column"`
	WidthMs int64  `json:"width_ms"`
}

type truncateJSON struct {
	By    string `json:"by"`
	Limit int64  `json:"limit"`
	Kept  int64  `json:"kept"`
}

type otherJSON struct {
	Rows   []int `json:"rows"`
	Groups int   `json:"groups"`
}

type statsJSON struct {
	RowsScanned   uint64  `json:"rows_scanned"`
	RowsMatched   uint64  `json:"rows_matched"`
	BlocksScanned uint64  `json:"blocks_scanned"`
	BlocksPruned  uint64  `json:"blocks_pruned"`
	BytesScanned  uint64  `json:"bytes_scanned"`
	ElapsedMs     float64 `json:"elapsed_ms"`
}

// summary is what stands behind an answer.
func summary(ans *Answer) summaryJSON {
	res, s := ans.Result, ans.Stats
	out := summaryJSON{
		Completeness: ans.Completeness,
		Range:        rangeJSON{timeOrNil(ans.From), timeOrNil(ans.To)},
		Horizon:      timeOrNil(ans.Horizon), Newest: timeOrNil(ans.Newest),
		Stats: statsJSON{s.RowsScanned, s.RowsMatched, s.BlocksScanned, s.BlocksPruned, s.BytesScanned,
			elapsedMs(ans.Elapsed)},
		Approximate: append([]string{}, res.Approximate...),
		Warnings:    append([]string{}, res.Warnings...),
		QueryID:     ans.ID,
	}
	if c := ans.Compare; c != nil {
		out.Compare = &compareJSON{rangeJSON{timeOrNil(c.From), timeOrNil(c.To)}, c.Completeness}
	}
	if res.Bucket != nil {
		out.Bucket = &bucketJSON{res.Bucket.Column, res.Bucket.WidthMs}
	}
	if t := res.Truncated; t != nil {
		out.Truncated = &truncateJSON{t.By, t.Limit, t.Kept}
	}
	if res.Other != nil {
		out.Other = &otherJSON{append([]int{}, res.Other.Rows...), res.Other.Groups}
	}
	return out
}
