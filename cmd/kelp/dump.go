package main

import (
	"bufio"

	"github.com/kelpdb/kelp/storage"
)

type dumpCmd struct {
	File string `arg:"" type:"existingfile" help:"A file of the memory or the data directory."`
}

// Run says what a file of a leaf holds. It needs no server and changes nothing.
func (cmd *dumpCmd) Run(c *console) error {
	out := bufio.NewWriter(c.stdout)
	err := storage.DumpFile(out, cmd.File)
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	return err
}
