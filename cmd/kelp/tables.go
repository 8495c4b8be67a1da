package main

import (
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
)

type tablesCmd struct{ listing }

func (cmd *tablesCmd) Run(c *console) error {
	server, asTable, err := cmd.dial(c)
	if err != nil {
		return err
	}
	defer server.Close()
	list, err := server.Tables(c.ctx)
	if err != nil {
		return err
	}
	if !asTable {
		cmd.warn(c, &list.Completeness)
		return writeList(c, &cmd.listing, list.Tables)
	}
	if len(list.Tables) == 0 && list.Completeness.Ratio == 1 {
		return c.print("no data yet. Try:  kelp demo     or     tail -F app.log | kelp ingest app")
	}
	now := time.Now()
	t := newTable(widthOf(c.stdout), []string{"table", "rows", "memory", "rows/s", "newest", "holds"},
		[]bool{false, true, true, true, true, true})
	for _, one := range list.Tables {
		t.AppendRow(table.Row{
			one.Table, thousands(one.Rows), byteSize(one.Bytes), fmt.Sprintf("%.0f", one.RowsPerS), since(one.Newest, now),
			holds(one.From, one.Newest, one.Horizon, now),
		})
	}
	return c.print(t.Render() + "\n" + standing(&list.Completeness))
}
