package shop

import (
	"strconv"
	"time"
)

// AppendJSON appends the event as one line of JSON with its newline. Nothing in
// an event needs escaping.
func (e *Event) AppendJSON(dst []byte) []byte {
	text := func(name, value string) {
		dst = append(append(append(append(append(dst, `,"`...), name...), `":"`...), value...), '"')
	}
	number := func(name string, value float64, decimals int) {
		dst = append(append(append(dst, `,"`...), name...), `":`...)
		dst = strconv.AppendFloat(dst, value, 'f', decimals, 64)
	}
	dst = e.Time.UTC().AppendFormat(append(dst, `{"time":"`...), time.RFC3339Nano)
	dst = append(dst, '"')
	text("service", e.Service)
	text("endpoint", e.Endpoint)
	text("method", e.Method)
	number("status", float64(e.Status), 0)
	number("ms", e.Ms, 2)
	text("version", e.Version)
	text("region", e.Region)
	text("host", e.Host)
	text("user_id", e.UserID)
	text("country", e.Country)
	text("device", e.Device)
	number("bytes", float64(e.Bytes), 0)
	if e.CartValue > 0 {
		number("cart_value", e.CartValue, 2)
	}
	if e.Error != "" {
		text("error", e.Error)
	}
	text("message", e.Message)
	dst = append(dst, `,"tags":[`...)
	for i, tag := range e.Tags {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), tag...), '"')
	}
	dst = append(dst, ']')
	text("trace_id", e.TraceID)
	number("sample_rate", float64(e.SampleRate), 0)
	return append(dst, "}\n"...)
}

func hex(v uint64) string {
	text := strconv.FormatUint(v, 16)
	return "0000000000000000"[len(text):] + text
}
