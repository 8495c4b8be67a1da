package aggregator

import (
	"encoding/json"
	"fmt"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/kelpdb/kelp/query"
)

// outFormat writes an answer in one media type.
type outFormat struct {
	media  string
	stream func(w http.ResponseWriter, r *http.Request) answerStream
	events bool // several answers, each as stream has it
}

// An answerStream writes an answer, in pages or in one: begin, rows for each page, of
// the same columns, end. whole is the answer if there is one page alone, so that what
// stands behind it can go into headers; nil: it goes into trailers. An error says that
// the client went away.
type answerStream interface {
	begin(first *query.Result, whole *Answer)
	rows(page *query.Result) error
	end(ans *Answer) error
}

// write writes a whole answer.
func (f outFormat) write(w http.ResponseWriter, r *http.Request, ans *Answer) {
	out := f.stream(w, r)
	out.begin(ans.Result, ans)
	if out.rows(ans.Result) == nil {
		_ = out.end(ans) // the client may have gone; nobody is left to tell
	}
}

// formatOf chooses the answer's format by the Accept header: of the media types
// in it that we know the one of the highest quality, of equals the first; JSON
// if it names none or anything.
func formatOf(accept string) (outFormat, error) {
	asJSON := outFormat{media: "application/json", stream: newJSONStream}
	formats := []outFormat{
		asJSON,
		{media: "application/x-ndjson", stream: newNDJSONStream},
		{media: "text/csv", stream: newCSVStream},
		{media: "application/vnd.apache.arrow.stream", stream: newArrowStream},
		{media: eventStream, stream: newJSONStream, events: true},
		{media: "*/*", stream: newJSONStream}, {media: "application/*", stream: newJSONStream}, {media: "text/html", stream: newJSONStream},
	}
	if strings.TrimSpace(accept) == "" {
		return asJSON, nil
	}
	best, bestQuality := outFormat{}, 0.0
	for _, part := range strings.Split(accept, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		quality := 1.0
		if q, ok := params["q"]; ok {
			if quality, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		i := slices.IndexFunc(formats, func(f outFormat) bool { return f.media == media })
		if i >= 0 && quality > bestQuality {
			best, bestQuality = formats[i], quality
		}
	}
	if best.stream == nil {
		return asJSON, &apiError{Status: http.StatusNotAcceptable, Code: "bad_request",
			Message: fmt.Sprintf("cannot answer as %q", accept),
			Hint:    "application/json, application/x-ndjson, text/csv, application/vnd.apache.arrow.stream or text/event-stream"}
	}
	return best, nil
}

// setSummary puts what stands behind an answer into headers or trailers.
func setSummary(h http.Header, ans *Answer) {
	h.Set("Kelp-Completeness", formatRatio(ans.Completeness.Ratio))
	h.Set("Kelp-Elapsed-Ms", strconv.FormatFloat(elapsedMs(ans.Elapsed), 'f', -1, 64))
	if len(ans.Result.Warnings) > 0 {
		h.Set("Kelp-Warnings", headerList(ans.Result.Warnings))
	}
}

// headerList writes texts as a JSON array in ASCII, so that a header can carry
// them and a program can take them apart. Of a list that is too long, the last
// element says how many are left out.
func headerList(texts []string) string {
	list := []byte{'['}
	for i, text := range texts {
		item := asciiJSON(text)
		if len(list)+len(item) > headerBytesMax {
			item = asciiJSON(fmt.Sprintf("%d more", len(texts)-i))
			return string(append(append(list, item...), ']'))
		}
		list = append(append(list, item...), ',')
	}
	list[len(list)-1] = ']'
	return string(list)
}

// asciiJSON is a text as a JSON string without a byte above 0x7e.
func asciiJSON(s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic("BUG: a text is not JSON: " + err.Error())
	}
	ascii := make([]byte, 0, len(text))
	for _, r := range string(text) {
		switch {
		case r < 0x7f: // what is below 0x20 has been escaped
			ascii = append(ascii, byte(r))
		case r <= 0xffff:
			ascii = fmt.Appendf(ascii, "\\u%04x", r)
		default:
			high, low := utf16.EncodeRune(r)
			ascii = fmt.Appendf(ascii, "\\u%04x\\u%04x", high, low)
		}
	}
	return ascii
}

func formatRatio(r float64) string { return strconv.FormatFloat(r, 'f', -1, 64) }

// elapsedMs is a duration in ms with three decimals.
func elapsedMs(d time.Duration) float64 { return math.Round(float64(d)/1e3) / 1e3 }

// timeOrNil is a time for JSON; nil where there is none.
func timeOrNil(ns int64) any {
	if ns == 0 || ns == minTime || ns == maxTime {
		return nil
	}
	return time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
}
