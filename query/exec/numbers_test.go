package exec

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// TestNumberTable: numbers of full and thin ranges, of both ends of int64, in
// batches and one by one, have one id each, as in a map.
func TestNumberTable(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 5))
		var table intTable
		model := map[int64]uint32{}
		bases := []int64{0, 1e9, -500, math.MinInt64, math.MaxInt64 - 5_000, r.Int64()}
		for range 40 {
			base, spread := bases[r.IntN(len(bases))], int64(1)<<r.IntN(24)
			values := make([]int64, 1+r.IntN(3000))
			for i := range values {
				values[i] = base + r.Int64N(spread)
			}
			rows := make([]uint16, 0, len(values))
			all := r.IntN(2) == 0
			for i := range values {
				if all || r.IntN(3) > 0 {
					rows = append(rows, uint16(i))
				}
			}
			grow := r.IntN(4) > 0
			ids := make([]uint32, len(rows))
			table.idsAt(ids, values, rows, grow)
			for i, row := range rows {
				want, known := model[values[row]]
				switch {
				case !known && !grow:
					want = noID
				case !known:
					want = uint32(len(model))
					model[values[row]] = want
				}
				if ids[i] != want {
					t.Fatalf("seed %d: id of %d is %d, want %d", seed, values[row], ids[i], want)
				}
			}
		}
	}
}

// testForms are columns of texts that are numbers, some of them alike.
var testForms = []string{"user-%06d", "user-%d", "user-%05d", "%d", "%dms", "id:%08x", "id:%06x", "host-%03d.net"}

// formsOf returns some of testForms as a block has them.
func formsOf(t *testing.T) []storage.TextForm {
	var forms []storage.TextForm
	for _, f := range testForms {
		r := rand.New(rand.NewPCG(1, 1))
		table := &testTable{schema: query.Schema{}}
		b := storage.NewBatch()
		for k := range 9000 {
			b.SetString(b.Slot([]byte("x")), fmt.Appendf(nil, f, r.IntN(1_000_000)))
			b.EndRow(baseTime + int64(k))
		}
		table.add(t, b, storage.Rich)
		block, err := table.units[0].open()
		if err != nil {
			t.Fatal(err)
		}
		form, _, ok, err := block.Find("x")[0].TextNumbers(nil)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			forms = append(forms, form)
		}
	}
	if len(forms) < len(testForms)-2 {
		t.Fatalf("%d of %d columns are stored as numbers: the test tests nothing", len(forms), len(testForms))
	}
	return forms
}

// TestByteTableForms: a text has one id, whether it comes as a number of one form
// or another or as it is, and tables join so.
func TestByteTableForms(t *testing.T) {
	forms := formsOf(t)
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 6))
		tables := [2]byteTable{}
		var models [2]map[string]uint32
		for side := range tables {
			table, model := &tables[side], map[string]uint32{}
			for range 30 {
				form := &forms[r.IntN(len(forms))]
				numbers, rows := make([]int64, 500), make([]uint16, 500)
				for i := range numbers {
					numbers[i], rows[i] = int64(r.IntN(1<<r.IntN(20))), uint16(i)
				}
				ids := make([]uint32, len(rows))
				at := -1
				if r.IntN(3) > 0 {
					at = table.formOf(form)
				}
				if at >= 0 {
					table.idsAt(ids, at, numbers, rows, true)
				} else {
					for i, n := range numbers {
						ids[i] = table.id(form.Append(nil, n), true)
					}
				}
				for i, n := range numbers {
					text := string(form.Append(nil, n))
					if _, known := model[text]; !known {
						model[text] = uint32(len(model))
					}
					if ids[i] != model[text] || string(table.appendAt(nil, int(ids[i]))) != text {
						t.Fatalf("seed %d: id of %q is %d, want %d", seed, text, ids[i], model[text])
					}
				}
			}
			models[side] = model
		}
		to := tables[0].join(&tables[1], true)
		for text, id := range models[1] {
			want, known := models[0][text]
			if known && to[id] != want || string(tables[0].appendAt(nil, int(to[id]))) != text {
				t.Fatalf("seed %d: %q joins as %d, %q", seed, text, to[id], tables[0].appendAt(nil, int(to[id])))
			}
		}
		if slices.Sort(to); len(slices.Compact(to)) != len(models[1]) {
			t.Fatalf("seed %d: texts have become one", seed)
		}
	}
}

