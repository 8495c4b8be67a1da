package wire

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// randomBatch has dense, sparse, mixed and empty columns.
func randomBatch(rnd *rand.Rand, rows, slots int) *storage.Batch {
	b := storage.NewBatch()
	b.Slot([]byte("never set"))
	for i := range slots {
		b.Slot(fmt.Appendf(nil, "column-%d", i))
	}
	for r := range rows {
		for i := range slots {
			t := everyType[1+i%6]
			if i%5 == 4 {
				t = everyType[1+rnd.IntN(6)] // of any type
			}
			if i%3 == 2 && rnd.IntN(10) > 0 {
				continue // sparse
			}
			v := randomValue(rnd, t, 20)
			v.Str = strings.ToValidUTF8(v.Str, "?")
			for j := range v.List {
				v.List[j] = strings.ToValidUTF8(v.List[j], "?")
			}
			b.SetValue(1+i, v)
		}
		b.EndRow(int64(r) - 50)
	}
	return b
}

func sameBatch(t *testing.T, got, want *storage.Batch) {
	t.Helper()
	if got.Rows() != want.Rows() || got.Bytes() != want.Bytes() || len(got.Slots()) != len(want.Slots()) {
		t.Fatalf("%d rows, %d bytes, %d slots; want %d, %d, %d",
			got.Rows(), got.Bytes(), len(got.Slots()), want.Rows(), want.Bytes(), len(want.Slots()))
	}
	for i, time := range want.Times() {
		if got.Times()[i] != time {
			t.Fatalf("time %d is %d, want %d", i, got.Times()[i], time)
		}
	}
	for i, w := range want.Slots() {
		g := got.Slots()[i]
		if g.Name != w.Name {
			t.Fatalf("slot %d is %q, want %q", i, g.Name, w.Name)
		}
		for typ, wv := range w.Vectors {
			gv := g.Vectors[typ]
			if wv == nil || wv.Len() == 0 {
				if gv != nil {
					t.Fatalf("%q has values of type %d", w.Name, typ)
				}
				continue
			}
			if gv == nil || gv.Len() != wv.Len() {
				t.Fatalf("%q has other values of type %d", w.Name, typ)
			}
			for j := range wv.Len() {
				if gv.Rows[j] != wv.Rows[j] || !sameValue(gv.Value(j), wv.Value(j)) {
					t.Fatalf("%q row %d: %+v, want row %d: %+v", w.Name, gv.Rows[j], gv.Value(j), wv.Rows[j], wv.Value(j))
				}
			}
		}
	}
}

func batchTape(t testing.TB, a *Append) *tape {
	t.Helper()
	var out tape
	if closed, err := sendBatch(&sender{to: &out}, a); err != nil || !closed {
		t.Fatal(closed, err)
	}
	return &out
}

func receiveTape(in *tape, bytesMax int64) (*Append, error) {
	return receiveBatch(&receiver{from: in}, &batchReader{memory: allowance{bytesMax}}, func(int64) error { return nil })
}

func TestBatchRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	f := func(rows, slots int) {
		t.Helper()
		a := &Append{
			Table: "logs", Key: "k\xff\x00", Chunk: 1<<32 - 1, Digest: 1<<64 - 1, Arrival: -5,
			Receipt: storage.Receipt{
				Accepted: uint32(rows), Rejected: 3, Errors: []storage.RowError{{Row: 1 << 40, Error: "not JSON"}, {}}, Warnings: []string{"w"},
			},
			Batch: randomBatch(rnd, rows, slots),
		}
		got, err := receiveTape(batchTape(t, a), batchBytesMax)
		if err != nil {
			t.Fatalf("%d rows of %d columns: %v", rows, slots, err)
		}
		sameBatch(t, got.Batch, a.Batch)
		g, w := *got, *a
		g.Batch, w.Batch = nil, nil
		if !reflect.DeepEqual(g, w) {
			t.Errorf("head: %+v, want %+v", g, w)
		}
	}
	f(0, 0)
	f(0, 3)
	f(1, 1)
	f(3, 40)
	f(1_000, 17)
	f(65_536, 9)
	f(2, 4_096)
	f(30, 1_000)
}

