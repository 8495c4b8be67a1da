package side

import (
	"fmt"
	"time"
)

// dialect is how a system says the words of the questions. Where there are
// several ways, each is tried and the fastest is measured.
type dialect struct {
	words     map[string][]string
	clause    func(from, to time.Time) string // range behind the table's name, or
	condition func(from, to time.Time) string // as a condition
	last      string                          // behind everything
}

// kelpDialect: RAW, because no peer weighs rows by their sample rate.
func kelpDialect() *dialect {
	return &dialect{
		words: map[string][]string{
			"percentiles":    {"p50(duration_ms), p95(duration_ms), p99(duration_ms)"},
			"p95":            {"p95(duration_ms)"},
			"ms":             {"time"},
			"minute":         {"time(1m)"},
			"5 minutes":      {"time(5m)"},
			"distinct":       {"uniq_exact(user_id)"},
			"about distinct": {"uniq(user_id)"},
			"contains":       {"contains(message, '{needle}')"},
			"matches":        {"message ~ '{pattern}'"},
			"newest":         {""}, // rows come newest first
		},
		clause: func(from, to time.Time) string {
			return fmt.Sprintf("SINCE '%s' UNTIL '%s'", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
		},
		last: " RAW",
	}
}

func duckdbDialect() *dialect {
	return &dialect{
		words: map[string][]string{
			"percentiles": {"approx_quantile(duration_ms, [0.5, 0.95, 0.99])", "quantile_disc(duration_ms, [0.5, 0.95, 0.99])"},
			"p95":         {"approx_quantile(duration_ms, 0.95)", "quantile_disc(duration_ms, 0.95)"},
			"ms":          {"epoch_ms(time)"},
			// Counted from 1970, which is faster than calendar functions.
			"minute":         {"epoch_ms(time) // 60000 * 60000", "epoch_ms(date_trunc('minute', time))"},
			"5 minutes":      {"epoch_ms(time) // 300000 * 300000", "epoch_ms(time_bucket(INTERVAL 5 minutes, time))"},
			"distinct":       {"count(DISTINCT user_id)"},
			"about distinct": {"approx_count_distinct(user_id)"},
			"contains":       {"contains(message, '{needle}')"},
			"matches":        {"regexp_matches(message, '{pattern}')"},
			"newest":         {"ORDER BY time DESC, trace_id"},
		},
		condition: func(from, to time.Time) string {
			const layout = "2006-01-02 15:04:05"
			return fmt.Sprintf("time >= TIMESTAMP '%s' AND time < TIMESTAMP '%s'", from.UTC().Format(layout), to.UTC().Format(layout))
		},
	}
}

// exactDialect asks DuckDB for the exact answers that approximations are held
// against; it is never measured.
func exactDialect() *dialect {
	d := duckdbDialect()
	for word, as := range map[string]string{
		"percentiles":    "quantile_disc(duration_ms, [0.5, 0.95, 0.99])",
		"p95":            "quantile_disc(duration_ms, 0.95)",
		"minute":         "epoch_ms(date_trunc('minute', time))",
		"5 minutes":      "epoch_ms(time_bucket(INTERVAL 5 minutes, time))",
		"about distinct": "count(DISTINCT user_id)",
	} {
		d.words[word] = []string{as}
	}
	return d
}

func clickhouseDialect() *dialect {
	return &dialect{
		words: map[string][]string{
			"percentiles": {"quantilesTDigest(0.5, 0.95, 0.99)(duration_ms)", "quantiles(0.5, 0.95, 0.99)(duration_ms)",
				"quantilesExact(0.5, 0.95, 0.99)(duration_ms)"},
			"p95":            {"quantileTDigest(0.95)(duration_ms)", "quantile(0.95)(duration_ms)", "quantileExact(0.95)(duration_ms)"},
			"ms":             {"toUnixTimestamp64Milli(time)"},
			"minute":         {"toInt64(toUnixTimestamp(toStartOfMinute(time))) * 1000"},
			"5 minutes":      {"toInt64(toUnixTimestamp(toStartOfFiveMinutes(time))) * 1000"},
			"distinct":       {"uniqExact(user_id)"},
			"about distinct": {"uniq(user_id)", "uniqCombined(user_id)"},
			"contains":       {"position(message, '{needle}') > 0", "message LIKE '%{needle}%'"},
			"matches":        {"match(message, '{pattern}')"},
			"newest":         {"ORDER BY time DESC, trace_id"},
		},
		condition: func(from, to time.Time) string {
			const layout = "2006-01-02 15:04:05"
			return fmt.Sprintf("time >= toDateTime64('%s', 3, 'UTC') AND time < toDateTime64('%s', 3, 'UTC')",
				from.UTC().Format(layout), to.UTC().Format(layout))
		},
	}
}
