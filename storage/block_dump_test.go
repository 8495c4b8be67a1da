package storage

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests get into testdata")

// goldenBlocks are small blocks, one per encoding, whose bytes are kept: a change
// of the format shows, and old bytes must be readable for ever.
func goldenBlocks() map[string]struct {
	richness Richness
	rows     []modelRow
} {
	type golden = struct {
		richness Richness
		rows     []modelRow
	}
	rows := func(n int, value func(i int) Value) []modelRow {
		rows := make([]modelRow, n)
		for i := range rows {
			rows[i] = modelRow{time: 1_790_000_000_000_000_000 + int64(i)*1_000_000, values: map[string]Value{"x": value(i)}}
		}
		return rows
	}
	return map[string]golden{
		"one-row":  {Cheap, rows(1, func(int) Value { return String("hello") })},
		"constant": {Cheap, rows(3, func(int) Value { return Int(-2) })},
		"dict": {Cheap, rows(70, func(i int) Value {
			return []Value{String("GET"), String("POST"), {}, String("")}[i%4]
		})},
		"dict-float": {Cheap, rows(66, func(i int) Value { return Float(float64(i%3) / 4) })},
		"raw":        {Cheap, rows(5, func(i int) Value { return Float(1 / float64(i+1)) })},
		"for": {Cheap, rows(40, func(i int) Value {
			if i == 9 {
				return Int(1 << 40)
			}
			return Int(int64(100 + i*i%17*3))
		})},
		"delta": {Rich, rows(100, func(i int) Value { return Bool(i%2 == 0) })},
		"text": {Cheap, rows(4, func(i int) Value {
			return String(strings.Repeat("ab", 12) + fmt.Sprint(i))
		})},
		"zstd": {Rich, rows(40, func(i int) Value { return String(prose(i)) })},
		"alp": {Rich, rows(40, func(i int) Value {
			return Float([]float64{float64(i*i) / 100, math.Pi}[i/39])
		})},
		"affix": {Rich, rows(40, func(i int) Value { return String(fmt.Sprintf("user-%06d@example", i*i*611)) })},
		"hexid": {Rich, rows(20, func(i int) Value {
			return String(fmt.Sprintf("%08x-%04x", uint32(i+1)*2654435761, uint16(i)*40503))
		})},
		"template": {Rich, rows(40, func(i int) Value {
			if i == 7 {
				return String("something else")
			}
			return String(fmt.Sprintf("request number %d took %02d ms, cache %s", i, i*i%100, []string{"hit", "miss"}[i%2]))
		})},
		"front": {Cheap, rows(528, func(i int) Value { return String(fmt.Sprintf("host-%02d", i*7%31)) })},
		"base": {Rich, rows(160, func(i int) Value {
			if i%40 != 7 {
				return String("eu")
			}
			return []Value{String("us-1"), {}, String("ap"), String("us-2")}[i/40]
		})},
		"list": {Cheap, rows(6, func(i int) Value {
			return List([]string{"a", "b", "a", "", "b", "a"}[:i])
		})},
		"sparse": {Cheap, rows(64, func(i int) Value {
			if i%20 == 7 {
				return String("rare")
			}
			return Value{}
		})},
		"mixed": {Cheap, rows(6, func(i int) Value {
			return []Value{Int(1 << 60), String("s"), Bool(true), Float(0.5), Time(9), List([]string{"l"})}[i]
		})},
	}
}

// prose has no templates, and is the same for ever.
func prose(i int) string {
	words := []string{"connection", "timeout", "payment", "worker", "unexpected", "shard", "retry", "queue"}
	var text []string
	for n := uint32(i+1) * 2654435761; len(text) < 9; n = n*1664525 + 1013904223 {
		text = append(text, words[n>>29])
	}
	return strings.Join(text, " ")
}

