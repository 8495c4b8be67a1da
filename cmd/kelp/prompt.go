package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/peterh/liner"
)

const promptHelp = `  a question ends with ;      \t tables      \d TABLE its columns
  Tab completes it             \? this       \q ends
  Ctrl-C drops what was typed  Ctrl-R searches what was asked before
`

// prompt asks for questions until the user has none. Answers and errors are
// printed; neither ends it.
func (a *asker) prompt() error {
	line := liner.NewLiner()
	defer line.Close()
	line.SetCtrlCAborts(true)
	line.SetMultiLineMode(true)
	history := historyFile(os.Getenv)
	loadHistory(line, history)
	defer saveHistory(line, history)
	known := newCompleter(a.console, a.server)
	line.SetWordCompleter(known.complete)
	line.SetTabCompletionStyle(liner.TabPrints)

	fmt.Fprintf(a.console.stdout, "kelp at %s\n%s", a.server.Address(), promptHelp)
	typed := ""
	for {
		text, err := line.Prompt(map[bool]string{true: "kelp> ", false: "  ... "}[typed == ""])
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			typed, known.before = "", ""
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(a.console.stdout)
			return nil
		case err != nil:
			return fmt.Errorf("cannot read the terminal: %w", err)
		}
		known.forget()
		var done bool
		if typed, done = a.typed(line, typed, text); done {
			return nil
		}
		if known.before = typed; typed != "" {
			known.before += "\n"
		}
	}
}

// typed takes one more line and answers what is complete. It returns what is
// not, and whether the user wants to leave.
func (a *asker) typed(history interface{ AppendHistory(string) }, before, text string) (rest string, done bool) {
	if command := strings.TrimSpace(text); before == "" && strings.HasPrefix(command, `\`) {
		history.AppendHistory(command)
		return "", a.command(command)
	}
	rest = before
	if rest != "" {
		rest += "\n"
	}
	rest += text
	for {
		end, ok := endOfStatement(rest)
		if !ok {
			break
		}
		if sql := strings.TrimSpace(rest[:end]); sql != "" {
			history.AppendHistory(strings.Join(strings.Fields(sql), " ") + ";")
			a.say(a.ask(sql))
		}
		rest = rest[end+1:]
	}
	if strings.TrimSpace(rest) == "" {
		rest = ""
	}
	return rest, false
}

func (a *asker) command(text string) (done bool) {
	name, argument, _ := strings.Cut(text, " ")
	switch argument = strings.TrimSpace(argument); name {
	case `\q`, `\quit`, `\exit`:
		return true
	case `\t`:
		a.say((&tablesCmd{listing{Format: "table"}}).Run(a.console))
	case `\d`:
		if argument == "" {
			a.say((&tablesCmd{listing{Format: "table"}}).Run(a.console))
		} else {
			a.say((&describeCmd{listing: listing{Format: "table"}, Table: argument}).Run(a.console))
		}
	default:
		fmt.Fprint(a.console.stdout, promptHelp)
	}
	return false
}

func (a *asker) say(err error) {
	if err != nil {
		fmt.Fprintln(a.console.stderr, "error:", err)
	}
}

// historyFile is kept where the user's programs keep their state; "" if there
// is no such place.
func historyFile(env func(string) string) string {
	state := env("XDG_STATE_HOME")
	if state == "" {
		home := env("HOME")
		if home == "" {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "kelp", "history")
}

// A history that cannot be read or written is missed by nobody enough to stop.

func loadHistory(line *liner.State, path string) {
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		line.ReadHistory(f)
	}
}

func saveHistory(line *liner.State, path string) {
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err == nil {
		defer f.Close()
		line.WriteHistory(f)
	}
}
