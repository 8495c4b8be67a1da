//go:build peers

package exec

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

// duckQueries is how many queries DuckDB is asked of each table, and duckTries how
// many are made for each that both dialects know.
const (
	duckQueries = 60
	duckTries   = 60
)

// A duck is DuckDB in a process of its own, asked by lines of JSON (bench/peers/protocol.mjs).
// The process ends with its standard input, so also when the test is killed.
type duck struct {
	t   *testing.T
	in  io.WriteCloser
	out *json.Decoder
}

func startDuck(t *testing.T) *duck {
	t.Helper()
	cmd := exec.Command("node", "duckdb.mjs")
	cmd.Dir, cmd.Stderr = "../../bench/peers", os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("cannot start DuckDB: %v; make diff installs it", err)
	}
	d := &duck{t: t, in: in, out: json.NewDecoder(bufio.NewReader(out))}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("DuckDB ended with %v", err)
		}
	})
	var hello struct{ Hello string }
	if err := d.out.Decode(&hello); err != nil {
		t.Fatalf("DuckDB says nothing: %v; make diff installs it", err)
	}
	t.Log(hello.Hello)
	d.call(map[string]any{"op": "open", "path": "", "threads": 1})
	d.must("SET order_by_non_integer_literal = true")
	return d
}

// call is one request, and the rows that it answers.
func (d *duck) call(request map[string]any) (rows [][]*string, failed string) {
	d.t.Helper()
	line, err := json.Marshal(request)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.in.Write(append(line, '\n')); err != nil {
		d.t.Fatal(err)
	}
	var reply struct {
		Rows  json.RawMessage
		Error string
	}
	if err := d.out.Decode(&reply); err != nil {
		d.t.Fatal(err)
	}
	if request["read"] == true && reply.Error == "" {
		if err := json.Unmarshal(reply.Rows, &rows); err != nil {
			d.t.Fatalf("%v: %s", err, reply.Rows)
		}
	}
	return rows, reply.Error
}

func (d *duck) must(sql string) {
	d.t.Helper()
	if _, failed := d.call(map[string]any{"op": "ask", "sql": sql}); failed != "" {
		d.t.Fatalf("%s\n%s", clipText(sql), failed)
	}
}

// load makes the table anew, with the weight of each row as __w.
func (d *duck) load(rows []oracle.Row, types map[string]storage.Type) {
	names := slices.Sorted(maps.Keys(types))
	list := make([]map[string]any, len(rows))
	for i, row := range rows {
		list[i] = map[string]any{"__w": strconv.FormatUint(query.Weight(row[storage.SampleRateColumn]), 10)}
		for _, name := range names {
			if v := row[name]; !v.IsNull() {
				list[i][name] = forDuck(v)
			}
		}
	}
	shape, columns := map[string]string{"__w": "VARCHAR"}, []string{"r.__w::BIGINT AS __w"}
	for _, name := range names {
		shape[name] = "VARCHAR"
		q := query.QuoteName(name)
		switch typ := types[name]; typ {
		case storage.TypeNull:
			delete(shape, name)
		case storage.TypeList:
			shape[name] = "VARCHAR[]"
			columns = append(columns, "r."+q+" AS "+q)
		case storage.TypeTime:
			columns = append(columns, fmt.Sprintf("make_timestamp(r.%s::BIGINT) AS %s", q, q))
		default:
			columns = append(columns, fmt.Sprintf("r.%s::%s AS %s", q, duckTypes[typ], q))
		}
	}
	data, err := json.Marshal(list)
	if err != nil {
		d.t.Fatal(err)
	}
	form, err := json.Marshal([]any{shape})
	if err != nil {
		d.t.Fatal(err)
	}
	d.must(fmt.Sprintf("CREATE OR REPLACE TABLE t AS SELECT %s FROM (SELECT unnest(from_json(%s, %s)) AS r)",
		strings.Join(columns, ", "), duckText(string(data)), duckText(string(form))))
	d.must("CREATE OR REPLACE VIEW raw AS SELECT * REPLACE (1::BIGINT AS __w) FROM t")
}

func forDuck(v storage.Value) any {
	switch v.Type {
	case storage.TypeTime:
		return strconv.FormatInt(v.Int/1000, 10)
	case storage.TypeFloat64:
		return strconv.FormatFloat(v.Float, 'g', -1, 64)
	case storage.TypeList:
		return append([]string{}, v.List...)
	}
	return query.CanonicalText(v)
}

// duckRows makes random rows in which times are whole microseconds and ms is a float
// everywhere: kelp takes integers among floats for what they are.
func duckRows(r *rand.Rand, n int) []oracle.Row {
	rows := diffRows(r, n)
	for _, row := range rows {
		if v := row["ms"]; v.Type == storage.TypeInt64 {
			row["ms"] = storage.Float(float64(v.Int))
		}
		at := row[storage.TimeColumn].Int
		row[storage.TimeColumn] = storage.Time(at - at%1000)
	}
	return rows
}

