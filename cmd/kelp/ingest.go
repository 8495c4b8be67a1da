package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
	"github.com/kelpdb/kelp/cmd/feed"
	"github.com/kelpdb/kelp/storage"
)

type ingestCmd struct {
	Table string   `arg:"" help:"Table the rows go to; it is made if it does not exist."`
	Files []string `arg:"" optional:"" name:"file" help:"Files, plain, .gz or .zst. None, or -, reads standard input."`

	Format   string        `help:"One of auto, ndjson, json, csv, arrow, parquet, or a format of log lines (see docs/ingest.md)." default:"auto" placeholder:"NAME"`
	Time     string        `help:"Field that holds the time." placeholder:"FIELD"`
	Follow   bool          `short:"f" help:"Go on reading as the files grow, through rotation and truncation, like tail -F."`
	FromEnd  bool          `help:"With --follow: skip what the files hold already."`
	RetryFor time.Duration `help:"How long a request is repeated while the server is away or full." default:"5m"`
	Progress bool          `help:"Show a progress bar on a terminal." default:"true" negatable:""`
}

// Run reads all sources and sends them. It fails if a source could not be read
// to its end, or a body did not get in at all.
func (cmd *ingestCmd) Run(c *console) error {
	// The server checks it too, but behind an address that would show it escaped,
	// and only once there is a row.
	if !storage.IsTableName(cmd.Table) {
		return usageError{fmt.Errorf("%q is not a table name: use 1 to %d of A-Z a-z 0-9 _ . -", cmd.Table, storage.TableNameBytesMax)}
	}
	format, err := feed.ParseFormat(cmd.Format)
	if err != nil {
		return usageError{err}
	}
	if cmd.Follow && (len(cmd.Files) == 0 || slices.Contains(cmd.Files, "-")) {
		return usageError{errors.New("--follow needs files; standard input is read to its end anyway")}
	}
	server, err := client.New(c.server, c.token)
	if err != nil {
		return usageError{err}
	}
	defer server.Close()
	if err := server.Ping(c.ctx); err != nil {
		return err
	}
	s := newShipment(c, server, cmd)
	read := new(atomic.Int64)
	bar := cmd.startProgress(c, read, s)
	err = s.ship(feed.Options{Format: format, Follow: cmd.Follow, FromEnd: cmd.FromEnd, BytesRead: read})
	bar.finish()
	if printErr := s.print(); printErr != nil {
		return printErr
	}
	if cmd.Follow && errors.Is(err, context.Canceled) {
		err = nil
	}
	if err == nil && s.total.Failed > 0 {
		err = s.firstFailure
		if requests := s.total.Failed - s.unread; requests > 0 {
			err = fmt.Errorf("%s not taken: %w", plural(requests, "request was", "requests were"), err)
		}
	}
	return err
}

// shipment is one run of kelp ingest: bodies come from the sources and go to
// the senders.
type shipment struct {
	console *console
	server  *client.Client
	cmd     *ingestCmd
	run     string // begins every key
	started time.Time
	bodies  chan numbered

	mu           sync.Mutex
	total        tally
	toldOfQuota  bool // on stderr
	firstFailure error
	unread       int // sources that were not read to their end; part of total.Failed
}

// numbered is a body with its place in the run, which makes its key.
type numbered struct {
	*feed.Body
	sequence int64
}

// tally is the receipt of the whole run.
type tally struct {
	Accepted  int64        `json:"accepted"`
	Rejected  int64        `json:"rejected"`
	OverQuota int          `json:"over_quota"` // requests that had to wait for the table's quota, each time
	Failed    int          `json:"failed"`     // requests of which nothing got in, or nobody knows, and sources not read to their end
	Errors    []placeError `json:"errors"`
	Warnings  []string     `json:"warnings"`
	Run       string       `json:"run"`
	Seconds   float64      `json:"seconds"`
}

type placeError struct {
	Place string `json:"place"`
	Error string `json:"error"`
}

func newShipment(c *console, server *client.Client, cmd *ingestCmd) *shipment {
	var id [8]byte
	rand.Read(id[:]) // never fails
	return &shipment{
		console: c, server: server, cmd: cmd, run: "ingest-" + hex.EncodeToString(id[:]), started: time.Now(),
		bodies: make(chan numbered, 1),
		total:  tally{Errors: []placeError{}, Warnings: []string{}},
	}
}

// ship reads every source and waits until the last body has its receipt.
func (s *shipment) ship(o feed.Options) error {
	// Senders outlive the console's context a little: what was read before the
	// user stopped still goes out.
	sending, cancel := context.WithCancel(context.WithoutCancel(s.console.ctx))
	defer cancel()
	stopGrace := context.AfterFunc(s.console.ctx, func() {
		time.AfterFunc(graceAfterStop, cancel)
	})
	defer stopGrace()

	var senders sync.WaitGroup
	for range ingestSenders {
		senders.Go(func() {
			for b := range s.bodies {
				s.send(sending, b)
			}
		})
	}
	err := s.readAll(o)
	close(s.bodies)
	senders.Wait()
	return err
}

