package wire

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// manyGroups is an answer of two keys and two states.
func manyGroups(groups int) (*query.Plan, *query.Partial) {
	plan := &query.Plan{Grouped: true, Keys: []query.Key{{Type: storage.TypeString}, {Type: storage.TypeInt64}}}
	plan.Aggs = []query.Agg{
		{Kind: query.AggCount, Type: storage.TypeInt64},
		{Kind: query.AggSum, Arg: &query.Bound{Op: query.OpColumn, Type: storage.TypeInt64}, Type: storage.TypeInt64},
	}
	p := &query.Partial{Groups: groups}
	users, codes := query.NewVec(storage.TypeString), query.NewVec(storage.TypeInt64)
	count := query.NewState(&plan.Aggs[0]).(*query.CountState)
	sum := query.NewState(&plan.Aggs[1]).(*query.SumState)
	count.Grow(groups)
	sum.Grow(groups)
	for g := range groups {
		users.Append(storage.String(fmt.Sprintf("user-%07d", g)))
		codes.Append(storage.Int(int64(g % 600)))
		count.Add([]uint32{uint32(g)}, nil)
		sum.AddInts([]uint32{uint32(g)}, []int64{int64(g) * 31}, nil)
	}
	p.Keys, p.States = []*query.Vec{users, codes}, []query.State{count, sum}
	return plan, p
}

// referenceBatch is rows of 16 columns as services log them.
func referenceBatch(rows int) *storage.Batch {
	rnd := rand.New(rand.NewPCG(1, 1))
	b := storage.NewBatch()
	slot := func(name string) int { return b.Slot([]byte(name)) }
	texts := []struct {
		slot, distinct int
		form           string
	}{
		{slot("service"), 20, "service-%02d"}, {slot("host"), 200, "host-%03d.example.com"}, {slot("region"), 5, "region-%d"},
		{slot("endpoint"), 100, "/api/v1/resource/%d"}, {slot("method"), 4, "M%d"}, {slot("user"), 100_000, "user-%06d"},
		{slot("trace"), 1 << 40, "%016x"}, {slot("message"), 1000, "request %d finished in time"}, {slot("version"), 9, "1.2.%d"},
	}
	ints := []int{slot("status"), slot("bytes"), slot("shard"), slot("retries")}
	floats := []int{slot("ms"), slot("cpu")}
	for i := range rows {
		for _, t := range texts {
			b.SetString(t.slot, fmt.Appendf(nil, t.form, rnd.IntN(t.distinct)))
		}
		for _, s := range ints {
			b.SetInt(s, rnd.Int64N(100_000))
		}
		for _, s := range floats {
			b.SetFloat(s, rnd.ExpFloat64()*100)
		}
		b.EndRow(1_700_000_000_000_000_000 + int64(i)*1e6)
	}
	return b
}

// BenchmarkRun is a query's way there and back: nothing is computed.
func BenchmarkRun(b *testing.B) {
	for _, groups := range []int{10, 1_000, 100_000, 1_000_000} {
		_, p := manyGroups(groups)
		q := &query.Query{
			SQL: "SELECT user, code, count(), sum(bytes) FROM logs GROUP BY user, code",
			Schema: query.Schema{
				"user": storage.TypeSet(0).With(storage.TypeString), "code": storage.TypeSet(0).With(storage.TypeInt64),
				"bytes": storage.TypeSet(0).With(storage.TypeInt64),
			},
		}
		b.Run(fmt.Sprint(groups), func(b *testing.B) {
			leaf := &fakeLeaf{run: func(context.Context, *query.Query) (*query.Partial, error) { return p, nil }}
			c := serve(b, leaf)
			b.ReportAllocs()
			for b.Loop() {
				got, err := c.Run(context.Background(), q)
				if err != nil || got.Groups != groups {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAppend is a batch's way there and its receipt's back.
func BenchmarkAppend(b *testing.B) {
	for _, rows := range []int{1, 1_000, 65_536} {
		batch := referenceBatch(rows)
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			leaf := &fakeLeaf{append: func(_ context.Context, a *Append) (*Appended, error) { return &Appended{}, nil }}
			c := serve(b, leaf)
			b.SetBytes(int64(batch.Bytes()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Append(context.Background(), &Append{Table: "logs", Batch: batch}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFrames is the part of BenchmarkRun that is ours: encode and decode.
func BenchmarkFrames(b *testing.B) {
	plan, p := manyGroups(1_000_000)
	b.Run("send", func(b *testing.B) {
		for b.Loop() {
			if err := sendPartial(&sender{to: nowhere{}}, p, true); err != nil {
				b.Fatal(err)
			}
		}
	})
	whole := partialTape(b, p, true)
	b.Run("receive", func(b *testing.B) {
		for b.Loop() {
			if _, err := receivePartial(&receiver{from: &tape{frames: whole.frames}}, plan, 1<<30); err != nil {
				b.Fatal(err)
			}
		}
	})
}
