package leaf

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// TestColumnsOfTable: a table whose rows name their columns by ids stops
// growing at the limit, and rows of its old columns still come in.
func TestColumnsOfTable(t *testing.T) {
	l, _ := newLeaf(t)
	send := func(from, n int) error {
		b := storage.NewBatch()
		for i := range n {
			b.SetInt(b.Slot(fmt.Appendf(nil, "user-%d", from+i)), 1)
		}
		b.EndRow(time.Now().UnixNano())
		_, err := l.Append(context.Background(), &wire.Append{Table: "t", Batch: b, Arrival: time.Now().UnixNano(),
			Receipt: storage.Receipt{Accepted: 1}})
		return err
	}
	const each = 4_000
	for from := 0; from < ColumnsPerTableMax; from += each {
		if err := send(from, each); err != nil {
			t.Fatalf("%d columns: %v", from+each, err)
		}
	}
	err := send(ColumnsPerTableMax, each)
	var coded *wire.Error
	if !errors.As(err, &coded) || coded.Code != wire.CodeBad || !strings.Contains(err.Error(), "20000 at most") {
		t.Errorf("past the limit: %v", err)
	}
	if err := send(0, each); err != nil {
		t.Errorf("old columns: %v", err)
	}
	// A batch that was used before brings only the columns that it has values for.
	b := storage.NewBatch()
	b.SetInt(b.Slot([]byte("never stored")), 1)
	b.AbortRow()
	b.SetInt(b.Slot([]byte("user-0")), 1)
	b.EndRow(time.Now().UnixNano())
	if err := l.checkColumns("t", b); err != nil {
		t.Errorf("a slot without values: %v", err)
	}
}
