package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
	"github.com/kelpdb/kelp/bench/load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "kelpload:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("kelpload", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var cfg load.Config
	flags.StringVar(&cfg.Server, "server", "http://127.0.0.1:7411", "address of kelp")
	flags.StringVar(&cfg.Token, "token", "", "token to send")
	flags.StringVar(&cfg.Table, "table", "events", "table to fill")
	flags.Int64Var(&cfg.Workload.Rows, "rows", 1_000_000, "rows of the workload")
	flags.Uint64Var(&cfg.Workload.Seed, "seed", 1, "seed of the workload")
	flags.DurationVar(&cfg.Workload.Span, "span", gen.SpanDefault, "time from the first row to the last")
	end := flags.String("end", "", "RFC 3339 time just after the last row (default now)")
	flags.StringVar(&cfg.File, "file", "", "NDJSON to send instead of the workload")
	flags.TextVar(&cfg.Format, "format", load.NDJSON, "ndjson, arrow, or arrow-dict: strings of few values in dictionaries")
	flags.IntVar(&cfg.RecordRows, "record", 0, "rows of an Arrow record batch (default all of a request)")
	flags.IntVar(&cfg.Connections, "c", 2, "connections")
	flags.IntVar(&cfg.BatchRows, "batch", 0, "rows of a request (default 20,000, of Arrow 65,536)")
	flags.BoolVar(&cfg.Ahead, "ahead", false, "make all bodies in memory before the clock starts (430 bytes a row, 350 as Arrow)")
	flags.BoolVar(&cfg.Zstd, "zstd", false, "compress bodies")
	asJSON := flags.Bool("json", false, "print the result as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *end != "" {
		t, err := time.Parse(time.RFC3339, *end)
		if err != nil {
			return fmt.Errorf("-end: %w", err)
		}
		cfg.Workload.End = t
	}
	result, err := load.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(stdout).Encode(result)
	}
	_, err = fmt.Fprintln(stdout, result)
	return err
}
