package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"testing"
)

// frontBlock has a dictionary of each kind whose front lies in the head, and one whose
// front is too long for it.
func frontBlock(t testing.TB, richness Richness, rows int) []byte {
	t.Helper()
	b := NewBatch()
	for i := range rows {
		b.SetString(b.Slot([]byte("service")), fmt.Appendf(nil, "service-%d", i*i%11))
		if i%3 > 0 {
			b.SetInt(b.Slot([]byte("status")), int64(200+i%7))
		}
		b.SetFloat(b.Slot([]byte("share")), float64(i%5)/4)
		if i%35 == 0 {
			b.SetString(b.Slot([]byte("error")), fmt.Appendf(nil, "error %d", i%9))
		}
		b.SetString(b.Slot([]byte("endpoint")), fmt.Appendf(nil, "/v1/carts/items/%d", i%150))
		b.SetInt(b.Slot([]byte(SampleRateColumn)), int64(1+i%2*9))
		b.EndRow(int64(i))
	}
	data, _ := sealed(t, b, BlockOptions{Richness: richness})
	return data
}

// TestFronts: what the front of a dictionary says is what its codes say.
func TestFronts(t *testing.T) {
	for _, richness := range []Richness{Cheap, Rich} {
		b := mustOpen(t, frontBlock(t, richness, 8_000))
		inHead := map[string]Encoding{}
		for _, c := range b.Columns() {
			if c.Shape() != ShapeCodes {
				continue
			}
			head, err := c.Head()
			if err != nil {
				t.Fatal(err)
			}
			if c.flags&flagFront != 0 {
				inHead[c.Name()] = c.Encoding()
				if head.Packed != nil || head.Rare != nil || c.state.Load() != nil {
					t.Errorf("%s: the codes were touched", c.Name())
				}
			}
			values := make([]Value, head.Entries+1)
			for i := range head.Entries {
				values[i] = c.Entry(i)
			}
			codes, err := c.Codes()
			if err != nil {
				t.Fatal(err)
			}
			if c.Encoding() == EncSparse || c.Encoding() == EncConstant {
				continue // no counts
			}
			counts, weights := make([]uint32, len(head.Counts)), make([]uint64, len(head.Weights))
			for row, v := range materialise(t, c) {
				code := codes.At(row)
				if !reflect.DeepEqual(v, values[code]) {
					t.Fatalf("%s: row %d is %v, the front says %v", c.Name(), row, v, values[code])
				}
				counts[code]++
				weights[code] += uint64(1 + row%2*9)
			}
			if !reflect.DeepEqual(counts, head.Counts) || !reflect.DeepEqual(weights, head.Weights) {
				t.Errorf("%s: %d and %d, the front says %d and %d", c.Name(), counts, weights, head.Counts, head.Weights)
			}
			if head.Width != codes.Width || head.HasNull != codes.HasNull {
				t.Errorf("%s: %+v, the front says %+v", c.Name(), codes, head)
			}
		}
		want := map[string]Encoding{"service": EncDict, "status": EncDict, "share": EncDict, SampleRateColumn: EncDict}
		if richness == Rich {
			want["error"] = EncBase
		} else {
			want["error"] = EncDict
		}
		if got := b.Find("error")[0].Encoding(); got == EncSparse {
			delete(want, "error") // its values are a part of the column
		}
		if !reflect.DeepEqual(inHead, want) {
			t.Errorf("richness %d: fronts in the head: %v, want %v", richness, inHead, want)
		}
	}
}

// TestFrontOutlivesCodes: damage of the codes is found when they are touched, and not
// before; what the head says stays good. Damage of the front is damage of the head.
func TestFrontOutlivesCodes(t *testing.T) {
	data := frontBlock(t, Rich, 8_000)
	c := mustOpen(t, data).Find("service")[0]
	at, frontAt := c.at+c.length/2, c.frontAt()+dictHeaderBytes
	data[at] ^= 4
	c = mustOpen(t, data).Find("service")[0]
	head, err := c.Head()
	if err != nil || head.Counts[0] == 0 || string(c.EntryText(0)) != "service-0" {
		t.Errorf("the front beside damaged codes: %+v, %v", head, err)
	}
	var damage *DamageError
	if _, err := c.Codes(); !errors.As(err, &damage) {
		t.Errorf("damaged codes: %v", err)
	}
	data[at] ^= 4
	own := alignedBytes(len(data))
	copy(own, data)
	open, err := OpenBlock(own)
	if err != nil {
		t.Fatal(err)
	}
	own[frontAt] ^= 4
	if _, err := open.Find("service")[0].Head(); !errors.As(err, &damage) {
		t.Errorf("a front that was damaged after its block was opened: %v", err)
	}
	data[frontAt] ^= 4
	if _, err := OpenBlock(data); err == nil {
		t.Error("a block with a damaged front opens")
	}
}

