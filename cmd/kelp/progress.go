package main

import (
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress draws how far an ingest is. Its goroutine is started by
// startProgress and ended by finish. The zero of it, nil, draws nothing.
type progress struct {
	stop chan struct{}
	done chan struct{}
}

// startProgress draws on a terminal, a bar if the size of the sources is known.
func (cmd *ingestCmd) startProgress(c *console, read *atomic.Int64, s *shipment) *progress {
	if !cmd.Progress || cmd.Follow || !isTerminal(c.stderr) || isTerminal(c.stdin) && len(cmd.Files) == 0 {
		return nil
	}
	bar := progressbar.NewOptions64(sizeOf(cmd.Files, c.stdin),
		progressbar.OptionSetWriter(c.stderr), progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetDescription(cmd.Table), progressbar.OptionThrottle(progressEvery))
	p := &progress{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s.mu.Lock()
				text := cmd.Table + " " + thousands(s.total.Accepted) + " rows"
				if s.total.OverQuota > 0 {
					text += " (at the quota's rate)"
				}
				s.mu.Unlock()
				bar.Describe(text)
				bar.Set64(read.Load()) // a bar that cannot be drawn is no failure
			case <-p.stop:
				bar.Clear()
				return
			}
		}
	}()
	return p
}

func (p *progress) finish() {
	if p == nil {
		return
	}
	close(p.stop)
	<-p.done
}
