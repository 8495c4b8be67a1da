package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
	"github.com/kelpdb/kelp/cmd/shop"
)

type demoCmd struct {
	Rate        float64       `help:"Live events per second." default:"2000"`
	Backfill    time.Duration `help:"History to make up first." default:"1h"`
	OutageAfter time.Duration `help:"When the outage starts, after the live events do." default:"60s"`
	Seed        uint64        `help:"Another seed makes other events; 0 takes one by chance." default:"0"`
	Duration    time.Duration `help:"Stop after so much live time; 0 goes on until Ctrl-C." default:"0s"`
	Table       string        `help:"Table to fill." default:"shop"`
}

const (
	// demoTick is the live time between two batches.
	demoTick = 100 * time.Millisecond

	// demoHistoryRows is the size of a batch of history: large enough to be
	// encoded at once.
	demoHistoryRows = 20_000

	// demoHistoryRate is the most events per second of history that are stored;
	// above it, a stored event stands for ten, so an hour is there in seconds.
	demoHistoryRate   = 400
	demoHistorySample = 10

	// demoRetry is how long a batch is repeated while the server is away.
	demoRetry = 5 * time.Minute

	// demoSayEvery is how often the demo says how far it is.
	demoSayEvery = 30 * time.Second

	// demoCatchUp is the most live time in one batch, when there is a lag.
	demoCatchUp = time.Second

	// demoEventBytes is a little more than an event takes as JSON.
	demoEventBytes = 450

	demoRateMax = 100_000
)

// Run fills the table until its time or its user ends it; both are success.
func (cmd *demoCmd) Run(c *console) error {
	if cmd.Rate <= 0 || cmd.Rate > demoRateMax || cmd.Backfill < 0 || cmd.OutageAfter < 0 || cmd.Duration < 0 {
		return usageError{fmt.Errorf("want a --rate of 1 to %d, and no negative times", demoRateMax)}
	}
	server, err := client.New(c.server, c.token)
	if err != nil {
		return usageError{err}
	}
	defer server.Close()
	if err := server.Ping(c.ctx); err != nil {
		return err
	}
	if cmd.Seed == 0 {
		cmd.Seed = rand.Uint64()>>32 + 1
	}
	// To the tick, so live batches start on round times.
	start := time.Now().Truncate(demoTick)
	d := &demo{
		console: c, server: server, cmd: cmd, start: start,
		shop: shop.New(cmd.Seed, start.Add(cmd.OutageAfter)),
		run:  fmt.Sprintf("demo-%d-%016x", cmd.Seed, rand.Uint64()),
	}
	d.introduce()
	err = d.history()
	if err == nil {
		err = d.live()
	}
	if errors.Is(err, context.Canceled) || c.ctx.Err() != nil {
		err = nil
	}
	d.say("done: %s events sent, %s accepted", thousands(d.sent), thousands(d.accepted))
	return err
}

// demo is one run. It belongs to one goroutine.
type demo struct {
	console *console
	server  *client.Client
	cmd     *demoCmd
	shop    *shop.Shop
	start   time.Time // of the live events
	run     string    // begins every key

	sequence       int
	sent, accepted int64
	events         []shop.Event
}

func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.console.stdout, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

func (d *demo) introduce() {
	t := d.cmd.Table
	fmt.Fprintf(d.console.stdout, `A made-up shop fills the table %s at %s, seed %d: %s of history, then %s events/s.
An outage starts %s after the live events: find out what broke, and for whom. Ctrl-C stops.
  kelp query "FROM %s LAST 10m SELECT count(), p99(ms) GROUP BY service"
  kelp query "FROM %s LAST 5m SELECT time(30s), count(), p99(ms) WHERE status >= 500 GROUP BY ALL"
  kelp query "FROM %s LAST 2m SELECT version, region, count(), p99(ms) WHERE service = '%s' GROUP BY ALL"
  kelp query "FROM %s LAST 2m SELECT time, service, version, region, message WHERE error IS NOT NULL LIMIT 10"
`, t, d.server.Address(), d.cmd.Seed, span(d.cmd.Backfill), thousands(int64(d.cmd.Rate)), span(d.cmd.OutageAfter),
		t, t, t, shop.Culprit, t)
}

// history sends what the shop did before it went live.
func (d *demo) history() error {
	if d.cmd.Backfill == 0 {
		return nil
	}
	sample := 1
	if d.cmd.Rate > demoHistoryRate {
		sample = demoHistorySample
	}
	began := time.Now()
	step := time.Duration(float64(time.Second) * demoHistoryRows * float64(sample) / d.cmd.Rate)
	for from := d.start.Add(-d.cmd.Backfill); from.Before(d.start); from = from.Add(step) {
		to := from.Add(step)
		if to.After(d.start) {
			to = d.start
		}
		if err := d.send(from, to, sample); err != nil {
			return err
		}
	}
	note := ""
	if sample > 1 {
		note = fmt.Sprintf(", each standing for %d", sample)
	}
	d.say("history is in: %s events%s, in %s", thousands(d.accepted), note, span(time.Since(began)))
	return nil
}

// live sends a batch every tick, catching up with what the history's sending or
// a pause of the server's held up.
func (d *demo) live() error {
	outage := d.start.Add(d.cmd.OutageAfter)
	said, told := time.Now(), false
	ticker := time.NewTicker(demoTick)
	defer ticker.Stop()
	for from := d.start; ; {
		select {
		case <-d.console.ctx.Done():
			return nil
		case <-ticker.C:
		}
		to := time.Now().Truncate(demoTick)
		if end := d.start.Add(d.cmd.Duration); d.cmd.Duration > 0 && to.After(end) {
			to = end
		}
		for from.Before(to) {
			next := from.Add(min(to.Sub(from), demoCatchUp))
			if err := d.send(from, next, 1); err != nil {
				return err
			}
			if from = next; !told && from.After(outage) {
				told = true
				d.say("something has just gone wrong in the shop")
			}
		}
		if d.cmd.Duration > 0 && from.Sub(d.start) >= d.cmd.Duration {
			return nil
		}
		if time.Since(said) >= demoSayEvery {
			said = time.Now()
			d.say("%s events sent, %s accepted", thousands(d.sent), thousands(d.accepted))
		}
	}
}

// send makes the events from a moment to the next and sends them until they are
// in, or the user stops.
func (d *demo) send(from, to time.Time, sample int) error {
	d.events = d.shop.Between(d.events[:0], from, to, d.cmd.Rate, sample)
	if len(d.events) == 0 {
		return nil
	}
	// A body of its own: the transport may still read it when the answer is here.
	body := make([]byte, 0, len(d.events)*demoEventBytes)
	for i := range d.events {
		body = d.events[i].AppendJSON(body)
	}
	d.sequence++
	d.sent += int64(len(d.events))
	receipt, err := d.server.Retry(d.console.ctx, &client.Batch{
		Table: d.cmd.Table, Key: fmt.Sprintf("%s-%d", d.run, d.sequence), Type: client.TypeNDJSON, Body: body,
	}, client.Retrying{For: demoRetry, Notify: func(err error, wait time.Duration) {
		d.say("%v; trying again in %s", err, wait.Round(10*time.Millisecond))
	}})
	if err != nil {
		return err
	}
	d.accepted += receipt.Accepted
	if receipt.Rejected > 0 && len(receipt.Errors) > 0 {
		return fmt.Errorf("%d events were rejected: %s", receipt.Rejected, receipt.Errors[0].Error)
	}
	return nil
}
