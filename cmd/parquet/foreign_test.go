package parquet

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Files of another writer, with types, codecs and encodings that Arrow's does
// not have (testdata/README.md): what stands in them is given by the statement
// that made them.
func TestForeignFiles(t *testing.T) {
	for _, name := range []string{"testdata/duck_zstd_v2.parquet", "testdata/duck_lz4_raw.parquet"} {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := partsOf(file, Options{Rows: 10})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows := rowsOf(t, streams(parts)...)
		if len(rows) != 24 || len(parts) != 3 {
			t.Fatalf("%s: %d rows in %d parts", name, len(rows), len(parts))
		}
		for i, row := range rows {
			if got, want := strings.Split(row, ", "), duckRow(i); !slices.Equal(got, want) {
				t.Fatalf("%s row %d:\n got %q\nwant %q", name, i, got, want)
			}
		}
	}
}

// duckRow is row i as rowsOf writes it.
func duckRow(i int) []string {
	var row []string
	add := func(name, kind string, n int64, x float64, text string, list ...string) {
		row = append(row, fmt.Sprintf("%s=%s %d %g %q %q", name, kind, n, x, text, list))
	}
	ns := func(name, text string) {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			panic(err)
		}
		add(name, "time", at.UnixNano(), 0, "")
	}
	integer := func(name string, n int) { add(name, "int64", int64(n), 0, "") }
	number := func(name string, x float64) { add(name, "float64", 0, x, "") }
	text := func(name, s string) { add(name, "string", 0, 0, s) }
	begin := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

	row = append(row, fmt.Sprintf("time=%d", begin.Add(time.Duration(i)*time.Second).UnixNano()))
	integer("n", i)
	integer("tiny", i%7)
	integer("u", 3*i)
	number("ubig", 9223372036854775808+float64(i))
	number("f", float64(i)/4)
	number("f32", float64(i)/8)
	ok := int64(0)
	if i%3 == 0 {
		ok = 1
	}
	add("ok", "bool", ok, 0, "")
	if i%5 != 0 {
		text("name", fmt.Sprintf("name %d", i%11))
	}
	text("raw", fmt.Sprintf("x%d", i))
	add("day", "time", time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC).UnixNano(), 0, "")
	text("clock", "01:02:03.5")
	number("price", float64(i)*1.25)
	number("wide", float64(i)*1000000.000001)
	text("id", fmt.Sprintf("00000000-0000-0000-0000-%012d", i))
	span := fmt.Sprintf("P%dDT1.5S", i)
	text("span", strings.Replace(span, "P0DT", "PT", 1))
	ns("ns", "2026-01-02T03:04:05.123456789Z")
	ns("local", "2026-01-02T03:04:05.5Z")
	number("huge", float64(i))
	integer("http.status", 200+i%3)
	text("http.in.path", fmt.Sprintf("/p/%d", i%4))
	switch {
	case i%4 == 1:
		add("tags", "list", 0, 0, "")
	case i%4 > 1:
		add("tags", "list", 0, 0, "", "a", fmt.Sprintf("b%d", i%3))
	}
	text("numbers", fmt.Sprintf("[%d,%d]", i, i+1))
	text("labels", fmt.Sprintf(`{"k":%d,"l":null}`, i))
	text("nested", fmt.Sprintf(`[{"a":%d,"b":["x"]}]`, i))
	text("color", []string{"red", "blue"}[i%2])
	text("doc", `{"a":1}`)
	slices.Sort(row)
	return row
}