// userTable is blocks in which the same users are numbers, numbers of another
// form, a dictionary and plain texts, and in some rows null.
func userTable(t *testing.T) *testTable {
	table := &testTable{schema: query.Schema{}}
	r := rand.New(rand.NewPCG(71, 72))
	at := baseTime
	for block := range 11 {
		b := storage.NewBatch()
		for range 3000 + block*100 {
			n := r.IntN(5000)
			if block == 10 {
				n = 1000 + n%1000
			}
			text := fmt.Sprintf("user-%06d", n)
			switch {
			case block == 3:
				text = fmt.Sprintf("user-%d", n)
			case block == 5:
				text = fmt.Sprintf("user-%06d", n%40)
			case block == 6 && r.IntN(4) == 0:
				text = fmt.Sprintf("guest of user-%06d", n)
			}
			if block < 7 || block == 10 || r.IntN(10) > 0 {
				b.SetString(b.Slot([]byte("user")), []byte(text))
			}
			b.SetInt(b.Slot([]byte("shard")), int64(r.IntN(3)))
			b.SetInt(b.Slot([]byte("n")), int64(n)*int64(1+block%2*1_000_003))
			b.SetInt(b.Slot([]byte("bytes")), r.Int64N(1000)-100)
			b.SetInt(b.Slot([]byte(storage.SampleRateColumn)), int64(1+r.IntN(20)/19*9))
			at += 1e6
			b.EndRow(at)
		}
		richness := storage.Rich
		if block == 8 {
			richness = storage.Cheap
		}
		table.add(t, b, richness)
	}
	for _, u := range table.units {
		table.rows = append(table.rows, readRows(t, u)...)
	}
	return table
}

// some returns the table of some of the blocks.
func (table *testTable) some(t *testing.T, blocks []int) *testTable {
	few := &testTable{schema: table.schema}
	for _, b := range blocks {
		few.units = append(few.units, table.units[b])
		few.rows = append(few.rows, readRows(t, table.units[b])...)
	}
	return few
}

