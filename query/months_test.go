package query

import "testing"

// Months move by the calendar; a day that the month does not have is its last,
// and what passes the ends of time is null.
func TestMonths(t *testing.T) {
	f := expects(t)
	f("'2024-01-31T10:00:00.5Z'::time + 1mo", `"2024-02-29T10:00:00.5Z"`)
	f("'2023-01-31' + 1mo", `"2023-02-28T00:00:00Z"`)
	f("'2023-03-31'::time - 1mo", `"2023-02-28T00:00:00Z"`)
	f("'2024-03-31'::time - 13mo", `"2023-02-28T00:00:00Z"`)
	f("'2024-01-31'::time - 3mo", `"2023-10-31T00:00:00Z"`)
	f("'2024-01-31'::time + 1mo + 1mo", `"2024-03-29T00:00:00Z"`)
	f("2mo + '2024-01-31'::time", `"2024-03-31T00:00:00Z"`)
	f("'1969-12-31'::time + INTERVAL '2 months'", `"1970-02-28T00:00:00Z"`)
	f("'2024-02-29'::time + INTERVAL '1 year'", `"2025-02-28T00:00:00Z"`)
	f("'2024-01-31'::time + INTERVAL '1 month 1 day'", `"2024-03-01T00:00:00Z"`)
	f("'2024-03-31'::time - INTERVAL '1 month -1 day'", `"2024-03-01T00:00:00Z"`)
	f("'2262-03-11'::time + 1mo", `"2262-04-11T00:00:00Z"`)
	f("null + 1mo", "null")
}

// What never is a number is null in numeric context, as in a column of several types.
func TestNoNumberIsNull(t *testing.T) {
	f := expects(t)
	for _, expr := range []string{"true + 1", "1 - false", "true * true", "true / 0", "-true", "abs(false)", "ceil(true)", "round(true)", "round(2, true)",
		"sqrt(true)", "power(2, true)", "bucket(true, 2)", "to_timestamp(true)", "now() + true"} {
		f(expr, "null")
	}
}
