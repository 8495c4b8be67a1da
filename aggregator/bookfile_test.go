package aggregator

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
)

// TestBookTakesLittle: what a start makes for a record of the journal is a copy of its
// buckets and next to nothing else. There is one for every block, and a page of memory
// that the system has to make first costs more than reading what goes into it.
func TestBookTakesLittle(t *testing.T) {
	const records, each = 2_000, 20
	path, written := filepath.Join(t.TempDir(), "promises.journal"), 0
	var journal []byte
	for i := range records {
		u := update("l", i == 0, 1, uint64(i+1), uint64(i+1)*each)
		if i > 0 {
			u.Tables[0].Schema = nil // as a leaf says it, when it changes
		}
		for n := range each {
			u.Tables[0].Buckets = append(u.Tables[0].Buckets, storage.TimeCount{From: int64(i*each+n) * int64(time.Second), Width: int64(time.Second), Rows: 1})
		}
		written += len(appendPromise(nil, u.Tables[0].Buckets))
		journal = appendBookRecord(journal, func(dst []byte) []byte { return appendBookBody(dst, &bookRecord{Update: u}) })
	}
	if err := os.WriteFile(path, journal, 0o600); err != nil {
		t.Fatal(err)
	}
	least := uint64(math.MaxUint64)
	for range 5 { // other goroutines take memory, too
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		b := newBook()
		whole, err := (&bookFile{path: path}).read(b)
		runtime.ReadMemStats(&after)
		if err != nil || !whole {
			t.Fatalf("the journal is whole: %v, %v", whole, err)
		}
		least = min(least, after.TotalAlloc-before.TotalAlloc)
		if n := sum(b.promised("l", "t", everything, 0)); n != records*each {
			t.Fatalf("%d rows are promised, want %d", n, records*each)
		}
	}
	if most := uint64(written) + 3*promisePieceBytes + bookWindowBytes + records*8; least > most {
		t.Errorf("reading %d records with %d bytes of buckets takes %d bytes of heap, want at most %d", records, written, least, most)
	} else {
		t.Logf("%d bytes of heap for %d bytes of buckets", least, written)
	}
}

// TestBookWindow: records of all lengths come whole, whatever of them is in the window
// when they are asked for, and a torn one at the end does not come.
func TestBookWindow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	lengths := []int{1, 0, bookWindowBytes, 5, bookWindowBytes - 2*bookRecordHead, 3 * bookWindowBytes, 17, bookWindowBytes - bookRecordHead}
	var journal []byte
	for i, n := range lengths {
		journal = appendBookRecord(journal, func(dst []byte) []byte {
			for range n {
				dst = append(dst, byte(i))
			}
			return dst
		})
	}
	for _, cut := range []int{0, 1, bookWindowBytes - 1, bookWindowBytes} {
		if err := os.WriteFile(path, journal[:len(journal)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		w, came := bookWindow{file: file, left: int64(len(journal) - cut)}, 0
		for ; ; came++ {
			body, ok, err := w.next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			for _, b := range body {
				if b != byte(came) {
					t.Fatalf("record %d holds a byte %d", came, b)
				}
			}
			if len(body) != lengths[came] {
				t.Fatalf("record %d has %d bytes, want %d", came, len(body), lengths[came])
			}
		}
		want := len(lengths)
		if cut > 0 {
			want--
		}
		if came != want {
			t.Errorf("%d bytes cut off: %d records, want %d", cut, came, want)
		}
	}
}
