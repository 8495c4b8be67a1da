package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/kelpdb/kelp/cmd/client"
)

// tailCmd follows a table until it is interrupted.
type tailCmd struct {
	Table  string `arg:"" help:"The table."`
	Filter string `arg:"" optional:"" help:"A condition as in WHERE; without one all rows are printed."`
	Format string `help:"${enum}; lines on a terminal, ndjson in a pipe." enum:"auto,lines,ndjson" default:"auto" placeholder:"NAME"`
}

func (cmd *tailCmd) Run(c *console) error {
	server, err := client.New(c.server, c.token)
	if err != nil {
		return usageError{err}
	}
	defer server.Close()
	asLines := cmd.Format == "lines" || cmd.Format == "auto" && isTerminal(c.stdout)
	missing := "" // as it was said last
	err = server.Tail(c.ctx, cmd.Table, cmd.Filter, func(round *client.TailRound) error {
		if now := missingLeaves(round.Missing); now != missing {
			missing = now
			if now == "" {
				now = "no leaf is missing any more"
			}
			fmt.Fprintln(c.stderr, now)
		}
		var out bytes.Buffer
		for _, row := range round.Rows {
			if !asLines {
				out.Write(append(row, '\n'))
			} else if err := writeRowLine(&out, row); err != nil {
				return fmt.Errorf("cannot read a row of the server's: %w", err)
			}
		}
		if out.Len() > 0 {
			if _, err := c.stdout.Write(out.Bytes()); err != nil {
				return err
			}
		}
		if left := round.Matched - round.Sent; left > 0 {
			fmt.Fprintf(c.stderr, "%s of %s rows are left out\n", thousands(left), thousands(round.Matched))
		}
		return nil
	})
	if c.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // it is how one ends it
	}
	return err
}

// missingLeaves says which leaves rows may be missing of; "" if none.
func missingLeaves(list []client.Missing) string {
	if len(list) == 0 {
		return ""
	}
	texts := make([]string, len(list))
	for i, m := range list {
		texts[i] = m.Leaf + " " + m.Reason
	}
	return "rows may be missing: " + strings.Join(texts, ", ")
}

// writeRowLine writes a row as its time and name=value of all else, in its order.
func writeRowLine(out *bytes.Buffer, row json.RawMessage) error {
	in := json.NewDecoder(bytes.NewReader(row))
	if _, err := in.Token(); err != nil {
		return err
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return err
		}
		text := string(value)
		var plain string
		if json.Unmarshal(value, &plain) == nil && !needsQuotes(plain) {
			text = plain
		}
		if name != "time" {
			field, _ := name.(string)
			if needsQuotes(field) {
				field = strconv.Quote(field)
			}
			text = field + "=" + text
		}
		if b := out.Bytes(); len(b) > 0 && b[len(b)-1] != '\n' {
			out.WriteByte(' ')
		}
		out.WriteString(text)
	}
	_, err := io.WriteString(out, "\n")
	return err
}

// needsQuotes tells whether a text would not stand alone on a line, or would do more to
// a terminal than be read. JSON escapes what is below a blank, so in quotes it is safe.
func needsQuotes(text string) bool {
	return text == "" || strings.ContainsFunc(text, func(r rune) bool {
		return r == ' ' || r == '"' || r == '=' || !unicode.IsPrint(r)
	})
}
