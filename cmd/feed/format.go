package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
	"github.com/kelpdb/kelp/ingest"
)

// Format is how the rows of a source are written.
type Format string

// The formats besides those of log lines.
const (
	Auto    Format = "auto"
	NDJSON  Format = "ndjson"  // one object a line
	JSON    Format = "json"    // objects over many lines, or arrays of them
	CSV     Format = "csv"     // with a header line
	Arrow   Format = "arrow"   // an IPC stream or file (Feather)
	Parquet Format = "parquet" // sent as Arrow streams
)

var (
	arrowStart     = []byte{0xff, 0xff, 0xff, 0xff}
	arrowFileStart = []byte("ARROW1")
)

func (f Format) mediaType() string {
	switch f {
	case CSV:
		return client.TypeCSV
	case Arrow:
		return client.TypeArrow
	}
	return client.TypeNDJSON // also for JSON: its bodies are objects one after another
}

func (f Format) cutter() cutter {
	switch f {
	case JSON:
		return &jsonCutter{}
	case CSV:
		return &csvCutter{}
	case Arrow:
		return &arrowCutter{}
	}
	return lineCutter{}
}

// Detect tells the format from the name and the first bytes of a source.
func Detect(name string, sample []byte) (Format, error) {
	sample = bytes.TrimPrefix(sample, []byte("\xef\xbb\xbf"))
	text := bytes.TrimLeft(sample, " \t\r\n")
	switch {
	case startsParquet(sample):
		return Parquet, nil
	case bytes.HasPrefix(sample, arrowStart), bytes.HasPrefix(sample, arrowFileStart):
		return Arrow, nil
	case bytes.HasPrefix(sample, []byte("FEA1")):
		return "", errors.New("this is Feather of version 1, which is not supported; write it as version 2 (pyarrow: feather.write_feather)")
	case bytes.HasPrefix(text, []byte("{")) && anyLineIsJSON(text):
		return NDJSON, nil
	case bytes.HasPrefix(text, []byte("[")):
		if next := bytes.TrimLeft(text[1:], " \t\r\n"); len(next) > 0 && (next[0] == '{' || next[0] == ']') {
			return JSON, nil
		}
	}
	if strings.HasSuffix(trimCompression(name), ".csv") {
		return CSV, nil
	}
	switch f := ingest.DetectFormat(sample); f {
	case ingest.LineCSV:
		return CSV, nil
	case ingest.LineJSON:
		if !anyLineIsJSON(text) {
			return JSON, nil
		}
		return NDJSON, nil
	default:
		return Format(f.String()), nil
	}
}

func trimCompression(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(name), ".gz"), ".zst")
}

// anyLineIsJSON: one whole object in a line is proof enough; its neighbours may
// be broken.
func anyLineIsJSON(text []byte) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] == '{' && json.Valid(line) {
			return true
		}
	}
	return false
}

// Formats are the names that --format takes.
func Formats() []string {
	names := []string{string(Auto), string(NDJSON), string(JSON), string(CSV), string(Arrow), string(Parquet)}
	for _, f := range ingest.LineFormats() {
		names = append(names, f.String())
	}
	return names
}

func supported() string { return strings.Join(Formats()[1:], ", ") }

// ParseFormat returns the format of that name.
func ParseFormat(name string) (Format, error) {
	for _, f := range Formats() {
		if f == strings.ToLower(name) {
			return Format(f), nil
		}
	}
	return "", fmt.Errorf("unknown format %q; one of: %s, %s", name, Auto, supported())
}

// converter returns what turns lines of the format into JSON, nil for formats
// that are sent as they are.
func (f Format) converter(now func() time.Time) *ingest.LineParser {
	for _, l := range ingest.LineFormats() {
		if l.String() == string(f) {
			return ingest.NewLineParser(l, now)
		}
	}
	return nil
}

// convert turns lines into NDJSON. index holds, for each row, the number of its
// line, from 0.
func convert(lines *ingest.LineParser, text []byte) (out []byte, index []int32) {
	out = make([]byte, 0, 2*len(text))
	number := int32(-1)
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimRight(line, "\r\n")
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		with, ok := lines.AppendJSON(out, line)
		if !ok {
			continue
		}
		out = append(with, '\n')
		index = append(index, number)
	}
	return out, index
}

// convertLoose turns the loose lines among those of JSON into rows, and leaves
// all others, and the number of lines, as they are.
func convertLoose(lines *ingest.LineParser, text []byte, loose []span) []byte {
	if len(loose) == 0 {
		return text
	}
	out := make([]byte, 0, len(text)+len(text)/4)
	from := 0
	for _, s := range loose {
		out = append(out, text[from:s.from]...)
		out, _ = lines.AppendJSON(out, text[s.from:s.to])
		out = append(out, '\n')
		from = s.to
	}
	return append(out, text[from:]...)
}
