package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// samples are the columns of small blocks: between a cheap and a rich one, they
// are written in every encoding.
var samples = []string{
	"const_int", "const_text", "bool", "status", "half_bool", "bytes", "half_int", "edge_float", "duration", "half_text",
	"unique", "rare", "rare_unique", "rare_int", "rare_float", "rare_list", "tags", "stack", "mixed",
	"prose", "user", "uuid", "lines", "decimal", "zone",
}

// smallBlock holds every encoding in few bytes.
func smallBlock(t testing.TB, richness Richness, rows int) []byte {
	model := randomRows(rand.New(rand.NewPCG(15, uint64(rows))), rows, 0)
	for _, r := range model {
		maps.DeleteFunc(r.values, func(name string, _ Value) bool { return !slices.Contains(samples, name) })
	}
	batch := NewBatch()
	fill(batch, model)
	data, _ := sealed(t, batch, BlockOptions{Richness: richness})
	return data
}

func TestSmallBlockHoldsEveryEncoding(t *testing.T) {
	seen := map[Encoding]bool{}
	for _, rows := range []int{90, 300} {
		for _, richness := range []Richness{Cheap, Rich} {
			for _, c := range mustOpen(t, smallBlock(t, richness, rows)).Columns() {
				seen[c.Encoding()] = true
			}
		}
	}
	if len(seen) != encodingsEnd-1 {
		t.Errorf("small blocks hold only %v", seen)
	}
}

// TestEveryBitFlip turns every bit of a block around, one at a time: each flip is
// reported, or changes nothing that can be read.
func TestEveryBitFlip(t *testing.T) {
	for _, richness := range []Richness{Cheap, Rich} {
		data := smallBlock(t, richness, 90)
		whole := mustOpen(t, bytes.Clone(data))
		var want [][]Value
		for _, c := range whole.Columns() {
			want = append(want, materialise(t, c))
		}
		detected, harmless := 0, 0
		step := 1
		if underRace {
			step = 29
		}
		for at := 0; at < len(data)*8; at += step {
			data[at/8] ^= 1 << (at % 8)
			if flipDetected(t, data, at, whole, want) {
				detected++
			} else {
				harmless++
			}
			data[at/8] ^= 1 << (at % 8)
		}
		t.Logf("%d bytes: %d flips detected, %d harmless", len(data), detected, harmless)
		// What is harmless is padding only.
		if padding := 8 * (64 + (64+128)*len(whole.Columns())); harmless > padding {
			t.Errorf("%d flips were not detected, there are at most %d bits of padding", harmless, padding)
		}
	}
}

// flipDetected opens a block with a flipped bit and reports whether it was seen.
// It fails the test if a value changed unseen.
func flipDetected(t *testing.T, data []byte, at int, whole *Block, want [][]Value) bool {
	b, err := OpenBlock(data)
	if err != nil {
		return true
	}
	if b.Header() != whole.Header() {
		t.Fatalf("bit %d changed the header unseen", at)
	}
	for i, c := range b.Columns() {
		if bytes.Equal(c.data, whole.Columns()[i].data) {
			continue
		}
		var damage *DamageError
		values, err := readAll(c)
		if errors.As(err, &damage) {
			return true
		}
		if err != nil {
			t.Fatalf("bit %d: %v", at, err)
		}
		for row := range values {
			if !sameValue(values[row], want[i][row]) {
				t.Fatalf("bit %d changed %s unseen", at, c.Name())
			}
		}
	}
	return false
}

func TestCutShort(t *testing.T) {
	data := smallBlock(t, Rich, 70)
	for n := range data {
		if _, err := OpenBlock(data[:n:n]); err == nil {
			t.Fatalf("%d bytes of %d open", n, len(data))
		}
	}
	longer := append(bytes.Clone(data), "what comes after"...)
	if _, err := OpenBlock(longer); err != nil {
		t.Errorf("with bytes after it: %v", err)
	}
}

