package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
	"github.com/kelpdb/kelp/bench/side"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "kelpbench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("kelpbench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	cfg := side.Config{Log: stderr}
	flags.StringVar(&cfg.Kelp, "kelp", "bin/kelp", "kelp's binary")
	flags.StringVar(&cfg.Peers, "peers", "bench/peers", "folder of the peers' programs, with their packages installed")
	flags.StringVar(&cfg.Node, "node", "node", "program that runs them")
	systems := flags.String("systems", strings.Join(side.Systems(), ","), "what to measure, in this order")
	flags.Int64Var(&cfg.Rows, "rows", gen.RowsDefault, "rows of the workload")
	flags.Uint64Var(&cfg.Seed, "seed", uint64(time.Now().UnixNano())%1_000_000, "seed of the rows and of the constants of the questions")
	flags.IntVar(&cfg.Loads, "loads", 3, "loads of each system; all but the last end with kill -9")
	flags.IntVar(&cfg.Rounds, "rounds", 7, "warm repetitions of each question")
	flags.DurationVar(&cfg.Patience, "patience", time.Minute, "for the repetitions of one question, of which there are five at least")
	flags.BoolVar(&cfg.DropCache, "drop-caches", true, "drop the page cache before opening from disk alone, if root; slows other programs for a moment")
	flags.StringVar(&cfg.Work, "dir", os.TempDir(), "where to make files: 1,000 bytes a row")
	flags.StringVar(&cfg.Shared, "memory-dir", "/dev/shm", "where kelp's memory is")
	out := flags.String("out", "bench/results", "folder, or file ending in .md, for the report; empty: standard output alone")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg.Systems = strings.Split(*systems, ",")
	report, err := side.Run(ctx, cfg)
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; what had been started and written is gone")
	}
	if err != nil {
		return err
	}
	if err := write(report, *out, stdout, stderr); err != nil {
		return err
	}
	if wrong := report.Wrong(); len(wrong) > 0 {
		return fmt.Errorf("%d wrong answers; the first: %s", len(wrong), wrong[0])
	}
	return nil
}

// write puts the report to standard output and into its file.
func write(report *side.Report, out string, stdout, stderr io.Writer) error {
	if _, err := report.WriteTo(stdout); err != nil || out == "" {
		return err
	}
	if !strings.HasSuffix(out, ".md") {
		out = filepath.Join(out, report.Name())
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := report.WriteTo(f); err != nil {
		return err
	}
	fmt.Fprintln(stderr, "written to", out)
	return f.Close()
}
