package storage

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
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
		"zstd": {Rich, rows(40, func(i int) Value {
			return String(fmt.Sprintf("request number %d took %d ms", i, i*i))
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