// TestStaleColumn lays the column data of one block under the head of another,
// as a torn write would.
func TestStaleColumn(t *testing.T) {
	fresh := smallBlock(t, Rich, 130)
	batch := NewBatch()
	fill(batch, randomRows(rand.New(rand.NewPCG(12, 130)), 130, 0))
	stale, _ := sealed(t, batch, BlockOptions{Richness: Rich})
	b := mustOpen(t, fresh)
	for _, c := range b.Columns() {
		if c.flags&flagInline != 0 || c.at+c.length > len(stale) || bytes.Equal(stale[c.at:c.at+c.length], c.data) {
			continue
		}
		c.data = bytes.Clone(stale[c.at : c.at+c.length])
		if err := c.Check(); err == nil {
			t.Errorf("stale data of %s passes", c.Name())
		}
	}
}

func TestMisalignedBytes(t *testing.T) {
	data := smallBlock(t, Rich, 130)
	want := mustOpen(t, data)
	for shift := 1; shift < 8; shift++ {
		moved := append(make([]byte, shift, shift+len(data)), data...)[shift:]
		b := mustOpen(t, moved)
		for i, c := range b.Columns() {
			if _, err := readAll(c); err != nil {
				t.Fatalf("shifted by %d: %s: %v", shift, c.Name(), err)
			}
			if !bytes.Equal(c.data, want.Columns()[i].data) {
				t.Fatalf("shifted by %d: %s differs", shift, c.Name())
			}
		}
	}
}

// reseal makes every checksum right that can be found, so that what is fuzzed is
// what lies behind them.
func reseal(data []byte) {
	if len(data) < headerBytes {
		return
	}
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(data[at:])) }
	copy(data, blockMagic)
	if binary.LittleEndian.Uint16(data[8:]) != blockVersionOldest {
		binary.LittleEndian.PutUint16(data[8:], blockVersion)
	}
	for i := range min(u32(76), ColumnsPerBlockMax) {
		at := headerBytes + i*entryBytes
		if at+entryBytes > len(data) {
			break
		}
		if from, size := u32(at+16), u32(at+20); from+size <= len(data) {
			binary.LittleEndian.PutUint32(data[at+24:], checksum(data[from:from+size]))
		}
	}
	if head := u32(84); head >= headerBytes && head <= len(data) {
		binary.LittleEndian.PutUint32(data[headerCRCAt:], headerChecksum(data[:head]))
	}
}

// readEverything calls every accessor; errors are welcome.
func readEverything(data []byte) {
	b, err := OpenBlock(data)
	if err != nil {
		return
	}
	for _, c := range b.Columns() {
		c.Stats()
		c.Valid()
		c.Sparse()
		c.SparseCodes()
		for row := 0; row < c.Rows(); row += 1 + c.Rows()/16 {
			_, _ = c.ValueAt(row)
		}
		switch c.Shape() {
		case ShapeCodes:
			if codes, err := c.Codes(); err == nil {
				codes.Unpack16(nil)
				for i := range codes.Entries {
					c.Entry(i)
				}
			}
		case ShapeInts:
			_, _ = c.Ints(nil)
		case ShapeFloats:
			_, _ = c.Floats(nil)
		case ShapeText:
			_, _ = c.Text(new(TextBuf))
			_, _ = c.TextOf([]uint64{2}, new(TextBuf))
		case ShapeLists:
			if l, err := c.Lists(new(ListBuf)); err == nil {
				for row := range l.Ends {
					if from, to := l.Range(row); from < to {
						l.Item(to - 1)
					}
				}
			}
		}
	}
}

