package main

import (
	"context"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
)

// readyCmd is a probe for where there is no other program, as in kelp's image.
type readyCmd struct {
	Alive   bool          `help:"Ask only whether it is alive: also one that still reads its rows."`
	Timeout time.Duration `help:"How long the answer is waited for." default:"2s"`
}

// Run asks once and prints nothing but its error.
func (cmd *readyCmd) Run(c *console) error {
	server, err := client.New(c.server, c.token)
	if err != nil {
		return usageError{err}
	}
	defer server.Close()
	ctx, cancel := context.WithTimeout(c.ctx, cmd.Timeout)
	defer cancel()
	if cmd.Alive {
		return server.Ping(ctx)
	}
	return server.Ready(ctx)
}
