package side

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
)

// question is one of the reference questions, in words that each dialect
// replaces: {words} are in dialect.go, {constants} in constants.
type question struct {
	id, title string
	columns   string // what is selected
	where     string // a condition, or nothing
	tail      string // GROUP BY and what follows
	kinds     []kind // of the columns
	ordered   bool   // the order of the rows is part of the answer
}

// everyColumn is a row as it was sent, time first and the unique column second,
// so that kelp's own order (newest first, ties by columns) is that of the peers.
const everyColumn = "{ms}, trace_id, service, endpoint, method, status, region, host, country, user_id, duration_ms, bytes, error, tags, sample_rate, message"

func everyKind() []kind {
	return []kind{kindTime, kindText, kindText, kindText, kindText, kindInt, kindText, kindText, kindText, kindText,
		kindFloat, kindInt, kindText, kindList, kindInt, kindText}
}

func questions() []*question {
	percentiles := []kind{kindText, kindInt, kindFloat, kindPercentile, kindPercentile, kindPercentile}
	return []*question{
		{id: "Q1", title: "count", columns: "count(*)", kinds: []kind{kindInt}},
		{id: "Q2", title: "count by service", columns: "service, count(*)", tail: "GROUP BY service", kinds: []kind{kindText, kindInt}},
		{id: "Q3", title: "count, avg, p50, p95, p99 by endpoint, 5xx", columns: "endpoint, count(*), avg(duration_ms), {percentiles}",
			where: "status >= 500", tail: "GROUP BY endpoint", kinds: percentiles},
		{id: "Q3all", title: "the same over all rows", columns: "endpoint, count(*), avg(duration_ms), {percentiles}",
			tail: "GROUP BY endpoint", kinds: percentiles},
		{id: "Q4", title: "count per minute by region", columns: "{minute}, region, count(*)", tail: "GROUP BY 1, 2",
			kinds: []kind{kindTime, kindText, kindInt}},
		{id: "Q5", title: "one country and service: count, p95 per 5 minutes", columns: "{5 minutes}, count(*), {p95}",
			where: "country = '{country}' AND service = '{service}'", tail: "GROUP BY 1", kinds: []kind{kindTime, kindInt, kindPercentile}},
		{id: "Q6", title: "distinct users by service, exact", columns: "service, {distinct}", tail: "GROUP BY service",
			kinds: []kind{kindText, kindInt}},
		{id: "Q6a", title: "distinct users by service, approximate", columns: "service, {about distinct}", tail: "GROUP BY service",
			kinds: []kind{kindText, kindDistinct}},
		{id: "Q7", title: "a text within message: top 10 hosts", columns: "host, count(*) AS n", where: "{contains}",
			tail: "GROUP BY host ORDER BY n DESC, host LIMIT 10", kinds: []kind{kindText, kindInt}, ordered: true},
		{id: "Q8", title: "one trace_id: the row", columns: everyColumn, where: "trace_id = '{trace}'", kinds: everyKind()},
		{id: "Q9", title: "top 20 users by count", columns: "user_id, count(*) AS n",
			tail: "GROUP BY user_id ORDER BY n DESC, user_id LIMIT 20", kinds: []kind{kindText, kindInt}, ordered: true},
		{id: "Q10", title: "newest 100 rows with an error", columns: everyColumn, where: "error IS NOT NULL", tail: "{newest} LIMIT 100",
			kinds: everyKind(), ordered: true},
		{id: "Q11", title: "count, sum(bytes) by endpoint, host, status: top 50", columns: "endpoint, host, status, count(*) AS n, sum(bytes)",
			tail:  "GROUP BY endpoint, host, status ORDER BY n DESC, endpoint, host, status LIMIT 50",
			kinds: []kind{kindText, kindText, kindInt, kindInt, kindInt}, ordered: true},
		{id: "Q12", title: "a regular expression on message: count by service", columns: "service, count(*)", where: "{matches}",
			tail: "GROUP BY service", kinds: []kind{kindText, kindInt}},
	}
}