// allocatedBy is the number of bytes that f allocates.
func allocatedBy(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// allocationMax is what reading size bytes of a block of any content may
// allocate: the pools' decoders at first, rows of each column in each of the ways
// that readEverything reads it, and what text may unpack to. 16 columns or so of
// ValueAt decompress a frame each time.
func allocationMax(data []byte) uint64 {
	rows, columns := uint64(0), uint64(0)
	if b, err := OpenBlock(data); err == nil {
		rows, columns = uint64(b.header.Rows), uint64(b.header.Columns)
	}
	return 16<<20 + 200*rows*columns + 32*zstdRatioMax*uint64(len(data))
}

func FuzzOpenBlock(f *testing.F) {
	f.Add(smallBlock(f, Cheap, 1))
	f.Add(smallBlock(f, Cheap, 70))
	f.Add(smallBlock(f, Rich, 130))
	f.Add(smallBlock(f, Rich, 300))
	f.Add(smallBlock(f, Rich, 1100))
	f.Fuzz(func(t *testing.T, data []byte) {
		readEverything(data)
		data = bytes.Clone(data)
		reseal(data)
		if got, allowed := allocatedBy(func() { readEverything(data) }), allocationMax(data); got > allowed {
			t.Errorf("reading %d bytes allocated %d, at most %d are allowed", len(data), got, allowed)
		}
		if b, err := OpenBlock(data); err == nil {
			batch := NewBatch()
			if b.Batch(batch) == nil {
				if _, _, err := AppendBlock(nil, batch, BlockOptions{Richness: Rich}); err != nil && !errors.Is(err, ErrBlockTooLarge) {
					t.Error(err)
				}
			}
		}
	})
}

// TestRandomDamage is the fuzz target's blind brother: blocks with some bytes
// changed and every checksum made right again.
func TestRandomDamage(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var blocks [][]byte
	for _, rows := range []int{1, 70, 130, 1100} {
		blocks = append(blocks, smallBlock(t, Cheap, rows), smallBlock(t, Rich, rows))
	}
	interesting := []byte{0, 1, 2, 7, 8, 63, 64, 65, 127, 128, 254, 255}
	for i := range 2_000 {
		data := bytes.Clone(blocks[r.IntN(len(blocks))])
		for range 1 + r.IntN(4) {
			at := r.IntN(len(data))
			if r.IntN(2) == 0 { // heads of columns decide most
				b := headerBytes + r.IntN(40)*entryBytes
				if from := int(binary.LittleEndian.Uint32(data[min(b+16, len(data)-4):])); from < len(data) {
					at = min(from+r.IntN(48), len(data)-1)
				}
			}
			data[at] = interesting[r.IntN(len(interesting))]
			if r.IntN(3) == 0 {
				data[at] = byte(r.Uint32())
			}
		}
		reseal(data)
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Fatalf("seed %d, block %d: %v", seed, i, p)
				}
			}()
			readEverything(data)
		}()
	}
}

