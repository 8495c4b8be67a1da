package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/kelpdb/kelp/bench/restart"
)

// fillWord makes the program the server that fills the tables: it is started by
// itself, so that there is no second program to build.
const fillWord = "fill"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "kelprestart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 4 && args[0] == fillWord {
		budget, err := strconv.ParseInt(args[3], 10, 64)
		if err != nil {
			return err
		}
		return restart.Fill(ctx, args[1], args[2], budget, stdout)
	}
	flags := flag.NewFlagSet("kelprestart", flag.ContinueOnError)
	flags.SetOutput(stderr)
	cfg := restart.Config{Log: stderr}
	binaries := flags.String("kelp", "bin/kelp", "kelp's binary, or several, which take turns over the same table")
	rows := flags.String("rows", "2000000,8000000", "rows of the tables")
	flags.IntVar(&cfg.Starts, "starts", 20, "starts of each kind")
	flags.IntVar(&cfg.Nice, "nice", 0, "priority of what is measured; below 0, which only root may give, other programs disturb it less")
	flags.Uint64Var(&cfg.Seed, "seed", 1, "seed of the rows")
	flags.StringVar(&cfg.Work, "dir", os.TempDir(), "where to keep the tables: 200 bytes a row")
	flags.StringVar(&cfg.Keep, "keep", "", "a directory that keeps the tables for later runs, which take them from there")
	flags.StringVar(&cfg.Shared, "memory-dir", "/dev/shm", "where kelp's memory is: 50 bytes a row")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg.Kelp = strings.Split(*binaries, ",")
	for text := range strings.SplitSeq(*rows, ",") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 2 {
			return fmt.Errorf("-rows: %q is not a number of rows", text)
		}
		cfg.Rows = append(cfg.Rows, n)
	}
	if cfg.Starts < 1 {
		return errors.New("-starts: at least one")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cfg.Filler = []string{self, fillWord}
	all, err := restart.Run(ctx, cfg)
	if err != nil {
		return err
	}
	return restart.Write(stdout, all)
}