// TestEngineAgainstDuckDB asks random queries of random tables of kelp and DuckDB,
// those that mean the same in both dialects.
func TestEngineAgainstDuckDB(t *testing.T) {
	seed := *diffSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed: -diffseed %d", seed)
	pool := NewPool(2)
	defer pool.Close()
	d := startDuck(t)
	asked, differ := 0, 0
	refusals := make(map[string]int)
	for round := range *diffRounds {
		r := rand.New(rand.NewPCG(seed, uint64(round)))
		rows := duckRows(r, []int{1, 7, 60, 400, 1500}[r.IntN(5)])
		table := layOut(t, r, rows, 1+r.IntN(4), []int{1, 10, 200, 2000}[r.IntN(4)]*max(1, len(rows)/400))
		types := make(map[string]storage.Type)
		for name, set := range table.schema {
			if set == storage.TypeSet(0).With(query.ClusterType(set)) {
				types[name] = query.ClusterType(set)
			} else {
				types[name] = storage.TypeNull
			}
		}
		types[storage.TimeColumn] = storage.TypeTime
		d.load(rows, types)
		gen := &diffGen{r: r}
		for tries, done := 0, 0; tries < duckQueries*duckTries && done < duckQueries; tries++ {
			sql := gen.query()
			problem, why := d.differs(r, pool, table, types, sql)
			if why != "" {
				refusals[why]++
				continue
			}
			asked, done = asked+1, done+1
			if problem != "" {
				differ++
				t.Errorf("round %d, %d rows\n%s\n%s", round, len(rows), sql, problem)
				if differ > 20 {
					t.Fatal("and so on")
				}
			}
		}
	}
	t.Logf("%d queries asked of both, %d differ", asked, differ)
	for _, why := range slices.SortedFunc(maps.Keys(refusals), func(a, b string) int { return refusals[b] - refusals[a] }) {
		if n := refusals[why]; n > asked/20 || strings.HasPrefix(why, "DuckDB") { // an error of DuckDB's may be a wrong translation
			t.Logf("%6d not asked: %s", n, clipText(why))
		}
	}
}

// differs asks both. why says that the query is not for DuckDB.
func (d *duck) differs(r *rand.Rand, pool *Pool, table *diffTable, types map[string]storage.Type, sql string) (problem, why string) {
	q := table.query(sql, diffNow)
	plan, err := q.Plan()
	if err != nil {
		return "", "no valid query"
	}
	stmt, err := query.Parse(sql)
	if err != nil {
		return "", "no valid query"
	}
	sel := stmt.(*query.Select)
	whole := *sel
	whole.Where = nil
	unfiltered, err := query.Bind(&whole, q)
	if err != nil {
		return "", "no valid query"
	}
	limited := *plan
	limited.Range = unfiltered.Range
	tr := &duckTranslator{columns: types, now: diffNow, weighted: plan.Weighted}
	theirs, err := tr.translate(sel, &limited)
	if err != nil {
		return "", err.Error()
	}
	rows, failed := d.call(map[string]any{"op": "ask", "sql": theirs, "read": true})
	if failed != "" {
		return "", "DuckDB: " + failed
	}
	res, err := table.answer(r, pool, q)
	if err != nil {
		return "kelp: " + err.Error(), ""
	}
	if problem = tr.diff(res, rows); problem != "" {
		problem = theirs + "\n" + problem
	}
	return problem, ""
}

// diff says how the answers differ.
func (t *duckTranslator) diff(res *query.Result, rows [][]*string) string {
	text := func(s *string) string {
		if s == nil {
			return "null"
		}
		return strconv.Quote(*s)
	}
	for i := range min(res.Rows, len(rows)) {
		for c, item := range t.items {
			if v := res.Cols[c].Value(i); !sameAsDuck(v, rows[i][c], item) {
				return fmt.Sprintf("row %d, %s: kelp has %s, DuckDB %s", i, res.Columns[c].Name, showValue(v), text(rows[i][c]))
			}
		}
	}
	if res.Rows != len(rows) {
		return fmt.Sprintf("kelp has %d rows, DuckDB %d", res.Rows, len(rows))
	}
	return ""
}

// sameAsDuck holds a value against DuckDB's text of it.
func sameAsDuck(v storage.Value, theirs *string, item duckOutput) bool {
	if theirs == nil || v.IsNull() {
		return theirs == nil && v.IsNull()
	}
	switch v.Type {
	case storage.TypeInt64:
		n, ok := new(big.Int).SetString(*theirs, 10)
		return ok && n.IsInt64() && n.Int64() == v.Int
	case storage.TypeTime:
		return *theirs == strconv.FormatInt(v.Int/1000, 10) && v.Int%1000 == 0
	case storage.TypeFloat64:
		f, err := strconv.ParseFloat(strings.Replace(*theirs, "-nan", "nan", 1), 64) // NaN has a sign there
		if err != nil {
			return false
		}
		tolerance := 1e-9
		if item.percentile {
			tolerance = 0.0101
		}
		return f == v.Float || math.IsNaN(f) && math.IsNaN(v.Float) || math.Abs(f-v.Float) <= tolerance*math.Abs(f)
	case storage.TypeList:
		var list []string
		return json.Unmarshal([]byte(*theirs), &list) == nil && slices.Equal(list, v.List)
	}
	return query.CanonicalText(v) == *theirs
}
