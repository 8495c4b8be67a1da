package main

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
)

type statusCmd struct{ listing }

// Run lists the members of the cluster.
func (cmd *statusCmd) Run(c *console) error {
	server, asTable, err := cmd.dial(c)
	if err != nil {
		return err
	}
	defer server.Close()
	members, err := server.Cluster(c.ctx)
	if err != nil {
		return err
	}
	if !asTable {
		return writeList(c, &cmd.listing, members)
	}
	t := newTable(widthOf(c.stdout), []string{"name", "role", "state", "address", "rows", "memory", "budget", "damaged", "version"},
		[]bool{false, false, false, false, true, true, true, true, false})
	for _, m := range members {
		row := table.Row{m.Name, m.Role, m.State, m.Address, "-", "-", "-", "-", m.Version}
		if m.Role == "leaf" {
			row[4], row[5], row[6] = thousands(m.Rows), byteSize(m.MemoryUsed), byteSize(m.MemoryBudget)
			row[7] = fmt.Sprint(m.DamagedBlocks)
		}
		t.AppendRow(row)
	}
	return c.print(t.Render())
}
