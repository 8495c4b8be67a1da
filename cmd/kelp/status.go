package main

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/kelpdb/kelp/cmd/client"
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
	return c.print(strings.Join(append([]string{t.Render()}, damageLines(members)...), "\n"))
}

// damageLines says in words what is wrong with the members' memory.
func damageLines(members []client.Member) (lines []string) {
	for _, m := range members {
		if m.DamagedBlocks > 0 {
			lines = append(lines, fmt.Sprintf("%s: %s damaged blocks are missing in answers, with no good copy on disk yet", m.Name, thousands(m.DamagedBlocks)))
		}
		if m.HealedBlocks > 0 {
			lines = append(lines, fmt.Sprintf("%s: %s damaged blocks were read again from disk since it started", m.Name, thousands(m.HealedBlocks)))
		}
		if m.LogDamaged {
			lines = append(lines, m.Name+": its edit log could not be read to the end when it started, rows may be lost; its log names the file")
		}
	}
	return lines
}