// TestLies changes one field of a column that is well-formed otherwise: opening
// must see it.
func TestLies(t *testing.T) {
	batch := NewBatch()
	r := rand.New(rand.NewPCG(7, 7))
	m, d, l, x := batch.Slot([]byte("m")), batch.Slot([]byte("d")), batch.Slot([]byte("l")), batch.Slot([]byte("x"))
	for i := range 1000 {
		batch.SetString(m, []byte(randomProse(r)+fmt.Sprint(" and ", i)))
		batch.SetString(d, []byte(prose(i*i%1009%60)))
		batch.SetInt(x, int64(i*i%65521+i/999<<50)) // the last is an exception
		batch.SetList(l)
		batch.AppendItem(l, fmt.Append(nil, i%7))
		batch.EndRow(int64(i))
	}
	data, _ := sealed(t, batch, BlockOptions{Richness: Rich})
	b := mustOpen(t, data)
	f := func(name string, what string, lie func(data []byte)) {
		t.Helper()
		c := b.Find(name)[0]
		s := section{typ: c.typ, enc: c.enc, inner: c.inner, rows: c.Rows(), nulls: c.nulls}
		s.data = appendZeros(bytes.Clone(c.data), tailBytes)[:len(c.data)]
		if _, err := s.open(); err != nil {
			t.Fatal(err)
		}
		lie(s.data)
		if _, err := s.open(); err == nil {
			t.Errorf("%s (%v): %s passes", name, c.enc, what)
		}
	}
	put := func(at int, v uint32) func(data []byte) {
		return func(data []byte) { binary.LittleEndian.PutUint32(data[at:], v) }
	}
	add := func(at int, v uint32) func(data []byte) {
		return func(data []byte) {
			binary.LittleEndian.PutUint32(data[at:], binary.LittleEndian.Uint32(data[at:])+v)
		}
	}
	f("d", "more entries than bytes", put(0, 40_000))
	f("d", "no entry", put(0, 0))
	f("d", "other rows", put(4, 999))
	f("d", "other width", func(data []byte) { data[8] = 16 })
	f("d", "a null", func(data []byte) { data[9] |= dictHasNull })
	f("d", "unknown flag", func(data []byte) { data[9] |= 8 })
	f("d", "codes elsewhere", add(12, 8))
	f("m", "more text", add(0, 1))
	f("m", "more text than fits a block", put(0, BlockTextMax+1))
	f("m", "no frame", put(4, 0))
	f("m", "more frames than rows", put(4, 1001))
	f("m", "longer lengths", add(8, 8))
	f("m", "a first row", put(16, 1))
	f("m", "a frame elsewhere", put(20, 1<<30))
	f("m", "a longer frame", add(24, 1<<20))
	f("m", "more text in a frame", add(28, 1))
	f("m", "more text in a frame and in all", func(data []byte) { add(28, 1)(data); add(0, 1)(data) })
	f("l", "more items", add(0, 1))
	f("l", "other coding", func(data []byte) { data[4] = byte(EncSparse) })
	f("l", "longer lengths", add(8, 8))
	f("x", "an exception past the run", func(data []byte) { data[len(data)-7] = 0xff })
	f("time", "a run elsewhere", add(8+16, 1<<20))
	f("time", "more exceptions", func(data []byte) { data[8+20] = 0xff })
	f("time", "an odd width", func(data []byte) { data[8+22] = 60 })
}

// TestRatio takes the zeros after a frame away that bound what it unpacks to.
func TestRatio(t *testing.T) {
	e := &encoder{rich: true}
	v := &Vector{Type: TypeString, Bytes: make([]byte, 1<<20), Ends: []uint32{1 << 20}}
	data := e.appendZstd(nil, &source{vec: v, n: 1, rows: 1})
	open := func(data []byte) error {
		size := len(data)
		_, err := section{typ: TypeString, enc: EncZstd, rows: 1, data: appendZeros(bytes.Clone(data), tailBytes)[:size]}.open()
		return err
	}
	if err := open(data); err != nil {
		t.Fatal(err)
	}
	if err := open(bytes.TrimRight(data, "\x00")); err == nil {
		t.Error("a frame that unpacks to more than 1,024 times its bytes passes")
	}
}

// TestBomb holds what texts that compress a thousandfold may allocate.
func TestBomb(t *testing.T) {
	batch := NewBatch()
	slot := batch.Slot([]byte("m"))
	blank := bytes.Repeat([]byte{' '}, 1<<16)
	for i := range 200 {
		batch.SetString(slot, append(blank[:len(blank)-i:len(blank)-i], fmt.Sprint(i)...))
		batch.EndRow(int64(i))
	}
	data, _ := sealed(t, batch, BlockOptions{Richness: Rich})
	b := mustOpen(t, data)
	c := b.Find("m")[0]
	if c.Encoding() != EncZstd {
		t.Fatalf("encoded as %v", c.Encoding())
	}
	text, err := c.Text(new(TextBuf))
	if err != nil {
		t.Fatal(err)
	}
	if len(text.Bytes) > zstdRatioMax*len(data) {
		t.Errorf("%d bytes unpack to %d", len(data), len(text.Bytes))
	}
}
