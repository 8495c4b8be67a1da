package exec

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// lineTable is one block with a column of texts that are compressed as a whole,
// and the number of each row.
func lineTable(t *testing.T, rows int) *testTable {
	table := &testTable{schema: query.Schema{}}
	r := rand.New(rand.NewPCG(81, 82))
	said := strings.Fields("the quick connection refused by peer timeout upstream retry of queue dropped packet user session expired")
	b := storage.NewBatch()
	for k := range rows {
		line := []byte("za"[k*2/rows:])
		for range 25 {
			line = fmt.Appendf(line, " %s", said[r.IntN(len(said))])
		}
		b.SetInt(b.Slot([]byte("n")), int64(k))
		b.SetString(b.Slot([]byte("line")), fmt.Append(line, r.Uint64()))
		b.EndRow(baseTime + int64(k)*1e6)
	}
	table.add(t, b, storage.Rich)
	table.rows = readRows(t, table.units[0])
	return table
}

// TestTextsOfManyInputs: the texts that one aggregate holds stay what they are
// when another one wants those of other rows.
func TestTextsOfManyInputs(t *testing.T) {
	table := lineTable(t, 20_000)
	block, err := table.units[0].open()
	if err != nil {
		t.Fatal(err)
	}
	if c := block.Find("line")[0]; c.Shape() != storage.ShapeText {
		t.Fatalf("the column has shape %v: the test tests nothing", c.Shape())
	}
	pool := NewPool(1)
	defer pool.Close()
	for _, sql := range []string{
		"SELECT max(line) FILTER (WHERE n >= 10000), min(line) FILTER (WHERE n < 10000) FROM t",
		"SELECT uniq_exact(line) FILTER (WHERE n >= 19000), max(line) FILTER (WHERE n < 10000) FROM t",
		"SELECT max(concat(line, n::string)) FILTER (WHERE n >= 19000), min(length(line)) FILTER (WHERE n < 10000) FROM t",
		"SELECT min(line) FILTER (WHERE n > 19000), max(line) FILTER (WHERE n < 1000), min(line) FILTER (WHERE n < 2000), max(line) FILTER (WHERE n < 3000), first(line) FILTER (WHERE n > 9000) FROM t",
	} {
		table.check(t, pool, sql)
	}
}