// approximate tells whether a column of the answer is.
func (q *question) approximate() bool {
	return slices.ContainsFunc(q.kinds, kind.approximate)
}

// text returns the ways a dialect has to ask the question, over the last hour
// of the constants or over everything.
func (q *question) text(d *dialect, hour bool, c *constants) []string {
	from, condition := "events", q.where
	if hour {
		if d.clause != nil {
			from += " " + d.clause(c.from, c.to)
		} else if in := d.condition(c.from, c.to); condition == "" {
			condition = in
		} else {
			condition = in + " AND " + condition
		}
	}
	sql := "SELECT " + q.columns + " FROM " + from
	if condition != "" {
		sql += " WHERE " + condition
	}
	if q.tail != "" {
		sql += " " + q.tail
	}
	ways := []string{sql + d.last}
	for _, word := range slices.Sorted(maps.Keys(d.words)) { // the order of the ways must not change
		placeholder := "{" + word + "}"
		if !strings.Contains(ways[0], placeholder) {
			continue
		}
		replaced := make([]string, 0, len(ways)*len(d.words[word]))
		for _, way := range ways {
			for _, as := range d.words[word] {
				replaced = append(replaced, strings.ReplaceAll(way, placeholder, as))
			}
		}
		ways = replaced
	}
	for i := range ways {
		ways[i] = strings.Join(strings.Fields(c.replacer().Replace(ways[i])), " ")
	}
	return ways
}

// constants are what a repetition of the questions asks for: the same in every
// system, another in every repetition.
type constants struct {
	country, service, needle, pattern, trace string
	from, to                                 time.Time // the last hour
}

func (c *constants) replacer() *strings.Replacer {
	return strings.NewReplacer("{country}", c.country, "{service}", c.service, "{needle}", c.needle, "{pattern}", c.pattern, "{trace}", c.trace)
}

// draw makes the constants of n repetitions. The first are those of the
// published figures, over exactly the last hour; the hour of the others begins
// up to a minute earlier. Nothing in them needs escaping in SQL.
func draw(g *gen.Generator, seed uint64, n int) []*constants {
	random := rand.New(rand.NewPCG(seed, 0x6b656c70))
	countries := []string{"US", "DE", "IN", "GB"}
	services := []string{"api", "web", "search"}
	needles := []string{"timeout", "parcel", "rate limit", "one-time code", "authorised"}
	patterns := []string{
		"took [0-9]{3,}[.][0-9]+ ms", "timeout (after|set to) [0-9]+", "session [0-9a-f]{12}$",
		"order [0-9]{8} (placed|moved)", "10[.]1[0-9]{2}[.][0-9]+",
	}
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	rows, end := g.Config().Rows, g.Config().End
	out := make([]*constants, n)
	for i := range out {
		back := time.Duration(0)
		c := &constants{country: countries[0], service: services[0], needle: needles[0], pattern: patterns[0]}
		if i > 0 {
			*c = constants{country: pick(countries), service: pick(services), needle: pick(needles), pattern: pick(patterns)}
			back = time.Duration(random.IntN(60)) * time.Second
		}
		c.from, c.to = end.Add(-time.Hour-back), end.Add(-back)
		// A row of the last half hour, but for its last minutes: it is in every
		// repetition's hour.
		row := g.Row(rows - 1 - rows/240 - random.Int64N(max(rows/48, 1)))
		c.trace = row.TraceID()
		out[i] = c
	}
	return out
}

// key names an answer: question, range and repetition.
type key struct {
	question string
	hour     bool
	round    int
}

func (k key) String() string {
	return fmt.Sprintf("%s over %s (round %d)", k.question, rangeName(k.hour), k.round)
}

func rangeName(hour bool) string {
	if hour {
		return "last hour"
	}
	return "24 h"
}
