package gen

import (
	"strconv"
	"time"
)

// Columns are the names of the 16 columns, in the order they are written.
func Columns() []string {
	return []string{
		"time", "service", "endpoint", "method", "status", "region", "host", "country", "user_id",
		"trace_id", "duration_ms", "bytes", "error", "tags", "sample_rate", "message",
	}
}

// Time returns the row's time, UTC.
func (r *Row) Time() time.Time { return time.UnixMilli(r.TimeMs).UTC() }

// UserID returns `user-` and six digits.
func (r *Row) UserID() string { return string(appendUser(nil, r.User)) }

// TraceID returns 32 hex digits, unique in the workload.
func (r *Row) TraceID() string { return string(appendTrace(nil, r.traceHi, r.traceLo)) }

// DurationMs returns the duration, exactly the number that the NDJSON says.
func (r *Row) DurationMs() float64 { return float64(r.DurationUs) / 1000 }

// Tags returns the row's tags, none to four; the slice is the row's own.
func (r *Row) Tags() []string { return r.tags[:r.tagsCount] }

// Message returns the text.
func (r *Row) Message() string { return string(r.appendMessage(nil)) }

// AppendNDJSON appends row i as one line of JSON with its newline.
func (g *Generator) AppendNDJSON(dst []byte, i int64) []byte {
	row := g.Row(i)
	return row.AppendNDJSON(dst)
}

// AppendNDJSON appends the row as one line of JSON with its newline. No value
// needs escaping: the tables hold plain ASCII without quotes or backslashes.
func (r *Row) AppendNDJSON(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"time":`...), r.TimeMs, 10)
	dst = append(append(dst, `,"service":"`...), r.Service...)
	dst = append(append(dst, `","endpoint":"`...), r.Endpoint...)
	dst = append(append(dst, `","method":"`...), r.Method...)
	dst = strconv.AppendInt(append(dst, `","status":`...), r.Status, 10)
	dst = append(append(dst, `,"region":"`...), r.Region...)
	dst = append(append(dst, `","host":"`...), r.Host...)
	dst = append(append(dst, `","country":"`...), r.Country...)
	dst = appendUser(append(dst, `","user_id":"`...), r.User)
	dst = appendTrace(append(dst, `","trace_id":"`...), r.traceHi, r.traceLo)
	dst = appendMillis(append(dst, `","duration_ms":`...), r.DurationUs)
	dst = strconv.AppendInt(append(dst, `,"bytes":`...), r.Bytes, 10)
	if r.Error == "" {
		dst = append(dst, `,"error":null,"tags":[`...)
	} else {
		dst = append(append(append(dst, `,"error":"`...), r.Error...), `","tags":[`...)
	}
	for k, tag := range r.Tags() {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), tag...), '"')
	}
	dst = strconv.AppendInt(append(dst, `],"sample_rate":`...), r.SampleRate, 10)
	dst = r.appendMessage(append(dst, `,"message":"`...))
	return append(dst, "\"}\n"...)
}

func (r *Row) appendMessage(dst []byte) []byte {
	random := r.variables
	for _, p := range r.template {
		dst = append(dst, p.text...)
		switch p.variable {
		case varNone:
		case varUser:
			dst = appendUser(dst, r.User)
		case varDuration:
			dst = appendMillis(dst, r.DurationUs)
		case varEndpoint:
			dst = append(dst, r.Endpoint...)
		case varHost:
			dst = append(dst, r.Host...)
		case varBytes:
			dst = strconv.AppendInt(dst, r.Bytes, 10)
		case varSmall:
			dst = strconv.AppendInt(dst, int64(random.next()%100), 10)
		case varOrder:
			dst = strconv.AppendInt(dst, int64(10_000_000+random.next()%90_000_000), 10)
		case varAddress:
			dst = appendAddress(dst, uint32(random.next()))
		case varHex:
			dst = appendHex(dst, random.next(), 12)
		}
	}
	return dst
}

func appendUser(dst []byte, user int) []byte {
	n := len(dst)
	dst = append(dst, "user-000000"...)
	for at := len(dst) - 1; at > n+4; at-- {
		dst[at] = byte('0' + user%10)
		user /= 10
	}
	return dst
}

func appendTrace(dst []byte, hi, lo uint64) []byte {
	return appendHex(appendHex(dst, hi, 16), lo, 16)
}

func appendHex(dst []byte, v uint64, digits int) []byte {
	const hex = "0123456789abcdef"
	for shift := (digits - 1) * 4; shift >= 0; shift -= 4 {
		dst = append(dst, hex[v>>shift&15])
	}
	return dst
}

func appendMillis(dst []byte, us int64) []byte {
	dst = strconv.AppendInt(dst, us/1000, 10)
	f := us % 1000
	return append(dst, '.', byte('0'+f/100), byte('0'+f/10%10), byte('0'+f%10))
}

func appendAddress(dst []byte, bits uint32) []byte {
	dst = append(dst, "10."...)
	dst = strconv.AppendUint(dst, uint64(bits>>16&0xff), 10)
	dst = strconv.AppendUint(append(dst, '.'), uint64(bits>>8&0xff), 10)
	return strconv.AppendUint(append(dst, '.'), uint64(bits&0xff), 10)
}
