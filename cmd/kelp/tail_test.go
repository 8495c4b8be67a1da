package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
)

// TestTailCommand: rows are printed as they come in, what is wrong is said, and an
// interrupt is how one ends it.
func TestTailCommand(t *testing.T) {
	server := startServer(t)
	add := func(rows string) {
		t.Helper()
		var out bytes.Buffer
		if err := run(t.Context(), []string{"ingest", "t", "--server", server}, strings.NewReader(rows), &out, io.Discard); err != nil {
			t.Fatal(err, out.String())
		}
	}
	f := func(says string, args ...string) {
		t.Helper()
		err := run(t.Context(), append([]string{"tail", "--server", server}, args...), strings.NewReader(""), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v, want %q", args, err, says)
		}
	}
	add(`{"a":0}`)
	f("no table nosuch", "nosuch")
	f("filter: ", "t", "a >")
	f("filter: the aggregate", "t", "count() > 1")
	f("(line 1, column 1)", "t", "nosuch(a)")

	ctx, interrupt := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"tail", "t", "a > 0 -- the new ones", "--format", "lines", "--server", server}, strings.NewReader(""), in, io.Discard)
	}()
	// Nobody knows when it has begun: rows come until the first is printed.
	stop := make(chan struct{})
	go func() {
		for {
			add(`{"time":"2026-11-22T10:00:00Z","a":1,"text":"two words","odd=name":"\u001b[2J"}` + "\n" + `{"a":-1}`)
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond): // the pace of the rows
			}
		}
	}()
	line := make([]byte, 200)
	n, err := out.Read(line)
	close(stop)
	want := `2026-11-22T10:00:00Z a=1 "odd=name"="\u001b[2J" text="two words"` + "\n"
	if got := string(line[:n]); err != nil || !strings.HasPrefix(got, want) {
		t.Errorf("printed %q, want %q", got, want)
	}
	go io.Copy(io.Discard, out)
	interrupt()
	if err := <-ended; err != nil {
		t.Errorf("an interrupt is %v", err)
	}
	in.Close()
}

// TestRowLine: a row's line has its columns in their order, and nothing that would do more
// to a terminal than be read.
func TestRowLine(t *testing.T) {
	f := func(row, want string) {
		t.Helper()
		var out bytes.Buffer
		if err := writeRowLine(&out, json.RawMessage(row)); err != nil || out.String() != want+"\n" {
			t.Errorf("%s: %q %v, want %q", row, out.String(), err, want)
		}
	}
	f(`{"time":"2026-11-22T10:00:00Z","b":"x","a":1.5e300}`, `2026-11-22T10:00:00Z b=x a=1.5e300`)
	f(`{"a":"","b":"x y","c":"1=2","d":"\u0007","e":["p","q r"],"f":true}`, `a="" b="x y" c="1=2" d="\u0007" e=["p","q r"] f=true`)
	f(`{"a b":1,"":2}`, `"a b"=1 ""=2`)
	f(`{}`, ``)
	if got := missingLeaves([]client.Missing{{Leaf: "l1", Reason: "down"}, {Leaf: "l2", Reason: "timeout"}}); got != "rows may be missing: l1 down, l2 timeout" {
		t.Error(got)
	}
}
