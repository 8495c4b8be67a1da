package storage

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

// fullEdit has every kind of change.
func fullEdit() *edit {
	return &edit{
		seq: 42, nextBlock: 99,
		tables: []editTable{{41, "events"}, {42, "a.b-c_d"}},
		settings: []editSettings{{41, Settings{
			Version: 7, RetentionAge: time.Hour, RetentionBytes: 1 << 40, Durability: DurabilityDisk,
			ThinAfter: time.Minute, ThinKeep: 10, QuotaRows: 5, QuotaBytes: 6, Replicas: 2,
		}}},
		adds: []editAdd{{
			incarnation: 41, id: BlockID{1, 2}, kind: levelMid | classPast, place: place{3, 1 << 33},
			meta: Meta{
				Rows: 65_536, MinTime: -1 << 63, MaxTime: 1<<63 - 1, Arrival: -5, Weight: 1<<64 - 1, Length: 1 << 30, HeaderCRC: 0xdeadbeef,
				Hist: packHist([]TimeCount{{From: -1 << 63, Width: TimeWidths()[6], Rows: 1}, {From: 0, Width: TimeWidths()[0], Rows: 65_535}}),
			},
		}, {incarnation: 42, id: BlockID{1, 3}, meta: Meta{Rows: 1}}},
		places: []editPlace{{incarnation: 41, id: BlockID{1, 2}, place: place{4, 64}}},
		drops:  []editDrop{{41, BlockID{0, 9}}},
		keys: []editKey{{41, "key", chunkReceipt{
			chunk: 3, digest: 1<<64 - 1, seq: 40, at: -7,
			receipt: Receipt{Accepted: 1, Rejected: 2, Errors: []RowError{{Row: 1 << 40, Error: "bad"}, {Row: 2, Error: ""}}, Warnings: []string{"w", ""}},
		}}},
		marks: []editMark{{41, 1 << 50, -1}},
		gone:  []uint64{40},
	}
}

func TestEditRoundTrip(t *testing.T) {
	for _, want := range []*edit{fullEdit(), {seq: 1}, {}} {
		body := appendEdit(nil, want)
		got, err := decodeEdit(body)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v\nbecame %+v, %v", want, got, err)
		}
		for n := range body {
			if cut, err := decodeEdit(body[:n]); err == nil && len(appendEdit(nil, cut)) != n {
				t.Fatalf("an edit cut at byte %d of %d is read as another one", n, len(body))
			}
		}
	}
	if _, err := decodeEdit([]byte{1, 200}); err == nil {
		t.Fatal("a change of unknown kind passes")
	}
}

// FuzzEdit holds that no body makes the decoder panic or take much memory, and
// that what it accepts means the same when written again.
func FuzzEdit(f *testing.F) {
	f.Add(appendEdit(nil, fullEdit()))
	f.Add(appendEdit(nil, &edit{seq: 1}))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := decodeEdit(body)
		if err != nil {
			return
		}
		newReplay(1).apply(e) // must not panic
		again, err := decodeEdit(appendEdit(nil, e))
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Fatalf("%+v\nbecame %+v, %v", e, again, err)
		}
	})
}

// FuzzDiskLog holds that no file makes the reader panic, and that it only gives
// out records whose checksum is right.
func FuzzDiskLog(f *testing.F) {
	log := appendDiskLogHead(nil, 5, 6)
	log = appendDiskRecord(log, logSeed(5, 6), appendEdit(nil, fullEdit()))
	log = appendDiskRecord(log, logSeed(5, 6), appendEdit(nil, &edit{seq: 43}))
	f.Add(log)
	f.Add(log[:len(log)-1])
	f.Fuzz(func(t *testing.T, src []byte) {
		var read []byte
		epoch, _, err := readDiskLog(src, func(body []byte) error {
			read = append(appendDiskRecord(read, logSeed(5, 6), body), 0)
			return nil
		})
		if err == nil && epoch == 5 && len(read) > len(src)+len(src)/8 {
			t.Fatalf("%d bytes of records from %d", len(read), len(src))
		}
	})
}

// FuzzMemoryLog does the same for the log in memory.
func FuzzMemoryLog(f *testing.F) {
	log := appendLogHead(nil, 5, 6)
	for _, e := range []*edit{fullEdit(), {seq: 43}} {
		body := appendEdit(nil, e)
		log = appendWord(log, recordWord(logSeed(5, 6), body))
		log = padTo(append(log, body...), logWord)
	}
	f.Add(log)
	f.Add(append(bytes.Clone(log), make([]byte, 100)...))
	f.Fuzz(func(t *testing.T, src []byte) {
		tail, _, err := readLog(src, 5, 6, func(body []byte) error {
			if len(body) == 0 {
				t.Fatal("an empty record")
			}
			return nil
		})
		if err == nil && (tail < logHead || tail > roundUp(int64(len(src)), logWord)) {
			t.Fatalf("the log of %d bytes ends at %d", len(src), tail)
		}
	})
}

// FuzzSuperblock holds that no superblock makes the decoder panic.
func FuzzSuperblock(f *testing.F) {
	b := superblock{magic: superMagicMemory, layout: 1, oldest: 1, name: "leaf"}
	f.Add(appendSuperblock(nil, &b))
	f.Fuzz(func(t *testing.T, src []byte) {
		b, err := decodeSuperblock(src, superMagicMemory, "x")
		if err == nil && len(b.name) > superNameMax {
			t.Fatalf("a name of %d bytes", len(b.name))
		}
	})
}
