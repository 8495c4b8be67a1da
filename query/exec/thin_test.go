package exec

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

// thinned makes a table of what thinning leaves of the blocks of another, some of
// which it leaves whole.
func thinned(t *testing.T, r *rand.Rand, whole *diffTable) *diffTable {
	t.Helper()
	thin := &diffTable{leaves: make([][]unit, len(whole.leaves)), schema: query.Schema{}, layout: "thinned " + whole.layout}
	seq := uint64(0)
	for leaf, units := range whole.leaves {
		for _, u := range units {
			seq++
			b, err := u.open()
			if err != nil {
				t.Fatal(err)
			}
			batch := storage.NewBatch()
			if r.IntN(4) == 0 {
				err = b.Batch(batch)
			} else {
				batch, err = b.Thinned(uint64(2 + r.IntN(3)))
			}
			if err != nil {
				t.Fatal(err)
			}
			data, meta, err := storage.AppendBlock(nil, batch, storage.BlockOptions{Richness: randomRichness(r)})
			if errors.Is(err, storage.ErrNoRows) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			kept := thin.open(t, data, meta, seq)
			thin.leaves[leaf] = append(thin.leaves[leaf], kept)
			for _, row := range readRows(t, kept) {
				at := row[storage.TimeColumn].Int
				if len(thin.rows) == 0 {
					thin.from, thin.to = at, at
				}
				thin.from, thin.to = min(thin.from, at), max(thin.to, at)
				thin.rows = append(thin.rows, oracle.Row(row))
			}
		}
	}
	return thin
}

// TestThinnedAgainstOracle asks random queries of tables of which most blocks are
// thinned and some are not: the answers are those of the rows and weights that are
// left. That these are the right ones is for storage's tests.
func TestThinnedAgainstOracle(t *testing.T) {
	seed := *diffSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed: -diffseed %d", seed)
	pool := NewPool(2)
	defer pool.Close()
	asked, rows := 0, 0
	for round := range 4 {
		r := rand.New(rand.NewPCG(seed, uint64(round)))
		d := thinned(t, r, layOut(t, r, diffRows(r, []int{60, 400, 1500}[r.IntN(3)]), 1+r.IntN(3), 200))
		rows += len(d.rows)
		gen := &diffGen{r: r}
		for range 40 {
			sql := gen.query()
			problem, err := d.differs(r, pool, sql, diffNow)
			if err != nil {
				continue // a query that is refused
			}
			if asked++; problem != "" {
				t.Fatalf("round %d, %d rows, blocks %s\n%s\n%s", round, len(d.rows), clipText(d.layout), sql, problem)
			}
		}
	}
	t.Logf("%d queries of %d rows", asked, rows)
	if asked < 60 || rows == 0 {
		t.Errorf("%d queries of %d rows: the test shows nothing", asked, rows)
	}
}
