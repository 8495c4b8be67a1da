package ingest

import (
	"bytes"
	"fmt"
	"time"
)

// LineFormat is how the lines of a log are written.
type LineFormat uint8

const (
	LinePlain       LineFormat = iota // no known format: the line is the message
	LineLogfmt                        // level=info msg="..."
	LineAccess                        // nginx and Apache access logs, common and combined
	LineNginxError                    // nginx error log
	LineApacheError                   // Apache error log, 2.2 and 2.4
	LineSyslog3164                    // <34>Oct 11 22:14:15 host app[pid]: message, also without <34>
	LineSyslog5424                    // <165>1 2026-... host app pid msgid [id k="v"] message

	// LineMixed takes each line by the format that knows it (lines_mixed.go):
	// for logs in which no format is that of most lines.
	LineMixed

	// These two are not formats of lines: DetectFormat returns them where a
	// sample can be sent as it is. A LineParser passes objects of JSON
	// through, and takes CSV for plain lines.
	LineJSON
	LineCSV

	lineFormatsCount
)

var lineFormatNames = [lineFormatsCount]string{"plain", "logfmt", "access", "nginx-error", "apache-error", "syslog", "syslog5424", "mixed", "json", "csv"}

func (f LineFormat) String() string {
	if f < lineFormatsCount {
		return lineFormatNames[f]
	}
	return fmt.Sprintf("line format %d", uint8(f))
}

// LineFormats lists the formats of lines, each known by itself.
func LineFormats() []LineFormat {
	return []LineFormat{LinePlain, LineLogfmt, LineAccess, LineNginxError, LineApacheError, LineSyslog3164, LineSyslog5424}
}

// linesByShape are the formats that a line's own shape tells, the strictest
// first.
var linesByShape = [...]LineFormat{LineSyslog5424, LineAccess, LineNginxError, LineApacheError, LineSyslog3164, LineLogfmt}

// detectLinesMax is how many lines of a sample are looked at: a header, a
// stack trace or a banner must not decide.
const detectLinesMax = 50

// DetectFormat tells the format of most lines of a sample, the beginning of a
// file or stream.
func DetectFormat(sample []byte) LineFormat {
	sample = bytes.TrimPrefix(sample, []byte("\xEF\xBB\xBF"))
	if beginsObject(sample) {
		return LineJSON
	}
	var lines [][]byte
	for line := range bytes.Lines(sample) {
		whole := bytes.HasSuffix(line, []byte("\n"))
		line = bytes.TrimRight(line, "\r\n")
		if len(bytes.TrimSpace(line)) == 0 || !whole && len(lines) > 0 {
			continue // the last line may be cut off
		}
		if lines = append(lines, line); len(lines) == detectLinesMax {
			break
		}
	}
	objects := 0
	for _, line := range lines {
		if isObject(line) {
			objects++
		}
	}
	if objects > len(lines)/2 {
		return LineJSON
	}
	p := NewLineParser(LinePlain, time.Now)
	for _, f := range linesByShape {
		hits := 0
		for _, line := range lines {
			p.begin(nil)
			if p.parse(f, line) {
				hits++
			}
		}
		if hits > len(lines)/2 {
			return f
		}
	}
	if looksLikeCSV(lines) {
		return LineCSV
	}
	return LinePlain
}

// looksLikeCSV tells whether lines are a table: names without blanks or digits
// in front, and as many fields in every line as there are names.
func looksLikeCSV(lines [][]byte) bool {
	if len(lines) < 2 {
		return false
	}
	for _, separator := range []byte{',', ';', '\t'} {
		names := bytes.Split(lines[0], []byte{separator})
		if len(names) < 2 {
			continue
		}
		good := true
		for _, name := range names {
			name = bytes.Trim(name, "\" ")
			good = good && len(name) > 0 && len(name) < 64 && !isDigit(name[0]) && !bytes.ContainsAny(name, "[]{}<>:=")
		}
		for _, line := range lines[1:] {
			// Quoted fields may hold more separators, never fewer.
			good = good && bytes.Count(line, []byte{separator}) >= len(names)-1
			good = good && (bytes.IndexByte(line, '"') >= 0 || bytes.Count(line, []byte{separator}) == len(names)-1)
		}
		if good {
			return true
		}
	}
	return false
}

// LineParser turns the lines of a log into objects of JSON, as the server takes
// them. It is for one goroutine.
type LineParser struct {
	format  LineFormat
	now     func() time.Time
	out     []byte
	scratch []byte
	zone    zoneCache
}

// NewLineParser returns a parser. A time without a zone is taken in the zone of
// what now returns; a date without a year gets the one that puts it nearest
// before it.
func NewLineParser(f LineFormat, now func() time.Time) *LineParser {
	if f >= lineFormatsCount {
		panic(fmt.Sprintf("BUG: %v", f))
	}
	return &LineParser{format: f, now: now}
}

// AppendJSON appends the object for a line, which has no newline at its end. ok
// is false for a blank line: then dst is returned as it was. A line that is not
// of the parser's format is taken as a plain one, so none is lost.
//
// Columns are named as the sources name them: time, host, level, message, app,
// pid of syslog; time, level, message and what else an error log says;
// remote_addr, remote_user, method, path, query, protocol, status, bytes,
// referer, user_agent of access logs.
func (p *LineParser) AppendJSON(dst, line []byte) ([]byte, bool) {
	line = bytes.TrimRight(line, "\r\n")
	if len(bytes.TrimSpace(line)) == 0 {
		return dst, false
	}
	if p.format == LineJSON && line[0] == '{' || p.format == LineMixed && isObject(line) {
		return append(dst, line...), true
	}
	p.begin(dst)
	if p.format == LineMixed {
		p.mixed(dst, line)
	} else if !p.parse(p.format, line) {
		p.begin(dst)
		p.plain(line)
	}
	out := append(p.out, '}')
	p.out = nil
	return out, true
}

// parse appends the fields of a line of a format. It returns false if the line
// is not of it; then what was appended is void.
func (p *LineParser) parse(f LineFormat, line []byte) bool {
	switch f {
	case LineLogfmt:
		return p.logfmt(line)
	case LineAccess:
		return p.access(line)
	case LineNginxError:
		return p.nginxError(line)
	case LineApacheError:
		return p.apacheError(line)
	case LineSyslog3164:
		return p.syslog3164(line)
	case LineSyslog5424:
		return p.syslog5424(line)
	}
	return false
}
