package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
	"github.com/kelpdb/kelp/query"
)

type queryCmd struct {
	SQL     string        `arg:"" optional:"" name:"sql" help:"The question. Without one: a prompt, or statements ending in ; from standard input, up to the first that fails."`
	Format  string        `help:"${enum}; table on a terminal, ndjson in a pipe." enum:"auto,table,json,ndjson,csv,arrow" default:"auto" placeholder:"NAME"`
	Strict  bool          `help:"Exit with status 3 if the answer is incomplete, inexact or truncated."`
	Timeout time.Duration `help:"Answer by then with what there is." default:"10s"`
	TZ      string        `name:"tz" help:"Time zone of buckets and of times without one." placeholder:"ZONE"`
}

func (cmd *queryCmd) Run(c *console) error {
	if cmd.Timeout <= 0 {
		return usageError{fmt.Errorf("--timeout is %s; it must be longer than nothing", cmd.Timeout)}
	}
	server, err := client.New(c.server, c.token)
	if err != nil {
		return usageError{err}
	}
	defer server.Close()
	if cmd.Format == "auto" {
		cmd.Format = "ndjson"
		if isTerminal(c.stdout) {
			cmd.Format = "table"
		}
	}
	asker := &asker{console: c, server: server, cmd: cmd}
	if cmd.SQL != "" {
		return asker.ask(cmd.SQL)
	}
	if isTerminal(c.stdin) && isTerminal(c.stdout) {
		return asker.prompt()
	}
	return asker.askAll(c.stdin)
}

// asker asks questions and prints answers. It belongs to one goroutine.
type asker struct {
	console *console
	server  *client.Client
	cmd     *queryCmd
}

// askAll asks the statements of a stream, one after another, and stops at the
// first that fails.
func (a *asker) askAll(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	asked := false
	for _, sql := range statements(string(text)) {
		asked = true
		if err := a.ask(sql); err != nil {
			return err
		}
	}
	if !asked {
		return usageError{errors.New("no SQL: give it as an argument or on standard input")}
	}
	return nil
}

// ask asks one question and prints the answer. An error of the server's comes
// back with the place in the SQL drawn below it.
func (a *asker) ask(sql string) error {
	question := client.Query{SQL: sql, TimeoutMs: max(1, a.cmd.Timeout.Milliseconds()), TZ: a.cmd.TZ}
	var summary *client.Summary
	var err error
	switch a.cmd.Format {
	case "table":
		summary, err = a.askTable(question)
	case "json":
		summary, err = a.askJSON(question)
	case "ndjson":
		summary, err = a.askNDJSON(question)
	case "csv":
		return a.explain(sql, a.askStream(question, client.TypeCSV))
	case "arrow":
		return a.explain(sql, a.askStream(question, client.TypeArrow))
	default:
		panic("BUG: format " + a.cmd.Format)
	}
	if err != nil {
		return a.explain(sql, err)
	}
	switch {
	case a.cmd.Format == "table": // it says all that itself
	case !summary.Whole():
		fmt.Fprint(a.console.stderr, footer(summary))
	case a.cmd.Format != "json": // there they are in the answer
		fmt.Fprint(a.console.stderr, warnings(summary.Warnings))
	}
	return a.strict(summary)
}

func (a *asker) strict(s *client.Summary) error {
	switch {
	case !a.cmd.Strict || s.Whole():
		return nil
	case s.Truncated != nil:
		return incompleteError{fmt.Sprintf("the answer is truncated to %s by its limit of %s", thousands(s.Truncated.Kept), s.Truncated.By)}
	case s.Completeness.Ratio >= 1:
		return incompleteError{"the answer is not exact"}
	}
	return incompleteError{"the answer is incomplete: " + percent(s.Completeness.Ratio)}
}

func (a *asker) askTable(q client.Query) (*client.Summary, error) {
	answer, _, err := a.server.Query(a.console.ctx, q)
	if err != nil {
		return nil, err
	}
	out := bufio.NewWriter(a.console.stdout)
	io.WriteString(out, renderTable(answer, q.SQL, widthOf(a.console.stdout)))
	page := ""
	if isTerminal(a.console.stdout) {
		page = pageOf(a.server.Address(), q.SQL)
	}
	io.WriteString(out, footerLink(&answer.Summary, page))
	return &answer.Summary, out.Flush()
}

