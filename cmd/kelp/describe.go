package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/kelpdb/kelp/cmd/client"
)

type describeCmd struct {
	listing
	Table   string `arg:"" help:"Table to describe."`
	Verbose bool   `help:"Say of each column also how its values are encoded."`
}

func (cmd *describeCmd) Run(c *console) error {
	server, asTable, err := cmd.dial(c)
	if err != nil {
		return err
	}
	defer server.Close()
	detail, err := server.Table(c.ctx, cmd.Table)
	if err != nil {
		return err
	}
	if !asTable {
		cmd.warn(c, &detail.Completeness)
		return writeList(c, &cmd.listing, []*client.TableDetail{detail})
	}
	fmt.Fprintf(c.stdout, "%s: %s rows in %s blocks, %s in memory, %s on disk\n",
		detail.Table, thousands(detail.Rows), thousands(detail.Blocks), byteSize(detail.Bytes), byteSize(detail.DiskBytes))
	if detail.Damaged.Blocks > 0 {
		fmt.Fprintf(c.stdout, "%s rows in %s blocks are damaged and missing in answers\n", thousands(detail.Damaged.Rows), thousands(detail.Damaged.Blocks))
	}
	if detail.From != nil && detail.To != nil {
		fmt.Fprintf(c.stdout, "from %s to %s, %s\n",
			detail.From.UTC().Format(time.RFC3339), detail.To.UTC().Format(time.RFC3339), span(detail.To.Sub(*detail.From)))
		fmt.Fprintf(c.stdout, "holds %s%s\n", holds(detail.From, detail.To, detail.Horizon, time.Now()), horizonNote(detail.Horizon))
	}
	for _, name := range slices.Sorted(maps.Keys(detail.Settings)) {
		// What is not set stays unsaid.
		if value := string(detail.Settings[name]); value != "null" && value != "0" && value != `""` {
			fmt.Fprintf(c.stdout, "%s = %s\n", name, value)
		}
	}
	heads, right := []string{"column", "type", "nulls", "distinct", "memory"}, []bool{false, false, true, true, true}
	if cmd.Verbose {
		heads, right = append(heads, "encoded as"), append(right, false)
	}
	t := newTable(widthOf(c.stdout), heads, right)
	for _, col := range detail.Columns {
		distinct := "-"
		if col.Distinct != nil {
			distinct = thousands(*col.Distinct)
		}
		row := table.Row{col.Name, typeMix(col.Types), percent(col.Nulls), distinct, byteSize(col.Bytes)}
		if cmd.Verbose {
			row = append(row, typeMix(col.Encodings))
		}
		t.AppendRow(row)
	}
	return c.print(t.Render() + "\n" + standing(&detail.Completeness))
}

// typeMix names the types of a column, or its encodings, the most frequent first:
// "int64", or "98% int64, 2% string".
func typeMix(types map[string]float64) string {
	names := slices.Collect(maps.Keys(types))
	slices.SortFunc(names, func(a, b string) int {
		switch {
		case types[a] > types[b]:
			return -1
		case types[a] < types[b]:
			return 1
		}
		return strings.Compare(a, b)
	})
	if len(names) <= 1 {
		return strings.Join(names, "")
	}
	for i, name := range names {
		names[i] = percent(types[name]) + " " + name
	}
	return strings.Join(names, ", ")
}
