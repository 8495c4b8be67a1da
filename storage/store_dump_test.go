package storage

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/storage/arenatest"
)

func dumpOf(t *testing.T, path string) string {
	t.Helper()
	var out bytes.Buffer
	if err := DumpFile(&out, path); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return out.String()
}

// TestDumpFile dumps every file of the arenas: each byte of superblocks and logs is
// there, with what it means, and each live block.
func TestDumpFile(t *testing.T) {
	for _, layout := range arenaLayouts {
		cfg, _ := openArena(t, layout)
		for path, want := range map[string][]string{
			filepath.Join(cfg.MemoryDir, superName): {"superblock of a memory directory", "readable from layout", `name "test"`, "shard 7", "log edits-0000000000000002"},
			filepath.Join(cfg.DataDir, superName):   {"superblock of a data directory", fmt.Sprintf("epoch %d", arenaEpoch(layout))},
			filepath.Join(cfg.MemoryDir, logName(2)): {"log of a memory directory", "blocks: numbers up to", `name "life"`, "retention_bytes 1099511627776", `durability "disk"`,
				"add to table", "checksum of its head", "buckets", "place of a block", "drop from", `key "k-1"`, `row 6: "not JSON"`, `"a warning"`, "mark of table", "gone: table", "the log ends here"},
			filepath.Join(cfg.DataDir, logName(2)):             {"log of a data directory", `name "late"`, "place of a block", "the log ends here"},
			filepath.Join(cfg.MemoryDir, segmentName(1, true)): {`"zstd" at byte`, `"template" at byte`, `column "x"`},
			filepath.Join(cfg.DataDir, diskFileName(1)):        {`"zstd" at byte`, `"list" at byte`, "checksum of the head"},
		} {
			if layout == 1 {
				want = want[:1] // it has fewer encodings
			}
			got := dumpOf(t, path)
			for _, part := range want {
				if !strings.Contains(got, part) {
					t.Errorf("layout %d: the dump of %s does not say %q", layout, filepath.Base(path), part)
				}
			}
			if name := filepath.Base(path); name == superName || strings.HasPrefix(name, logPrefix) {
				wantWhole(t, path, got)
			}
		}
	}
}

// arenaEpoch is the first epoch of an arena's leaf: the second of its birth, and since
// layout 3 some of its id behind that.
func arenaEpoch(layout uint16) uint64 {
	if layout < 3 {
		return uint64(arenatest.Now().Unix())
	}
	var leaf [16]byte
	copy(leaf[:], arenaLeaf)
	return nextEpoch(0, arenatest.Now(), leaf)
}

// wantWhole holds that a dump shows the bytes of a file, one after another, but for
// zeros at its end.
func wantWhole(t *testing.T, path, dump string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(dump, "\n")
	for i, line := range lines {
		if strings.Contains(line, "more bytes") {
			lines[i] = "#"
		}
	}
	got := bytesOfDump(t, []byte(strings.Join(lines, "\n")))
	if !bytes.HasPrefix(src, got) || len(bytes.TrimRight(src[len(got):], "\x00")) > 0 {
		t.Errorf("the dump of %s is not its bytes", path)
	}
}

// TestDumpOfDamagedFiles: damage is shown, named, and never an error or a panic.
func TestDumpOfDamagedFiles(t *testing.T) {
	cfg, _ := openArena(t, superLayout)
	rng := rand.New(rand.NewPCG(6, 6))
	a := loadArena(t, superLayout)
	for _, name := range a.Names() {
		path := filepath.Join(cfg.MemoryDir, "..", name)
		whole := dumpOf(t, path)
		if strings.Contains(whole, "not readable") {
			t.Errorf("%s is whole, its dump says that it is not", name)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		for range 25 {
			at := rng.IntN(len(a.Files[name]))
			flipped := []byte{a.Files[name][at] ^ 1<<rng.IntN(8)}
			if _, err := f.WriteAt(flipped, int64(at)); err != nil {
				t.Fatal(err)
			}
			got := dumpOf(t, path)
			if got == whole && !strings.HasSuffix(name, segmentSuffix) && !strings.HasSuffix(name, diskFileSuffix) {
				t.Errorf("%s: a bit of byte %d is flipped, and its dump is the same", name, at)
			}
			if filepath.Base(name) == superName && at < superLogAt && !strings.Contains(got, "not readable") && !strings.Contains(got, "no file of") {
				t.Errorf("%s: a bit of byte %d is flipped, and the dump does not say so:\n%s", name, at, got)
			}
			if _, err := f.WriteAt(a.Files[name][at:at+1], int64(at)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// Without a log every block that is there is shown.
	if err := os.Remove(filepath.Join(cfg.DataDir, logName(2))); err != nil {
		t.Fatal(err)
	}
	got := dumpOf(t, filepath.Join(cfg.DataDir, diskFileName(1)))
	if !strings.Contains(got, "what is live is not known") || strings.Count(got, "maybe not live") < 15 {
		t.Errorf("without a log: %.300s", got)
	}
}

// TestDumpOfGarbage: of other files it is said that they are none of a store, and a
// file of a store's name is shown whatever is in it.
func TestDumpOfGarbage(t *testing.T) {
	dir := t.TempDir()
	garbage := []byte(strings.Repeat("this is no file of kelp ", 40))
	write := func(name string, src []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, src, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, src := range [][]byte{nil, garbage} {
		for _, name := range []string{superName, logName(1), segmentName(1, true), diskFileName(1)} {
			if got := dumpOf(t, write(name, src)); !strings.Contains(got, "not") {
				t.Errorf("%s of %d bytes of garbage: %q", name, len(src), got)
			}
		}
		for _, name := range []string{"lock", "notes.txt"} {
			if err := DumpFile(&bytes.Buffer{}, write(name, src)); err == nil || !strings.Contains(err.Error(), "no file of a store") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := DumpFile(&bytes.Buffer{}, filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
	// A copy of a file under another name is known by its first bytes.
	log := appendDiskRecord(appendDiskLogHead(nil, 5, 6), logSeed(5, 6), appendEdit(nil, fullEdit()))
	if got := dumpOf(t, write("copy", log)); !strings.Contains(got, hex.EncodeToString([]byte{0xde})) || !strings.Contains(got, `key "key"`) {
		t.Errorf("a copy of a log: %s", got)
	}
	if got := dumpOf(t, write("block", smallBlock(t, Rich, 90))); !strings.Contains(got, "column ") {
		t.Errorf("a block alone: %.200s", got)
	}
}

// FuzzDumpEdit holds that whatever is decoded is dumped byte for byte, and that the
// dump stops where the decoder does.
func FuzzDumpEdit(f *testing.F) {
	f.Add(appendEdit(nil, fullEdit()))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 4096 {
			return
		}
		var out bytes.Buffer
		d := &dumper{w: &out, data: body, lines: dumpWholeMax}
		dumpEdit(d, body)
		if got := bytesOfDump(t, out.Bytes()); !bytes.Equal(got, body) {
			t.Fatalf("%x is dumped as\n%s", body, out.String())
		}
		_, err := decodeEdit(body)
		if said := strings.Contains(out.String(), "# not readable"); said != (err != nil) {
			t.Fatalf("decoding says %v, the dump\n%s", err, out.String())
		}
	})
}
