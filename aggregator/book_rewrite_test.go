package aggregator

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/kelpdb/kelp/wire"
)

// sameBook compares what two books expect of a leaf.
func sameBook(t *testing.T, got, want *book, tables int) {
	t.Helper()
	if g, w := got.word("leaf-1"), want.word("leaf-1"); g != w {
		t.Fatalf("the journal ends at %+v, the book at %+v", g, w)
	}
	for i := range tables {
		name := fmt.Sprint("table-", i)
		g, w := got.promised("leaf-1", name, everything, 0), want.promised("leaf-1", name, everything, 0)
		if sum(g) != sum(w) || len(g) != len(w) {
			t.Fatalf("table %s: the journal says %d rows in %d buckets, the book %d in %d", name, sum(g), len(g), sum(w), len(w))
		}
		gs, _, _, _ := got.schema(name)
		if ws, _, _, _ := want.schema(name); len(gs) != len(ws) {
			t.Fatalf("table %s: the journal has %d columns, the book %d", name, len(gs), len(ws))
		}
	}
}

// readJournal reads a journal back as the next process would.
func readJournal(t *testing.T, path string) *book {
	t.Helper()
	b := newBook()
	if whole, err := (&bookFile{path: path}).read(b); err != nil || !whole {
		t.Fatalf("%v, whole %v", err, whole)
	}
	return b
}

// TestBookCompacts: a journal that is replaced while promises come in says at every
// moment what the book says, and does not grow without end.
func TestBookCompacts(t *testing.T) {
	const tables = 500
	b, f, err := openBook(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	hear := func(u *wire.Update) {
		t.Helper()
		b.apply(u)
		if err := f.write(b, &bookRecord{Update: u, At: 1}); err != nil {
			t.Fatal(err)
		}
	}
	hear(manyTables(tables))
	stop, compacted := make(chan struct{}), 0
	var side sync.WaitGroup
	side.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			f.mu.Lock()
			before := f.file
			f.mu.Unlock()
			if err := f.compact(b); err != nil {
				t.Error(err)
				return
			}
			f.mu.Lock()
			if f.file != before {
				compacted++
			}
			f.mu.Unlock()
		}
	})
	longest, most := time.Duration(0), int64(0)
	rng := rand.New(rand.NewPCG(1, 1))
	for seq := uint64(2); seq < 30_000; seq++ {
		u := &wire.Update{Leaf: "leaf-1", ID: "id", Epoch: 1, Seq: seq, Tables: []wire.TableUpdate{tableNews(rng.IntN(tables), seq)}}
		if seq%4_000 == 0 {
			u.Tables[0].Dropped = true
		}
		began := time.Now()
		hear(u)
		longest = max(longest, time.Since(began))
		f.mu.Lock()
		most = max(most, f.size)
		f.mu.Unlock()
		if seq%10_000 == 0 {
			sameBook(t, readJournal(t, f.path), b, tables) // as after kill -9
		}
	}
	close(stop)
	side.Wait()
	sameBook(t, readJournal(t, f.path), b, tables)
	if compacted < 1 {
		t.Errorf("the journal was replaced %d times", compacted)
	}
	if size, err := f.file.Seek(0, io.SeekEnd); err != nil || size != f.size {
		t.Errorf("the journal has %d bytes and is taken for %d (%v)", size, f.size, err)
	}
	t.Logf("replaced %d times, at most %d bytes; the longest promise took %v", compacted, most, longest)
}

// TestBookCompactFails: where no new journal can be made, the old one goes on.
func TestBookCompactFails(t *testing.T) {
	b, f, err := openBook(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if err := os.Mkdir(f.path+".next", 0o700); err != nil {
		t.Fatal(err)
	}
	b.apply(manyTables(3))
	f.size = bookRewriteBytes + bookRewriteTimes*f.snapshot + 1
	if err := f.compact(b); err == nil {
		t.Fatal("a directory was written")
	}
	u := update("l", true, 1, 10, 10, bucketOf(100, 10))
	b.apply(u)
	if err := f.write(b, &bookRecord{Update: u, At: 1}); err != nil {
		t.Fatal(err)
	}
	if rows := sum(readJournal(t, f.path).promised("l", "t", everything, 0)); rows != 10 {
		t.Errorf("%d rows of 10", rows)
	}
}

// TestBookCopiesTheRest: what was written to the journal after the book was copied,
// be it little or much, stands in the new one.
func TestBookCopiesTheRest(t *testing.T) {
	const tables = 5
	for _, n := range []uint64{0, 1, 3, 1_000} {
		b, f, err := openBook(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		b.apply(manyTables(tables))
		if err := f.rewrite(b); err != nil {
			t.Fatal(err)
		}
		old, at, c := f.file, f.size, b.snapshot()
		for seq := uint64(2); seq < 2+n; seq++ {
			u := &wire.Update{Leaf: "leaf-1", ID: "id", Epoch: 1, Seq: seq, Tables: []wire.TableUpdate{tableNews(int(seq)%tables, seq)}}
			b.apply(u)
			if err := f.write(b, &bookRecord{Update: u, At: 1}); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.compactFrom(old, at, c); err != nil || f.file == old {
			t.Fatalf("%v, or the journal is the old one", err)
		}
		sameBook(t, readJournal(t, f.path), b, tables)
		if err := f.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBookOfFullDisk: a journal that cannot be written keeps nobody from reading it;
// what comes then is not confirmed, and once there is room all of it is written.
func TestBookOfFullDisk(t *testing.T) {
	dir := t.TempDir()
	b, f, err := openBook(dir)
	if err != nil {
		t.Fatal(err)
	}
	b.apply(update("l", true, 1, 10, 10, bucketOf(100, 10)))
	if err := errors.Join(f.rewrite(b), f.close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.path, append(whole, 1, 2, 3), 0o600); err != nil { // torn: it has to be written anew
		t.Fatal(err)
	}
	if err := os.Mkdir(f.path+".new", 0o700); err != nil { // and cannot be
		t.Fatal(err)
	}
	b, f, err = openBook(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if rows := sum(b.promised("l", "t", everything, 0)); rows != 10 {
		t.Errorf("%d rows of 10 are known", rows)
	}
	u := update("m", true, 1, 5, 5, bucketOf(100, 5))
	b.apply(u)
	if err := f.write(b, &bookRecord{Update: u, At: 1}); err == nil {
		t.Error("a promise is confirmed that is not written")
	}
	if err := os.Remove(f.path + ".new"); err != nil {
		t.Fatal(err)
	}
	if err := f.mend(b); err != nil {
		t.Fatal(err)
	}
	again := readJournal(t, f.path)
	if l, m := sum(again.promised("l", "t", everything, 0)), sum(again.promised("m", "t", everything, 0)); l != 10 || m != 5 {
		t.Errorf("the journal has %d and %d rows, not 10 and 5", l, m)
	}
}
