package storage

import (
	"fmt"
	"io"
)

// DumpBlock writes what a block holds, for people.
func DumpBlock(w io.Writer, data []byte) error {
	b, err := OpenBlock(data)
	if err != nil {
		return err
	}
	h := b.Header()
	if _, err := fmt.Fprintf(w, "block %v shard %d: %d rows, %d columns, %d bytes, weight %d\n", h.ID, h.Shard, h.Rows, h.Columns, h.Length, h.Weight); err != nil {
		return err
	}
	for _, c := range b.Columns() {
		if _, err := fmt.Fprintf(w, "%s %v %v: %d bytes, %d nulls\n", c.name, c.typ, c.enc, c.length, c.nulls); err != nil {
			return err
		}
	}
	return nil
}
