package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/kelpdb/kelp/query"
)

// commands are the subcommands, one line each.
type commands struct {
	Server string `help:"Address of a kelp server." default:"http://127.0.0.1:7411" placeholder:"URL"`
	Token  string `help:"Token to send to the server." placeholder:"TOKEN"`

	Serve      serveCmd      `cmd:"" help:"Everything in one process: leaves, API, web page."`
	Leaf       leafCmd       `cmd:"" help:"One leaf of a cluster."`
	Aggregator aggregatorCmd `cmd:"" help:"One aggregator of a cluster: API and web page."`
	Ingest     ingestCmd     `cmd:"" help:"Send files or standard input to a table."`
	Query      queryCmd      `cmd:"" help:"Ask a question in SQL."`
	Tail       tailCmd       `cmd:"" help:"Print the rows of a table as they come in."`
	Demo       demoCmd       `cmd:"" help:"Fill a running server with a made-up shop, and an outage to find."`
	Tables     tablesCmd     `cmd:"" help:"List the tables."`
	Describe   describeCmd   `cmd:"" help:"Say what a table holds."`
	Status     statusCmd     `cmd:"" help:"List the members of the cluster."`
	Ready      readyCmd      `cmd:"" help:"Ask a server whether it is ready, by the exit status: a probe."`
	Catalog    catalogCmd    `cmd:"" help:"Write out, or read back, what a server agrees on with others."`
	Dump       dumpCmd       `cmd:"" help:"Say what a file of a leaf holds."`
	Print      printCmd      `cmd:"" help:"Print the files that run kelp under systemd, Compose or Kubernetes."`
	Version    versionCmd    `cmd:"" help:"Say which kelp this is."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	holdHeapFloor() // for as long as the process lives
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spareThreads)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case err == nil || err.Error() == "":
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "kelp: stopped")
	default:
		fmt.Fprintln(os.Stderr, "kelp:", err)
	}
	os.Exit(exitStatus(err))
}

// spareThreads is how many threads run Go beside one for each processor. While workers
// compute on all of these, the Go scheduler looks for requests that have come in every
// 10 ms, and lets go of a worker as rarely; a thread with nothing to do is woken by the
// system at once.
const spareThreads = 1

// run parses args and runs the subcommand they name. It writes no error to
// stderr: what it returns is for the caller to print.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("kelp"),
		kong.Description("Wide events in, answers out, and how complete they are. Start with `kelp serve`."),
		kong.DefaultEnvars("KELP"),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(readDuration)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(stdout, stderr),
		kong.Exit(func(status int) { panic(helpShown(status)) }),
	)
	if err != nil {
		panic("BUG: the command line does not build: " + err.Error())
	}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case helpShown:
			err = nil
		default:
			panic(p)
		}
	}()
	parsed, err := parser.Parse(args)
	if err != nil {
		return usageError{fmt.Errorf("%w (see kelp --help)", err)}
	}
	return parsed.Run(&console{
		ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr,
		server: cli.Server, token: cli.Token,
	})
}

// readDuration reads a flag that is a length of time: as Go writes it, or the
// language of queries (1h30m, 7d).
func readDuration(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		if d, err = query.ParseDuration(text); err != nil {
			return fmt.Errorf("%q is not a duration; write 250ms, 10s, 5m, 1h30m or 7d", text)
		}
	}
	target.SetInt(int64(d))
	return nil
}

// helpShown ends parsing once --help has been printed.
type helpShown int

// usageError is a command line that cannot be meant.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// incompleteError is an answer that was given, but not all of it, under
// --strict.
type incompleteError struct{ what string }

func (e incompleteError) Error() string { return e.what }

func exitStatus(err error) int {
	var usage usageError
	var incomplete incompleteError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return 2
	case errors.As(err, &incomplete):
		return 3
	}
	return 1
}