// readAll reads files one after another, or side by side when they are followed.
func (s *shipment) readAll(o feed.Options) error {
	var sequence atomic.Int64
	sink := feed.Sink{
		Body: func(b *feed.Body) error {
			s.bodies <- numbered{b, sequence.Add(1)}
			return nil
		},
		Reject: func(place string, err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.reject(place, err.Error())
		},
		Warn: func(text string) {
			fmt.Fprintln(s.console.stderr, "kelp:", text)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.warn(text)
		},
	}
	files := s.cmd.Files
	if len(files) == 0 {
		files = []string{"-"}
	}
	errs := make([]error, len(files))
	var readers sync.WaitGroup
	for i, name := range files {
		readOne := func() {
			if name == "-" {
				errs[i] = feed.Read(s.console.ctx, "stdin", s.console.stdin, o, sink)
			} else {
				errs[i] = feed.ReadFile(s.console.ctx, name, o, sink)
			}
			if errs[i] == nil || errors.Is(errs[i], context.Canceled) {
				return
			}
			s.fail(name, errs[i])
			if o.Follow { // the others may go on for days
				fmt.Fprintln(s.console.stderr, "kelp:", errs[i])
			}
		}
		if o.Follow {
			readers.Go(readOne)
		} else {
			readOne()
		}
	}
	readers.Wait()
	return errors.Join(errs...)
}

func (s *shipment) send(ctx context.Context, b numbered) {
	batch := &client.Batch{
		Table: s.cmd.Table, Key: fmt.Sprintf("%s-%d", s.run, b.sequence), Type: b.Type, TimeField: s.cmd.Time, Body: b.Bytes,
	}
	receipt, err := s.server.Retry(ctx, batch, client.Retrying{For: s.cmd.RetryFor, Notify: s.retries})
	s.mu.Lock()
	defer s.mu.Unlock()
	var answer *client.Error
	if errors.As(err, &answer) && answer.Receipt != nil {
		receipt = answer.Receipt
	}
	if receipt != nil {
		s.total.Accepted += receipt.Accepted
		s.total.Rejected += receipt.Rejected
		for _, e := range receipt.Errors {
			s.note(b.Place(e.Row), e.Error)
		}
		for _, w := range receipt.Warnings {
			s.warn(w)
		}
	}
	if err != nil {
		s.total.Failed++
		if s.firstFailure == nil {
			s.firstFailure = err
		}
	}
}

// retries tells of a pause. Of those for a quota the first is told of: it may be
// every request that waits.
func (s *shipment) retries(err error, wait time.Duration) {
	if !client.IsOverQuota(err) {
		fmt.Fprintf(s.console.stderr, "kelp: %v; trying again in %s\n", err, wait.Round(10*time.Millisecond))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.toldOfQuota {
		fmt.Fprintf(s.console.stderr, "kelp: %v; the rows are sent as fast as the quota allows\n", err)
	}
	s.toldOfQuota = true
	s.total.OverQuota++
}

// reject counts a row that was not sent. The lock is held.
func (s *shipment) reject(place, text string) {
	s.total.Rejected++
	s.note(place, text)
}

// fail counts a source that could not be read to its end.
func (s *shipment) fail(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.Failed++
	s.unread++
	if s.firstFailure == nil {
		s.firstFailure = err
	}
	s.note(name, err.Error())
}

// warn keeps the first warnings, each once. The lock is held.
func (s *shipment) warn(text string) {
	if len(s.total.Warnings) < errorsShownMax && !slices.Contains(s.total.Warnings, text) {
		s.total.Warnings = append(s.total.Warnings, text)
	}
}

// note keeps the first errors. The lock is held.
func (s *shipment) note(place, text string) {
	if len(s.total.Errors) < errorsShownMax {
		s.total.Errors = append(s.total.Errors, placeError{place, text})
	}
}

// print writes the receipt: for people on a terminal, as JSON into a pipe.
func (s *shipment) print() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.total
	t.Run, t.Seconds = s.run, time.Since(s.started).Seconds()
	if !isTerminal(s.console.stdout) {
		return json.NewEncoder(s.console.stdout).Encode(t)
	}
	fmt.Fprintf(s.console.stdout, "%s accepted · %s rejected · %s · %s rows/s\n",
		thousands(t.Accepted), thousands(t.Rejected), span(time.Since(s.started)), thousands(int64(float64(t.Accepted)/t.Seconds)))
	for _, e := range t.Errors {
		fmt.Fprintf(s.console.stdout, "  %s: %s\n", e.Place, e.Error)
	}
	if more := t.Rejected - int64(len(t.Errors)); more > 0 && len(t.Errors) > 0 {
		fmt.Fprintf(s.console.stdout, "  and %s more\n", thousands(more))
	}
	for _, w := range t.Warnings {
		fmt.Fprintf(s.console.stdout, "  warning: %s\n", w)
	}
	return nil
}

// sizeOf sums the sizes of files, -1 if one of the sources has none.
func sizeOf(files []string, stdin io.Reader) int64 {
	total := int64(0)
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		var info os.FileInfo
		var err error
		if name == "-" {
			f, ok := stdin.(*os.File)
			if !ok {
				return -1
			}
			info, err = f.Stat()
		} else {
			info, err = os.Stat(name)
		}
		if err != nil || !info.Mode().IsRegular() {
			return -1
		}
		total += info.Size()
	}
	return total
}
