package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/kelpdb/kelp/bench/sim"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		log.SetFlags(0)
		log.Fatal("kelpsim: ", err)
	}
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("kelpsim", flag.ContinueOnError)
	docs := flags.String("docs", "docs", "directory that gets tail.md and tail.svg")
	scale := flags.Float64("scale", 1, "how many queries, as a multiple of the usual number")
	var m sim.Measurement
	flags.StringVar(&m.Server, "measure", "", "instead: ask the aggregator at this address, which has one leaf, and print the distribution for latency.json")
	flags.StringVar(&m.SQL, "sql", "SELECT count() FROM events", "what is asked")
	flags.IntVar(&m.Times, "times", 20_000, "how often")
	flags.IntVar(&m.Clients, "clients", 1, "by how many at once")
	flags.StringVar(&m.Name, "name", "hop", "the distribution's name")
	flags.StringVar(&m.What, "what", "", "what was measured, for the reader")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if m.Server != "" {
		d, err := sim.Measure(context.Background(), m)
		if err != nil {
			return err
		}
		return json.NewEncoder(stdout).Encode(d)
	}
	report, err := sim.NewReport(*scale)
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"tail.md": report.Markdown(), "tail.svg": report.Plot()} {
		if err := os.WriteFile(filepath.Join(*docs, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("cannot write the report: %w", err)
		}
	}
	return nil
}