// TestOlderVersions reads blocks that version 1 wrote and that would be written
// otherwise today.
func TestOlderVersions(t *testing.T) {
	dump, err := os.ReadFile(filepath.Join("testdata", "block", "v1", "zstd.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []modelRow
	for i := range 40 {
		text := fmt.Sprintf("request number %d took %d ms", i, i*i)
		rows = append(rows, modelRow{time: 1_790_000_000_000_000_000 + int64(i)*1_000_000, values: map[string]Value{"x": String(text)}})
	}
	data := bytesOfDump(t, dump)
	b := mustOpen(t, data)
	if v := b.Header().Version; v != 1 {
		t.Fatalf("version %d", v)
	}
	checkRows(t, b, rows)

	// A version that a block must have for its encodings is not only a number.
	batch := NewBatch()
	fill(batch, goldenBlocks()["affix"].rows)
	data, _ = sealed(t, batch, BlockOptions{Richness: Rich})
	if v := mustOpen(t, data).Header().Version; v != 2 {
		t.Fatalf("a block with an encoding of version 2 has version %d", v)
	}
	batch = NewBatch()
	slot := batch.Slot([]byte("users"))
	for i := range 70 {
		batch.SetList(slot)
		batch.AppendItem(slot, fmt.Appendf(nil, "user-%06d", i*i))
		batch.EndRow(int64(i))
	}
	lists, _ := sealed(t, batch, BlockOptions{Richness: Rich})
	if v := mustOpen(t, lists).Header().Version; v != 2 {
		t.Errorf("a block with lists of such texts has version %d", v)
	}
	binary.LittleEndian.PutUint16(data[8:], 1)
	SealBlock(data, BlockID{7, 42})
	if _, err := OpenBlock(data); err == nil {
		t.Error("version 1 with an encoding of version 2 passes")
	}
	binary.LittleEndian.PutUint16(data[8:], blockVersion+1)
	SealBlock(data, BlockID{7, 42})
	if _, err := OpenBlock(data); err == nil {
		t.Error("a newer version passes")
	}
}

func TestDumpGoldens(t *testing.T) {
	for name, golden := range goldenBlocks() {
		t.Run(name, func(t *testing.T) {
			batch := NewBatch()
			fill(batch, golden.rows)
			data, _ := sealed(t, batch, BlockOptions{Shard: 1, Arrival: 5, Richness: golden.richness})
			var got bytes.Buffer
			if err := DumpBlock(&got, data); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", "block", name+".txt")
			if *rewrite {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v (go test -rewrite writes it)", err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("block differs from %s (go test -rewrite, and a new version if it cannot be read any more):\n%s", path, got.Bytes())
			}
			checkRows(t, mustOpen(t, bytesOfDump(t, want)), golden.rows)
		})
	}
}

// bytesOfDump reads the bytes out of a dump.
func bytesOfDump(t *testing.T, dump []byte) []byte {
	t.Helper()
	var data []byte
	for _, line := range strings.Split(string(dump), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		var at int
		if _, err := fmt.Sscanf(line[:8], "%x", &at); err != nil || at != len(data) {
			t.Fatalf("after %x comes %q", len(data), line)
		}
		field, _, _ := strings.Cut(line[8:], "|")
		b, err := hex.DecodeString(strings.ReplaceAll(field, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, b...)
	}
	return data
}

// TestDumpIsWhole holds that a dump of a small block shows each byte once.
func TestDumpIsWhole(t *testing.T) {
	for name, golden := range goldenBlocks() {
		batch := NewBatch()
		fill(batch, golden.rows)
		data, _ := sealed(t, batch, BlockOptions{Richness: golden.richness})
		var got bytes.Buffer
		if err := DumpBlock(&got, data); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(bytesOfDump(t, got.Bytes()), data) {
			t.Errorf("the dump of %s is not its bytes", name)
		}
	}
}

func TestDumpOfDamage(t *testing.T) {
	data := smallBlock(t, Rich, 130)
	headLength := int(binary.LittleEndian.Uint32(data[84:]))
	for at := 0; at < len(data); at += 37 {
		data[at] ^= 0x55
		var got bytes.Buffer
		if err := DumpBlock(&got, data); err != nil {
			t.Fatal(err)
		}
		data[at] ^= 0x55
		if at < headLength && !strings.Contains(got.String(), "not readable") && !strings.Contains(got.String(), "damaged") {
			t.Fatalf("damage at %d is not shown", at)
		}
	}
	for n := range 300 {
		if err := DumpBlock(new(bytes.Buffer), data[:n]); err != nil {
			t.Fatal(err)
		}
	}
}
