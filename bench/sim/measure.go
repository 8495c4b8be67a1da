package sim

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kelpdb/kelp/cmd/client"
)

// Measurement is how a Dist is measured: the same question, over and over.
type Measurement struct {
	Server  string // of an aggregator with one leaf
	SQL     string
	Times   int
	Clients int // that ask at once
	Name    string
	What    string // for the reader: rows, machine, what else goes on
}

// Measure asks a running aggregator and returns how long it took over each answer,
// which is one request to its leaf. The error is that one was not whole.
func Measure(ctx context.Context, m Measurement) (Dist, error) {
	server, err := client.New(m.Server, "")
	if err != nil {
		return Dist{}, err
	}
	defer server.Close()
	times := make([]time.Duration, m.Times)
	group, ctx := errgroup.WithContext(ctx)
	for k := range m.Clients {
		group.Go(func() error {
			for i := k; i < m.Times; i += m.Clients {
				answer, _, err := server.Query(ctx, client.Query{SQL: m.SQL})
				switch {
				case err != nil:
					return err
				case answer.Completeness.Ratio < 1 || answer.Completeness.Leaves.Total != 1:
					return fmt.Errorf("an answer of %d leaves with completeness %v measures nothing; one leaf is wanted, whole",
						answer.Completeness.Leaves.Total, answer.Completeness.Ratio)
				}
				times[i] = milliseconds(answer.Stats.ElapsedMs)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return Dist{}, err
	}
	return distOf(m.Name, m.What, times), nil
}