// TestFrontsOfMany: a block of very many dictionaries has a head of bounded length, and
// says the same of those whose front found no room there.
func TestFrontsOfMany(t *testing.T) {
	const columns, rows = 300, 8_192
	b := NewBatch()
	for i := range rows {
		for c := range columns {
			b.SetInt(b.Slot(fmt.Appendf(nil, "c%03d", c)), int64((i+c)%(33+c%7)*1_000_003))
		}
		b.EndRow(int64(i))
	}
	data, _ := sealed(t, b, BlockOptions{Richness: Cheap})
	block := mustOpen(t, data)
	fronts, beside := 0, 0
	for _, c := range block.Columns() {
		if c.Name() == TimeColumn {
			continue
		}
		if fronts += c.front; c.front == 0 {
			beside++
		}
		head, err := c.Head()
		if err != nil || c.Encoding() != EncDict {
			t.Fatalf("%s: %v, %v", c.Name(), c.Encoding(), err)
		}
		counted := uint32(0)
		for _, n := range head.Counts {
			counted += n
		}
		if counted != rows {
			t.Errorf("%s: counts of %d rows", c.Name(), counted)
		}
	}
	if fronts > frontsBytesMax || fronts < frontsBytesMax*9/10 || beside == 0 {
		t.Errorf("%d bytes of fronts in the head, %d columns without", fronts, beside)
	}
}

// TestFrontNeedsItsVersion: a block that says to be older than fronts has none.
func TestFrontNeedsItsVersion(t *testing.T) {
	data := frontBlock(t, Cheap, 8_000)
	if v := mustOpen(t, data).Header().Version; v != frontVersion {
		t.Fatalf("version %d", v)
	}
	data[8]--
	SealBlock(data, BlockID{7, 42})
	if _, err := OpenBlock(data); err == nil {
		t.Error("a front in version 2 passes")
	}
}

// TestHostileFronts: whatever a front says, the block opens or not, and nothing panics
// or reads past it.
func TestHostileFronts(t *testing.T) {
	good := frontBlock(t, Rich, 8_000)
	for _, name := range []string{"service", "status", "share", "error"} {
		c := mustOpen(t, good).Find(name)[0]
		if c.flags&flagFront == 0 {
			continue
		}
		for i := range c.front {
			for _, flip := range []byte{1, 0x10, 0x80, 0xff} {
				data := append([]byte(nil), good...)
				data[c.frontAt()+i] ^= flip
				front := data[c.frontAt() : c.frontAt()+c.front]
				if i < frontCRCAt || i >= frontCRCAt+4 { // a right checksum, or a wrong one
					binary.LittleEndian.PutUint32(front[frontCRCAt:], 0)
					binary.LittleEndian.PutUint32(front[frontCRCAt:], checksum(front))
				}
				SealBlock(data, BlockID{7, 42})
				b := mustOpen(t, data)
				bad := b.Find(name)[0]
				if codes, err := bad.Head(); err == nil {
					for code := range codes.Entries {
						bad.Entry(code)
					}
				}
				if codes, err := bad.Codes(); err == nil {
					most := uint16(codes.Entries)
					if !codes.HasNull {
						most--
					}
					for _, code := range codes.Unpack16(nil) {
						if code > most {
							t.Fatalf("%s, byte %d: code %d of %d entries", name, i, code, codes.Entries)
						}
					}
				}
				bad.Valid()
				if _, err := bad.ValueAt(7_999); err != nil && !errors.As(err, new(*DamageError)) {
					t.Fatalf("%s, byte %d: %v", name, i, err)
				}
			}
		}
	}
}
