package main

import (
	"context"
	"io"
	"os"

	"golang.org/x/term"
)

// console is what a subcommand gets of the world. ctx ends when the user stops
// the command; the streams are the process's own, or a test's buffers.
type console struct {
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	server, token string // --server and --token
}

// isTerminal tells whether a person reads, or types into, a stream.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// widthOf returns the columns of a terminal, or 0 where there is none.
func widthOf(stream any) int {
	if f, ok := stream.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}
