package exec

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

var rewrite = flag.Bool("rewrite", false, "write what the engine answers into the scripts of query/testdata")

// scriptsDir has the scripts; its README has their grammar.
const scriptsDir = "../testdata"

// scriptLayouts are the leaves and the most rows of a block that every query
// of a script is asked over; the first one's answer is what stands in it.
var scriptLayouts = [][2]int{{1, 10_000}, {1, 1}, {2, 3}, {4, 2}}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(scriptsDir, "*.test"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", scriptsDir, err)
	}
	pool := NewPool(2)
	defer pool.Close()
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test"), func(t *testing.T) {
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			after := runScript(t, pool, string(before))
			if *rewrite && after != string(before) {
				if err := os.WriteFile(file, []byte(after), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// runScript asks the queries of a script and returns it with what came out.
func runScript(t *testing.T, pool *Pool, script string) string {
	var out strings.Builder
	var tables []*diffTable
	lines := strings.Split(strings.TrimRight(script, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		out.WriteString(lines[i] + "\n")
		section := lines[i]
		if section != "rows" && section != "query" {
			if section != "" && section[0] != '#' {
				t.Fatalf("line %d: %q is neither rows, query nor a comment", i+1, section)
			}
			continue
		}
		var body []string
		for i++; i < len(lines) && lines[i] != "----" && (section == "query" || lines[i] != ""); i++ {
			body = append(body, lines[i])
			out.WriteString(lines[i] + "\n")
		}
		if section == "rows" {
			out.WriteString("\n")
			tables = scriptTables(t, body)
			continue
		}
		line := i
		var want []string
		for i++; i < len(lines) && lines[i] != ""; i++ {
			want = append(want, lines[i])
		}
		got := askScript(t, pool, tables, strings.Join(body, "\n"))
		out.WriteString("----\n" + got + "\n")
		if w := strings.Join(append(want, ""), "\n"); got != w && !*rewrite {
			t.Errorf("line %d: %s\n--- got\n%s--- want\n%s", line, strings.Join(body, "\n"), got, w)
		}
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// scriptTables lays the rows of a script out in every way.
func scriptTables(t *testing.T, lines []string) []*diffTable {
	var rows []oracle.Row
	for i, line := range lines {
		row, err := scriptRow(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if _, ok := row[storage.TimeColumn]; !ok {
			row[storage.TimeColumn] = storage.Time(baseTime + int64(i)*1e9)
		}
		rows = append(rows, row)
	}
	var tables []*diffTable
	for _, l := range scriptLayouts {
		tables = append(tables, layOut(t, rand.New(rand.NewPCG(uint64(l[0]), uint64(l[1]))), rows, l[0], l[1]))
	}
	return tables
}

// scriptRow reads a JSON object. A text that begins with @ is a time or a
// float that JSON has no form for.
func scriptRow(line string) (oracle.Row, error) {
	dec := json.NewDecoder(strings.NewReader(line))
	dec.UseNumber()
	var fields map[string]any
	if err := dec.Decode(&fields); err != nil {
		return nil, err
	}
	row := oracle.Row{}
	for name, v := range fields {
		switch v := v.(type) {
		case nil:
		case bool:
			row[name] = storage.Bool(v)
		case json.Number:
			if n, err := v.Int64(); err == nil {
				row[name] = storage.Int(n)
			} else if f, err := v.Float64(); err == nil {
				row[name] = storage.Float(f)
			}
		case []any:
			items := make([]string, len(v))
			for i := range v {
				items[i] = fmt.Sprint(v[i])
			}
			row[name] = storage.List(items)
		case string:
			x, err := scriptText(v)
			if err != nil {
				return nil, err
			}
			row[name] = x
		default:
			return nil, fmt.Errorf("%s: %T", name, v)
		}
	}
	return row, nil
}

func scriptText(s string) (storage.Value, error) {
	switch s {
	case "@NaN":
		return storage.Float(math.NaN()), nil
	case "@Infinity":
		return storage.Float(math.Inf(1)), nil
	case "@-Infinity":
		return storage.Float(math.Inf(-1)), nil
	case "@-0":
		return storage.Float(math.Copysign(0, -1)), nil
	}
	if at, ok := strings.CutPrefix(s, "@"); ok {
		when, err := time.Parse(time.RFC3339Nano, at)
		return storage.Time(when.UnixNano()), err
	}
	return storage.String(s), nil
}

// askScript asks every layout and the oracle, and returns the answer as text.
func askScript(t *testing.T, pool *Pool, tables []*diffTable, sql string) string {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	answer := ""
	for i, d := range tables {
		q := d.query(sql, diffNow)
		if _, err := q.Plan(); err != nil {
			var e *query.Error
			if !errors.As(err, &e) {
				t.Errorf("%s: %v", sql, err)
			}
			return fmt.Sprintf("error %s: %s\n", e.Code, e.Error())
		}
		res, err := d.answer(r, pool, q)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			return ""
		}
		text := resultText(res)
		if i == 0 {
			answer = text
		} else if text != answer {
			t.Errorf("%s\n--- in blocks %s\n%s--- in one block\n%s", sql, d.layout, text, answer)
		}
		if problem, _ := d.differs(r, pool, sql, diffNow); problem != "" {
			t.Errorf("%s\nblocks %s, against the oracle: %s", sql, d.layout, problem)
		}
	}
	return answer
}

// resultText is a result as it stands in a script.
func resultText(res *query.Result) string {
	var b bytes.Buffer
	for i, c := range res.Columns {
		if i > 0 {
			b.WriteString(" | ")
		}
		fmt.Fprintf(&b, "%s %s", c.Name, c.Type)
	}
	b.WriteString("\n")
	for i := range res.Rows {
		for c, col := range res.Cols {
			if c > 0 {
				b.WriteString(" | ")
			}
			v := col.Value(i)
			if v.Type == storage.TypeString {
				fmt.Fprintf(&b, "%q", v.Str)
			} else if v.IsNull() {
				b.WriteString("null")
			} else {
				b.WriteString(query.CanonicalText(v))
			}
		}
		b.WriteString("\n")
	}
	if res.Other != nil {
		fmt.Fprintf(&b, "other: rows %v, groups %d\n", res.Other.Rows, res.Other.Groups)
	}
	if res.Truncated != nil {
		fmt.Fprintf(&b, "truncated: by %s, limit %d, kept %d\n", res.Truncated.By, res.Truncated.Limit, res.Truncated.Kept)
	}
	if len(res.Approximate) > 0 {
		fmt.Fprintf(&b, "approximate: %s\n", strings.Join(res.Approximate, ", "))
	}
	if res.Bucket != nil {
		fmt.Fprintf(&b, "bucket: %s %d ms\n", res.Bucket.Column, res.Bucket.WidthMs)
	}
	for _, w := range res.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}
