package main

import (
	"fmt"
	"io"
	"os"

	"github.com/kelpdb/kelp/cmd/client"
)

// catalogCmd writes out and reads back what aggregators agree on.
type catalogCmd struct {
	Export catalogExportCmd `cmd:"" help:"Write settings of tables and all that is saved as JSON to standard output."`
	Import catalogImportCmd `cmd:"" help:"Read such a file back, over what is there; other entries stay."`
}

type catalogExportCmd struct{}

func (cmd *catalogExportCmd) Run(c *console) error {
	server, err := client.New(c.server, c.token)
	if err != nil {
		return usageError{err}
	}
	defer server.Close()
	text, err := server.ExportCatalog(c.ctx)
	if err != nil {
		return err
	}
	_, err = c.stdout.Write(text)
	return err
}

type catalogImportCmd struct {
	File string `arg:"" help:"File that kelp catalog export wrote; - is standard input."`
}

func (cmd *catalogImportCmd) Run(c *console) error {
	server, err := client.New(c.server, c.token)
	if err != nil {
		return usageError{err}
	}
	defer server.Close()
	var text []byte
	if cmd.File == "-" {
		text, err = io.ReadAll(c.stdin)
	} else {
		text, err = os.ReadFile(cmd.File)
	}
	if err != nil {
		return fmt.Errorf("cannot read the export: %w", err)
	}
	n, err := server.ImportCatalog(c.ctx, text)
	if err != nil {
		return err
	}
	return c.print(fmt.Sprintf("%s imported", plural(n, "entry", "entries")))
}
