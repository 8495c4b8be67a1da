package exec

import (
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// TestSpares: what is given is taken again, empty, by those that it fits; it is
// bounded, and let go when nobody gives any, and at the end.
func TestSpares(t *testing.T) {
	p := &spares{least: spareMin}
	sum, avg := &query.Agg{Kind: query.AggSum, Type: storage.TypeInt64}, &query.Agg{Kind: query.AggAvg, Type: storage.TypeFloat64}
	count := &query.Agg{Kind: query.AggCount, Type: storage.TypeInt64}
	state := query.NewState(sum).(*query.SumState)
	state.Grow(3 * spareMin)
	for g := range uint32(3 * spareMin) {
		state.AddInts([]uint32{g}, []int64{-5}, nil)
		state.AddFloats([]uint32{g}, []float64{2.5}, nil)
	}
	p.giveState(state)
	held := state.Bytes()
	if p.bytes != held || held == 0 {
		t.Fatalf("%d bytes are kept, want %d", p.bytes, held)
	}
	for name, s := range map[string]query.Flat{
		"another aggregate": p.state(count, 2*spareMin, held), "more groups": p.state(sum, 4*spareMin, held),
		"few groups": p.state(sum, spareMin-1, held), "less memory": p.state(sum, 2*spareMin, held-1),
	} {
		if s != nil {
			t.Errorf("for %s there is a state", name)
		}
	}
	got := p.state(avg, 2*spareMin, held)
	if got != query.Flat(state) || p.bytes != 0 {
		t.Fatalf("the state is not taken again, %d bytes are kept", p.bytes)
	}
	got.Grow(2 * spareMin)
	for g := range 2 * spareMin {
		if v := got.Value(g); !v.IsNull() {
			t.Fatalf("group %d of an empty state is %v", g, v)
		}
	}
	if state.AddInts([]uint32{7}, []int64{6}, nil); got.Value(7).Float != 6 {
		t.Fatalf("the mean of 6 is %v", got.Value(7))
	}

	ids := make([]uint32, 2*spareMin)
	for i := range ids {
		ids[i] = 9
	}
	p.giveIDs(ids)
	for i, id := range p.zeros(2 * spareMin) {
		if id != 0 {
			t.Fatalf("place %d is %d", i, id)
		}
	}
	p.giveIDs(make([]uint32, spareMin-1))
	if p.bytes != 0 {
		t.Errorf("%d bytes are kept of what is not worth it", p.bytes)
	}
}

// TestSparesAreBounded: no more is kept than may be, and nothing for long.
func TestSparesAreBounded(t *testing.T) {
	p := &spares{least: spareMin}
	for range 3 * sparesMax / (4 * spareMin * 100) {
		p.giveIDs(make([]uint32, spareMin*100))
		if p.bytes > sparesMax {
			t.Fatalf("%d bytes are kept", p.bytes)
		}
	}
	if p.bytes < sparesMax/2 {
		t.Fatalf("%d bytes are kept: the test tests nothing", p.bytes)
	}
	p.idle.Reset(0)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		left := p.bytes + len(p.ids)
		p.mu.Unlock()
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("what nobody takes is not let go")
		}
	}
	p.giveIDs(make([]uint32, spareMin))
	p.close()
	p.giveIDs(make([]uint32, spareMin))
	if p.bytes != 0 || len(p.ids) != 0 {
		t.Errorf("%d bytes are kept after the end", p.bytes)
	}
}
