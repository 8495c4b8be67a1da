package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kelpdb/kelp/cmd/client"
)

// listing is what the subcommands that list things have in common.
type listing struct {
	Format string `help:"${enum}; table on a terminal, ndjson in a pipe." enum:"auto,table,json,ndjson" default:"auto" placeholder:"NAME"`
}

// dial returns a client, and whether to write a table.
func (l *listing) dial(c *console) (server *client.Client, asTable bool, err error) {
	server, err = client.New(c.server, c.token)
	if err != nil {
		return nil, false, usageError{err}
	}
	return server, l.Format == "table" || l.Format == "auto" && isTerminal(c.stdout), nil
}

// standing says how complete a list is.
func standing(c *client.Completeness) string {
	return strings.TrimSuffix(footer(&client.Summary{Completeness: *c}), "\n")
}

// warn says on stderr how complete a list is, if it is not whole.
func (l *listing) warn(c *console, of *client.Completeness) {
	if of.Ratio < 1 {
		fmt.Fprintln(c.stderr, standing(of))
	}
}

// writeList writes one object a line, or with --format json an array.
func writeList[T any](c *console, l *listing, items []T) error {
	e := json.NewEncoder(c.stdout)
	e.SetEscapeHTML(false)
	if l.Format == "json" {
		if items == nil {
			items = []T{}
		}
		return e.Encode(items)
	}
	for _, item := range items {
		if err := e.Encode(item); err != nil {
			return err
		}
	}
	return nil
}

// print writes a rendered table.
func (c *console) print(rendered string) error {
	_, err := fmt.Fprint(c.stdout, trimLines(rendered+"\n"))
	return err
}