// pageOf is the address of the page that asks the same question; "" if it would
// be too long to click on.
func pageOf(server, sql string) string {
	page := server + "/"
	if table, err := query.TableOf(sql); err == nil && table != "" {
		page += "x/" + url.PathEscape(table)
	}
	page += "?q=" + url.QueryEscape(strings.TrimSpace(sql))
	if len(page) > linkBytesMax {
		return ""
	}
	return page
}

func (a *asker) askJSON(q client.Query) (*client.Summary, error) {
	answer, text, err := a.server.Query(a.console.ctx, q)
	if err != nil {
		return nil, err
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	_, err = a.console.stdout.Write(text)
	return &answer.Summary, err
}

// askNDJSON passes rows on as they come. The last line is the summary: without
// it the answer broke off.
func (a *asker) askNDJSON(q client.Query) (*client.Summary, error) {
	resp, err := a.server.Stream(a.console.ctx, q, client.TypeNDJSON)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	in := bufio.NewReaderSize(resp.Body, 1<<20)
	out := bufio.NewWriterSize(a.console.stdout, 1<<16)
	var held []byte // a line is a row once another follows
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			out.Write(held)
			held = line
		}
		if err == nil {
			continue
		}
		var last struct {
			Summary *client.Summary `json:"_kelp"`
		}
		if errors.Is(err, io.EOF) && json.Unmarshal(held, &last) == nil && last.Summary != nil {
			return last.Summary, out.Flush()
		}
		out.Write(held)
		return nil, errors.Join(fmt.Errorf("the answer broke off before its end: %w", err), out.Flush())
	}
}

// askStream passes an answer on as it comes; its completeness is in the
// trailers. Under --strict the server refuses to give half an answer.
func (a *asker) askStream(q client.Query, accept string) error {
	q.Strict = a.cmd.Strict
	resp, err := a.server.Stream(a.console.ctx, q, accept)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(a.console.stdout, resp.Body); err != nil {
		return fmt.Errorf("the answer broke off: %w", err)
	}
	ratio := resp.Header.Get("Kelp-Completeness")
	if trailer := resp.Trailer.Get("Kelp-Completeness"); trailer != "" {
		ratio = trailer
	}
	said := resp.Trailer.Get("Kelp-Warnings")
	if said == "" {
		said = resp.Header.Get("Kelp-Warnings")
	}
	var list []string
	if said != "" && json.Unmarshal([]byte(said), &list) != nil {
		list = []string{said} // better than nothing
	}
	fmt.Fprint(a.console.stderr, warnings(list))
	covered, err := strconv.ParseFloat(ratio, 64)
	switch {
	case err != nil:
		return errors.New("the answer broke off: its end did not say how complete it is")
	case covered < 1:
		fmt.Fprintf(a.console.stderr, "%s complete\n", percent(covered))
		if a.cmd.Strict {
			return incompleteError{"the answer is incomplete: " + percent(covered)}
		}
	}
	return nil
}

// explain draws where in the SQL an error is, and gives an incomplete answer
// its exit status.
func (a *asker) explain(sql string, err error) error {
	var answer *client.Error
	if !errors.As(err, &answer) {
		return err
	}
	if answer.Code == "incomplete" && answer.Status == http.StatusServiceUnavailable {
		text := answer.Message
		if answer.Completeness != nil {
			text += "\n" + strings.TrimSuffix(footer(&client.Summary{Completeness: *answer.Completeness}), "\n")
		}
		return incompleteError{text}
	}
	if answer.Position == nil {
		return err
	}
	return errors.New(drawError(sql, answer))
}

// drawError shows the line of the SQL with a caret below the place:
//
//	expected an expression
//	  SELECT FROM t
//	         ^
//	  did you mean ...
func drawError(sql string, e *client.Error) string {
	var b strings.Builder
	b.WriteString(e.Message)
	lines := strings.Split(sql, "\n")
	if at := e.Position.Line - 1; at >= 0 && at < len(lines) {
		line := []rune(strings.TrimRight(lines[at], "\r"))
		column := min(max(e.Position.Column-1, 0), len(line))
		// Tabs stay tabs, so the caret stands below its character.
		pad := strings.Map(func(r rune) rune {
			if r == '\t' {
				return r
			}
			return ' '
		}, string(line[:column]))
		fmt.Fprintf(&b, "\n  %s\n  %s^", string(line), pad)
	}
	if e.Hint != "" {
		b.WriteString("\n  " + e.Hint)
	}
	return b.String()
}
