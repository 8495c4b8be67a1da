package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	kelp "github.com/kelpdb/kelp/cmd/client"
)

// follow follows a table until stop is called; rounds gets all but those that say nothing.
func follow(t *testing.T, p *process, table, filter string) (rounds chan *kelp.TailRound, stop func()) {
	t.Helper()
	c, err := kelp.New(p.http, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	rounds = make(chan *kelp.TailRound, 1000)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Tail(ctx, table, filter, func(r *kelp.TailRound) error {
			rounds <- r
			return nil
		})
	}()
	stop = func() {
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("the stream ended with %v", err)
		}
		c.Close()
	}
	return rounds, stop
}

// nextRound is the next round that comes.
func nextRound(t *testing.T, rounds chan *kelp.TailRound) *kelp.TailRound {
	t.Helper()
	select {
	case r := <-rounds:
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("no round within 20 s")
		return nil
	}
}

// rowsOf are the values of a column in the rows of a round.
func rowsOf(t *testing.T, r *kelp.TailRound, column string) (values []any) {
	t.Helper()
	for _, text := range r.Rows {
		var row map[string]any
		if err := json.Unmarshal(text, &row); err != nil {
			t.Fatal(err)
		}
		values = append(values, row[column])
	}
	return values
}

// numbered is n rows with n from first on.
func numbered(first, n int) []byte {
	var body bytes.Buffer
	for i := range n {
		fmt.Fprintf(&body, "{\"n\":%d,\"even\":%t}\n", first+i, (first+i)%2 == 0)
	}
	return body.Bytes()
}

// TestTail: who follows a table of a cluster gets the rows that come in from then on, old
// times and new columns too, as they fit the filter; of a flood so many a second, and the
// exact number of the others. A leaf that is killed is named, and its rows come again
// once it is back.
func TestTail(t *testing.T) {
	agg, leaves := fleetOf(t, 2)
	agg.ingest("t", numbered(0, 10))
	rounds, stop := follow(t, agg, "t", "even")
	if r := nextRound(t, rounds); len(r.Rows) != 0 || r.Matched != 0 || len(r.Missing) != 0 {
		t.Fatalf("the first round is %+v", r)
	}
	agg.ingest("t", []byte(`{"n":10,"even":true,"time":"2020-01-01T00:00:00Z"} {"n":11,"even":false} {"n":12,"even":true,"new":"x"}`))
	r := nextRound(t, rounds)
	if got := fmt.Sprint(rowsOf(t, r, "n"), rowsOf(t, r, "new")); got != "[10 12] [<nil> x]" || r.Matched != 2 || r.Sent != 2 {
		t.Errorf("then %s, %+v", got, r)
	}

	const flood, bodies = 10_000, 12
	began := time.Now()
	for i := range bodies {
		agg.ingest("t", numbered(100+i*flood, flood))
	}
	matched, sent, seen := int64(0), int64(0), make(map[any]bool)
	for matched < flood*bodies/2 {
		r := nextRound(t, rounds)
		matched, sent = matched+r.Matched, sent+r.Sent
		for _, n := range rowsOf(t, r, "n") {
			if seen[n] {
				t.Fatalf("row %v came twice", n)
			}
			seen[n] = true
		}
		if len(r.Rows) != int(r.Sent) || r.Sent > 200 {
			t.Errorf("%d rows in a round that sends %d", len(r.Rows), r.Sent)
		}
	}
	if most := 200 * (2 + int64(time.Since(began)/time.Second)); matched != flood*bodies/2 || sent > most {
		t.Errorf("%d of %d rows matched, want %d; at most %d are to be sent", sent, matched, flood*bodies/2, most)
	}

	leaves[0].kill()
	for len(r.Missing) == 0 {
		r = nextRound(t, rounds)
	}
	if r.Missing[0].Leaf != leaves[0].name || len(r.Missing) != 1 {
		t.Errorf("missing is %+v, want %s", r.Missing, leaves[0].name)
	}
	leaves[0] = leaves[0].again()
	for len(r.Missing) > 0 {
		r = nextRound(t, rounds)
	}
	for i := range 20 { // to either leaf
		agg.ingest("t", numbered(1_000_000+i, 1))
	}
	for matched = 0; matched < 10; {
		r := nextRound(t, rounds)
		matched += r.Matched
	}
	stop()
	until(t, 5*time.Second, "nothing is asked any more", func() bool { return len(agg.running()) == 0 })
}

// TestTailEndsAtStop: a server that is stopped does not wait for those who follow tables,
// and tells them.
func TestTailEndsAtStop(t *testing.T) {
	p := start(t, serveArgs(t)...)
	p.ingest("t", numbered(0, 1))
	c, err := kelp.New(p.http, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- c.Tail(t.Context(), "t", "", func(*kelp.TailRound) error {
			began <- struct{}{}
			return nil
		})
	}()
	<-began
	at := time.Now()
	p.terminate()
	var said *kelp.Error
	if err := <-ended; !errors.As(err, &said) || said.Code != "unavailable" {
		t.Errorf("the stream ended with %v", err)
	}
	if took := time.Since(at); took > 8*time.Second { // requests in flight have ten
		t.Errorf("the stop took %v", took)
	}
}
