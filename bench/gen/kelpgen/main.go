package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "kelpgen:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("kelpgen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rows := flags.Int64("rows", gen.RowsDefault, "rows of the workload")
	seed := flags.Uint64("seed", 1, "another seed is another workload")
	span := flags.Duration("span", gen.SpanDefault, "time from the first row to the last")
	end := flags.String("end", "", "RFC 3339 time just after the last row (default now)")
	from := flags.Int64("from", 0, "index of the first row to write")
	to := flags.Int64("to", -1, "index after the last row to write (default all)")
	format := flags.String("format", "ndjson", "ndjson is the only one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg := gen.Config{Seed: *seed, Rows: *rows, Span: *span}
	if *end != "" {
		t, err := time.Parse(time.RFC3339, *end)
		if err != nil {
			return fmt.Errorf("-end: %w", err)
		}
		cfg.End = t
	}
	if *to < 0 {
		*to = *rows
	}
	switch {
	case *format != "ndjson":
		return fmt.Errorf("-format %q: only ndjson is known", *format)
	case *rows < 1 || *from < 0 || *from > *to || *to > *rows:
		return fmt.Errorf("want 0 <= from (%d) <= to (%d) <= rows (%d)", *from, *to, *rows)
	}
	return gen.New(cfg).WriteNDJSON(stdout, *from, *to)
}
