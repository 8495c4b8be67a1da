package aggregator

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// manyTables is a full Update of a leaf with so many tables of 100 columns.
func manyTables(tables int) *wire.Update {
	schema := query.Schema{}
	for i := range 100 {
		schema[fmt.Sprint("column_", i)] = storage.TypeSet(0).With(storage.TypeInt64)
	}
	u := &wire.Update{Leaf: "leaf-1", ID: "id", Epoch: 1, Seq: 1, Full: true}
	for i := range tables {
		u.Tables = append(u.Tables, tableNews(i, 1))
		u.Tables[i].Schema, u.Tables[i].TableChange.Full = schema, true
	}
	return u
}

// tableNews is what a leaf says of a table after one more row.
func tableNews(i int, seq uint64) wire.TableUpdate {
	at := 1_700_000_000*int64(time.Second) + int64(seq/50)*int64(time.Second)
	return wire.TableUpdate{
		TableChange: storage.TableChange{
			Table: fmt.Sprint("table-", i), Incarnation: 1, Added: seq, Seq: seq,
			Buckets: []storage.TimeCount{{From: at, Width: int64(time.Second), Rows: seq}}, Newest: at,
		},
		Rows: seq, Bytes: seq * 1000,
	}
}

// BenchmarkHear gives what a promise of one table costs the aggregator, journal and
// its rewriting included, by how many tables it knows.
func BenchmarkHear(b *testing.B) {
	for _, tables := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprint(tables), func(b *testing.B) {
			a, err := New(Config{Name: "agg", Now: time.Now, Log: slog.New(slog.DiscardHandler), DataDir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer a.Close()
			n := &node{name: "leaf-1"}
			a.nodes["leaf-1"] = n
			if err := a.hear(n, manyTables(tables), true); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			seq, longest := uint64(1), time.Duration(0)
			b.ResetTimer()
			for b.Loop() {
				seq++
				u := &wire.Update{Leaf: "leaf-1", ID: "id", Epoch: 1, Seq: seq, Tables: []wire.TableUpdate{tableNews(int(seq)%min(tables, 50), seq)}}
				began := time.Now()
				if err := a.hear(n, u, false); err != nil {
					b.Fatal(err)
				}
				longest = max(longest, time.Since(began))
			}
			b.ReportMetric(float64(longest.Microseconds())/1000, "longest-ms")
		})
	}
}

// BenchmarkTableList gives what GET /v1/tables costs, without its JSON, by how many
// tables there are, of 64 buckets each.
func BenchmarkTableList(b *testing.B) {
	for _, tables := range []int{100, 10_000} {
		b.Run(fmt.Sprint(tables), func(b *testing.B) {
			a, err := New(Config{Name: "agg", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer a.Close()
			u := manyTables(tables)
			for i := range u.Tables {
				for n := range int64(64) {
					u.Tables[i].Buckets = append(u.Tables[i].Buckets, storage.TimeCount{From: n * int64(time.Second), Width: int64(time.Second), Rows: 1})
				}
			}
			if err := a.hear(&node{name: "leaf-1"}, u, true); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				a.book.tableList(a.cfg.Now())
				a.holdings("")
			}
		})
	}
}
