package storage

import (
	"fmt"
	"sync"
	"testing"
)

// wideBlock is a sealed block of 101 columns.
func wideBlock(t testing.TB, rows int) []byte {
	t.Helper()
	data, _, err := AppendBlock(nil, wideBatch(rows, 1), BlockOptions{Richness: Rich})
	if err != nil {
		t.Fatal(err)
	}
	SealBlock(data, BlockID{1, 2})
	return data
}

// TestOpenBlockIsCheap: a start opens every block for a column or two. It pays for
// the directory and for those, not for an object for every column.
func TestOpenBlockIsCheap(t *testing.T) {
	data := wideBlock(t, 100)
	const perColumn = entryBytes + 16 + 8 // its entry, its name and its place in the list
	bound := 101*perColumn + 2_000
	got := testing.AllocsPerRun(100, func() {
		b, err := OpenBlock(data)
		if err != nil || len(b.Find("column_7")) != 1 {
			t.Fatal("column_7 is not there")
		}
	})
	if got > 6 {
		t.Errorf("a block is opened for one column with %v allocations", got)
	}
	n := int(allocatedBy(func() {
		b, err := OpenBlock(data)
		if err != nil || len(b.Find("column_7")) != 1 {
			t.Fatal("column_7 is not there")
		}
	}))
	t.Logf("%v allocations, %d bytes", got, n)
	if n > bound {
		t.Errorf("a block of 101 columns is opened for one with %d bytes of heap, more than %d", n, bound)
	}
}

// TestColumnsAreMadeOnce: whoever asks first, and in whatever order, a column of a
// block is one object: what its first touch finds out is found out once.
func TestColumnsAreMadeOnce(t *testing.T) {
	data := wideBlock(t, 3)
	for range 20 {
		b := mustOpen(t, data)
		var wg sync.WaitGroup
		got := make([][]*Column, 4)
		for i := range got {
			wg.Go(func() {
				for n := range 100 {
					name := fmt.Sprintf("column_%d", (n*(2*i+1)+i)%100)
					found := b.Find(name)
					if len(found) != 1 || found[0].Name() != name {
						t.Errorf("%s: %v", name, found)
						return
					}
				}
				got[i] = b.Columns()
			})
		}
		wg.Wait()
		for i, c := range got[0] {
			for _, other := range got {
				if len(other) != 101 || other[i] != c || b.Find(c.Name())[0] != c {
					t.Fatalf("column %d was made twice", i)
				}
			}
			if i > 0 && c.Name() <= got[0][i-1].Name() {
				t.Fatalf("column %d is %s, after %s", i, c.Name(), got[0][i-1].Name())
			}
		}
	}
}

// TestFindMissing: names that no column has, before, between and behind those there are.
func TestFindMissing(t *testing.T) {
	b := mustOpen(t, wideBlock(t, 3))
	for _, name := range []string{"", "a", "column_", "column_10a", "column_9z", "timf", "zzz", "\xff"} {
		if got := b.Find(name); got != nil {
			t.Errorf("%q: %d columns", name, len(got))
		}
	}
}

// BenchmarkOpenBlock opens a block and one of its columns, as a first query does.
func BenchmarkOpenBlock(b *testing.B) {
	data := wideBlock(b, 100)
	b.ReportAllocs()
	for b.Loop() {
		block, err := OpenBlock(data)
		if err != nil {
			b.Fatal(err)
		}
		if err := block.Find("column_7")[0].Check(); err != nil {
			b.Fatal(err)
		}
	}
}
