package aggregator

import (
	"context"
	"fmt"

	"github.com/kelpdb/kelp/wire"
)

// errQueriesWait says that too many queries wait for their turn.
var errQueriesWait = &wire.Error{Code: wire.CodeFull,
	Message: fmt.Sprintf("%d queries run and %d wait for their turn, which is the most at once", queriesMax, queriesWaitingMax)}

// turn waits until a query may run; done ends it.
func (a *Aggregator) turn(ctx context.Context) (done func(), err error) {
	done = func() { <-a.asks }
	select {
	case a.asks <- struct{}{}:
		return done, nil
	default:
	}
	defer a.waiting.Add(-1)
	if a.waiting.Add(1) > queriesWaitingMax {
		return nil, errQueriesWait
	}
	select {
	case a.asks <- struct{}{}:
		return done, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