// What no decoder could have built is refused, although its frames are whole.
func TestBatchesThatCannotBe(t *testing.T) {
	text := func(s string) *storage.Vector {
		return &storage.Vector{Type: storage.TypeString, Rows: []uint32{0}, Bytes: []byte(s), Ends: []uint32{uint32(len(s))}}
	}
	ints := func(rows ...uint32) *storage.Vector {
		return &storage.Vector{Type: storage.TypeInt64, Rows: rows, Ints: make([]int64, len(rows))}
	}
	f := func(what string, times []int64, slots ...storage.Slot) {
		t.Helper()
		if _, err := storage.RestoreBatch(times, slots); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	slot := func(name string, vectors ...*storage.Vector) storage.Slot {
		s := storage.Slot{Name: name}
		for _, v := range vectors {
			s.Vectors[v.Type] = v
		}
		return s
	}
	times := []int64{1, 2, 3}
	f("too many rows", make([]int64, storage.RowsPerBlockMax+1))
	f("no name", times, slot(""))
	f("time", times, slot("time"))
	f("a name twice", times, slot("a"), slot("a"))
	f("a long name", times, slot(strings.Repeat("a", storage.ColumnNameBytesMax+1)))
	f("a name of other bytes", times, slot("\xff"))
	f("a row beyond", times, slot("a", ints(3)))
	f("rows descending", times, slot("a", ints(2, 1)))
	f("a row twice", times, slot("a", ints(1, 1)))
	f("a row with two types", times, slot("a", ints(0), text("x")))
	f("other bytes", times, slot("a", text("\xff")))
	f("a long text", times, slot("a", text(strings.Repeat("x", storage.ValueBytesMax+1))))
	bad := text("xyz")
	bad.Ends[0] = 2
	f("bytes of no text", times, slot("a", bad))
	bad = text("xyz")
	bad.Ends[0] = 4
	f("a text beyond its bytes", times, slot("a", bad))
	bad = ints(0)
	bad.Ints = nil
	f("no value", times, slot("a", bad))
	f("a bool of 2", times, slot("a", &storage.Vector{Type: storage.TypeBool, Rows: []uint32{0}, Ints: []int64{2}}))
	f("a long list", times, slot("a", &storage.Vector{
		Type: storage.TypeList, Rows: []uint32{0}, Lists: []uint32{storage.ListItemsMax + 1}, Ends: make([]uint32, storage.ListItemsMax+1),
	}))
	wrong := slot("a", ints(0))
	wrong.Vectors[storage.TypeTime] = wrong.Vectors[storage.TypeInt64]
	f("another type", times, wrong)
	if _, err := storage.RestoreBatch(times, []storage.Slot{slot("a", ints(0, 2)), slot("b", text("x"), ints(1)), slot("c")}); err != nil {
		t.Errorf("a right batch: %v", err)
	}
}

// fuzzBatch holds that damaged frames are an error, and that well-sealed lies
// are an error or a batch that can be read.
func fuzzBatch(t *testing.T, whole *tape, input []byte) {
	damaged := whole.copy()
	mustFail := edit(damaged, input) && !reflect.DeepEqual(damaged.frames, whole.frames)
	a, err := receiveTape(damaged, 8<<20)
	if err != nil {
		return
	}
	if mustFail {
		t.Fatal("damaged frames were taken")
	}
	for _, s := range a.Batch.Slots() {
		for _, v := range s.Vectors {
			if v == nil {
				continue
			}
			for i := range v.Len() {
				v.Value(i)
				if int(v.Rows[i]) >= a.Batch.Rows() {
					t.Fatalf("row %d of %d", v.Rows[i], a.Batch.Rows())
				}
			}
		}
	}
}

func FuzzBatch(f *testing.F) {
	whole := batchTape(f, &Append{Table: "t", Key: "k", Batch: randomBatch(rand.New(rand.NewPCG(1, 4)), 9, 12)})
	f.Add([]byte{0, 1, 1, 0, 9, 255})
	f.Add([]byte{1, 1, 1, 0, 9, 255, 0, 0, 0, 7, 1})
	f.Fuzz(func(t *testing.T, input []byte) { fuzzBatch(t, whole, input) })
}

func TestBatchLiesAreBounded(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	whole := batchTape(t, &Append{Table: "t", Key: "k", Batch: randomBatch(rnd, 9, 12)})
	var before, after runtime.MemStats
	for range 30_000 {
		input := make([]byte, 1+5*(1+rnd.IntN(3)))
		for i := range input {
			input[i] = byte(rnd.Uint32())
		}
		if rnd.IntN(2) == 0 {
			input[0] |= 1
		}
		runtime.ReadMemStats(&before)
		fuzzBatch(t, whole, input)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
			t.Fatalf("input %v made it allocate %d bytes", input, used)
		}
	}
}