// TestNumberKeys: groups by texts that are numbers, and by integers, are those of
// the model, whatever the encoding, with several workers, and with what is not
// shown left out.
func TestNumberKeys(t *testing.T) {
	table := userTable(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, workers := range []int{1, 3} {
		pool := NewPool(workers)
		pool.spares.least = 64 // the memory of one query serves the next
		for _, sql := range []string{
			"SELECT user, count() FROM t GROUP BY user",
			"SELECT user, hits(), sum(bytes), max(n) FROM t WHERE bytes > 500 GROUP BY user",
			"SELECT shard, uniq_exact(user), uniq_exact(n), uniq(user), max(user) FROM t GROUP BY shard",
			"SELECT uniq_exact(user) FROM t WHERE bytes < 200",
			"SELECT user, count(), avg(bytes), min(bytes), max(n) FROM t WHERE bytes <> 7 GROUP BY user",
			"SELECT user, count() FROM t WHERE shard = 7 GROUP BY user",
			"SELECT user, count() FROM t WHERE n < 1500 GROUP BY user",
			"SELECT user, shard, count(), avg(bytes) FROM t GROUP BY user, shard",
			"SELECT n, count(), uniq(user) FROM t GROUP BY n",
			"SELECT user, count() AS c FROM t GROUP BY user ORDER BY c DESC, user LIMIT 20",
			"SELECT user, count() AS c FROM t GROUP BY user ORDER BY c, user LIMIT 20",
			"SELECT user, sum(bytes) AS s, max(user), p50(n) FROM t GROUP BY user ORDER BY s, user LIMIT 7 OFFSET 3",
			"SELECT user, sum(bytes) FILTER (WHERE shard = 1) AS s, avg(n) FROM t GROUP BY user ORDER BY s DESC, user LIMIT 5",
			"SELECT n, user, hits() AS h, stddev(bytes) FROM t GROUP BY n, user ORDER BY h DESC, n, user LIMIT 30",
		} {
			table.checkSole(t, pool, sql)
			if workers > 1 {
				table.check(t, pool, sql)
				// Chains of one range, of two, and one whose groups are no numbers.
				for _, blocks := range [][]int{{0, 1, 2}, {10, 0, 5}, {0, 10}, {0, 1, 4}} {
					few := table.some(t, blocks)
					few.check(t, pool, sql)
					few.checkSole(t, pool, sql)
				}
				continue
			}
			// Blocks are read from the last one on: the first read sets the range of
			// numbers, and others fit in it or do not.
			orders := [][]int{{0, 1, 2}, {3, 4}, {0, 5, 6, 10}, {8, 10}, {2, 10}}
			if underRace {
				orders = [][]int{orders[rng.IntN(len(orders))]}
			}
			for _, blocks := range orders {
				table.some(t, blocks).check(t, pool, sql)
			}
		}
		pool.Close()
	}
}

// checkSole: the answer is the same, row by row and with what it says of itself,
// if the leaf leaves out what will not be shown.
func (table *testTable) checkSole(t *testing.T, pool *Pool, sql string) {
	t.Helper()
	plan := table.plan(t, sql)
	var groups [2]int
	var lines [2][]string
	for i, sole := range []bool{false, true} {
		p, _, err := pool.run(context.Background(), plan, table.units, Limits{Sole: sole})
		if err != nil {
			t.Fatal(err)
		}
		groups[i], lines[i] = p.Groups, show(t, plan, p)
	}
	sameLines(t, "sole: "+sql, lines[1], lines[0])
	if cut := plan.Limit.Explicit; cut && groups[0] > 1024 && groups[1] == groups[0] || !cut && groups[1] < groups[0] {
		t.Errorf("%s: %d groups of %d", sql, groups[1], groups[0])
	}
}

// TestSpanGroups: groups are numbers while the blocks allow it, and what a block
// that is given up, or memory that is used up, leaves behind is not among them.
func TestSpanGroups(t *testing.T) {
	table := userTable(t)
	plan := table.plan(t, "SELECT user, sum(bytes) FROM t GROUP BY user")
	run := &run{ctx: context.Background(), plan: plan, budget: &budget{max: processBytesMax}, spares: noSpares(), lim: Limits{Groups: groupsMaxDefault, Bytes: bytesMaxDefault}, units: table.units}
	run.filter, run.keys, run.feeds = compileFilter(plan.Filter, true), compileKeys(plan.Keys), compileFeeds(plan)
	c := run.newChain(0, 1)
	s := new(scratch)
	seen := map[string]bool{}
	for at := range table.units {
		if !c.read(s) {
			t.Fatal(run.failed)
		}
		c.next++
		for _, row := range readRows(t, table.units[at]) {
			seen[query.CanonicalText(row["user"])] = true
		}
		if spans := at < 3; spans != (c.state.grouper.span != nil) {
			t.Fatalf("after block %d: groups are numbers %v, want %v", at, !spans, spans)
		}
		if at == 2 { // a block that fails half way
			c.view.open(s, func() *storage.Block { b, _ := table.units[4].open(); return b }())
			sel := bitmap(s.u64.take(words(c.view.rows)))
			sel.setAll(c.view.rows)
			if got, err := c.assignSpan(c.view, sel, c.view.rows); err != nil || got == nil {
				t.Fatalf("the block does not fit: the test tests nothing (%v)", err)
			}
			c.state.settle(nil)
			break
		}
	}
	if got := c.state.grouper.index.groups; got != len(seen) || c.state.feeder.states[0].Len() != got {
		t.Fatalf("%d groups, %d states, want %d", got, c.state.feeder.states[0].Len(), len(seen))
	}
}

func BenchmarkSpan(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const rows = 65_536
	numbers, ids, at := make([]int64, rows), make([]uint32, rows), make([]uint16, rows)
	for i := range numbers {
		numbers[i], at[i] = r.Int64N(1_000_000), uint16(i)
	}
	b.Run("ids", func(b *testing.B) {
		var table intTable
		for b.Loop() {
			table.idsAt(ids, numbers, at, true)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	})
	b.Run("mark", func(b *testing.B) {
		p := spanGroups{present: make(bitmap, words(1_000_000))}
		for b.Loop() {
			p.mark(ids)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	})
}
