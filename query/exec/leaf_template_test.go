package exec

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// TestTemplatePatterns holds patterns against texts of templates, with nulls, words,
// numbers, ids, texts of no template and such beyond ASCII among them.
func TestTemplatePatterns(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	table := &testTable{schema: query.Schema{}}
	for i := range int64(3) {
		b := storage.NewBatch()
		for k := range int64(2500) {
			text := ""
			switch r.IntN(40) {
			case 0:
				text = fmt.Sprintf("something else %c%d", 'a'+rune(r.IntN(26)), r.IntN(100))
			case 1:
				text = fmt.Sprintf("größe %d", r.IntN(100))
			case 2, 3, 4:
				text = fmt.Sprintf("session %012x of user-%06d", r.Uint64()>>16, r.IntN(1e6))
			case 5, 6, 7, 8, 9, 10:
				text = fmt.Sprintf("client 10.%d.%d.%d refused by %s", r.IntN(256), r.IntN(256), r.IntN(256), []string{"api", "web", "search"}[r.IntN(3)])
			default:
				text = fmt.Sprintf("request %d took %d.%03d ms%s", r.IntN(100_000), r.IntN(2000), r.IntN(1000), []string{"", " timeout"}[r.IntN(2)])
			}
			b.SetInt(b.Slot([]byte("n")), k%5)
			if r.IntN(20) > 0 {
				b.SetString(b.Slot([]byte("message")), []byte(text))
			}
			b.EndRow(baseTime + i*60e9 + k*1e6)
		}
		table.add(t, b, storage.Rich)
		table.rows = append(table.rows, readRows(t, table.units[i])...)
	}
	walked := 0
	for _, u := range table.units {
		block, err := u.open()
		if err != nil {
			t.Fatal(err)
		}
		if block.Find("message")[0].Encoding() == storage.EncTemplate {
			walked++
		}
	}
	if walked == 0 {
		t.Fatal("no block keeps the texts as templates")
	}
	pool := NewPool(2)
	defer pool.Close()
	for _, pattern := range []string{
		"took [0-9]{3,}[.][0-9]+ ms", "took [0-9]+", "timeout$", "ms$", "^request [1-3]", "10[.]1[0-9]{2}[.]", "[.]7 refused", "by (api|web)$",
		"session [0-9a-f]{12}", "ab.*user-0", "größe [0-9]$", "e", "[^ -~]", "(?i)TIMEOUT", "\\b77\\b", "^$", "x*", "something",
	} {
		table.check(t, pool, fmt.Sprintf("SELECT n, count() FROM t WHERE message ~ '%s' GROUP BY n", pattern))
		table.check(t, pool, fmt.Sprintf("SELECT count() FROM t WHERE NOT message ~ '%s' AND n < 3", pattern))
	}
	for _, text := range []string{"timeout", "took", "took 1", "user-00", ".1", "e", "größe", "10.", "nothing"} {
		table.check(t, pool, fmt.Sprintf("SELECT n, count() FROM t WHERE contains(message, '%s') GROUP BY n", text))
	}
}

// TestManyPatterns: many patterns over a column take the memory of its texts, not that
// of a window for each.
func TestManyPatterns(t *testing.T) {
	if underRace {
		t.Skip("SKIP: the race detector allocates for itself")
	}
	r := rand.New(rand.NewPCG(5, 6))
	table := &testTable{schema: query.Schema{}}
	b := storage.NewBatch()
	for k := range int64(16 * templateRowsMin) {
		b.SetString(b.Slot([]byte("message")), fmt.Appendf(nil, "request %016x%016x of %016x%016x and %016x%016x then %016x%016x done",
			r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()))
		b.EndRow(baseTime + k*1e6)
	}
	table.add(t, b, storage.Rich)
	takes := func(patterns int) uint64 {
		terms := make([]string, patterns)
		for i := range terms {
			terms[i] = fmt.Sprintf("message ~ 'dead%04x'", i*7)
		}
		plan := table.plan(t, "SELECT count() FROM t WHERE "+strings.Join(terms, " OR "))
		pool := NewPool(1) // with a scratch that has nothing yet
		defer pool.Close()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, _, err := pool.run(t.Context(), plan, table.units, Limits{}); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	takes(40) // what is compiled once
	if few, many := takes(4), takes(40); many > 3*few {
		t.Errorf("4 patterns take %d bytes, 40 take %d", few, many)
	}
}
