package storage

import (
	"bytes"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// superDamages is what can become of the superblock of a data directory; nil: gone.
var superDamages = map[string]func(super []byte) []byte{
	"gone":           func([]byte) []byte { return nil },
	"empty":          func(s []byte) []byte { return s[:0] },
	"cut in head":    func(s []byte) []byte { return s[:superHead-1] },
	"cut in name":    func(s []byte) []byte { return s[:superNameAt+3] },
	"cut before it":  func(s []byte) []byte { return s[:superNameAt] },
	"zeros":          func(s []byte) []byte { return make([]byte, len(s)) },
	"magic":          func(s []byte) []byte { s[3] ^= 1; return s },
	"leaf":           func(s []byte) []byte { s[20] ^= 1; return s },
	"epoch":          func(s []byte) []byte { s[33] ^= 1; return s },
	"shard":          func(s []byte) []byte { s[65] ^= 1; return s },
	"name":           func(s []byte) []byte { s[superNameAt+3] ^= 1; return s },
	"length of name": func(s []byte) []byte { s[superNameAt+1] ^= 2; return s },
	"checksum":       func(s []byte) []byte { s[superCRCAt] ^= 1; return s },
}

// damageSuper damages the superblock of a data directory and returns the good one.
func damageSuper(t *testing.T, cfg Config, damage func([]byte) []byte) (good []byte) {
	t.Helper()
	path := filepath.Join(cfg.DataDir, superName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bad := damage(bytes.Clone(good)); bad != nil {
		err = os.WriteFile(path, bad, 0o600)
	} else {
		err = os.Remove(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return good
}

// superStore makes a directory with rows in memory and on disk.
func superStore(t *testing.T) (cfg Config, want map[int64]int) {
	t.Helper()
	cfg = testDiskConfig(t)
	s := testOpen(t, cfg)
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 10_000, time.Now().UnixNano())})
	testSync(t, s)
	want = readIDs(t, s, "t")
	testClose(t, s)
	if len(want) != 10_000 {
		t.Fatalf("%d rows", len(want))
	}
	return cfg, want
}

// TestSuperDamagedOnDisk: where memory is whole a start does without the superblock
// of the data directory, says so and writes it anew, so that the disk can be
// recovered from.
func TestSuperDamagedOnDisk(t *testing.T) {
	for name, damage := range superDamages {
		t.Run(name, func(t *testing.T) {
			cfg, want := superStore(t)
			good := damageSuper(t, cfg, damage)
			var said bytes.Buffer
			cfg.Log = slog.New(slog.NewTextHandler(&said, nil))
			s := testOpen(t, cfg)
			if got := readIDs(t, s, "t"); !maps.Equal(got, want) {
				t.Errorf("%d rows of %d", len(got), len(want))
			}
			testSync(t, s)
			testClose(t, s)
			if !strings.Contains(said.String(), "superblock of the data directory is written anew from memory") {
				t.Errorf("nothing of it is said: %s", said.String())
			}
			if now, err := os.ReadFile(filepath.Join(cfg.DataDir, superName)); err != nil || !bytes.Equal(now, good) {
				t.Errorf("the superblock is not as it was: %v", err)
			}
			reboot(t, cfg)
			s = testOpen(t, cfg)
			waitLoaded(t, s)
			if got := readIDs(t, s, "t"); !maps.Equal(got, want) {
				t.Errorf("%d rows of %d after a reboot", len(got), len(want))
			}
			testClose(t, s)
		})
	}
}

// superRefused holds that a store does not open for a damaged superblock, says
// what to do and changes nothing, and opens with all rows when the good one is back.
func superRefused(t *testing.T, cfg Config, damage func([]byte) []byte, reason string, want map[int64]int, but ...string) {
	t.Helper()
	good := damageSuper(t, cfg, damage)
	why := func(err error) bool {
		return strings.Contains(err.Error(), "put a copy of the directory back") && strings.Contains(err.Error(), reason)
	}
	wantRefused(t, cfg, why, append(but, filepath.Join(cfg.MemoryDir, "lock"), filepath.Join(cfg.DataDir, "lock"))...)
	if err := os.WriteFile(filepath.Join(cfg.DataDir, superName), good, 0o600); err != nil {
		t.Fatal(err)
	}
	s := testOpen(t, cfg)
	waitLoaded(t, s)
	if got := readIDs(t, s, "t"); !maps.Equal(got, want) {
		t.Errorf("%d rows of %d with the good superblock", len(got), len(want))
	}
	testClose(t, s)
}

// TestSuperDamagedMemoryGone: without memory, or with memory of another boot, there
// is nothing to go by.
func TestSuperDamagedMemoryGone(t *testing.T) {
	for name, damage := range superDamages {
		t.Run(name, func(t *testing.T) {
			cfg, want := superStore(t)
			if name == "leaf" {
				cfg.BootID = func() (string, error) { return "another boot", nil }
			} else {
				reboot(t, cfg)
				if err := os.Mkdir(cfg.MemoryDir, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(cfg.MemoryDir, "lock"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			superRefused(t, cfg, damage, "memory does not hold it all", want)
		})
	}
}

// TestSuperDamagedLogToo: of a log in memory that is damaged the disk would know
// more.
func TestSuperDamagedLogToo(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		cfg, want := superStore(t)
		if !trusted {
			cfg.TmpfsOK = func(string) error { return os.ErrInvalid }
		}
		super, err := readSuperblock(cfg.MemoryDir, superMagicMemory)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(cfg.MemoryDir, logName(super.log))
		log, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		const inFirst = 80 // a byte of the first record
		var b [1]byte
		if _, err = log.ReadAt(b[:], inFirst); err == nil {
			b[0] ^= 1
			_, err = log.WriteAt(b[:], inFirst)
		}
		if err = errors.Join(err, log.Close()); err != nil {
			t.Fatal(err)
		}
		superRefused(t, cfg, superDamages["name"], "the edit log in memory is damaged too", want, path) // it is mapped, which takes pages
	}
}

// TestSuperOfOthers: a directory of another leaf is not taken because its
// superblock is damaged, nor is one that holds something else.
func TestSuperOfOthers(t *testing.T) {
	refused := func(cfg Config, reason string) {
		t.Helper()
		why := func(err error) bool { return strings.Contains(err.Error(), reason) }
		wantRefused(t, cfg, why, filepath.Join(cfg.MemoryDir, "lock"), filepath.Join(cfg.DataDir, "lock"))
	}
	cfg, _ := superStore(t)
	other := testDiskConfig(t)
	born, err := readSuperblock(cfg.MemoryDir, superMagicMemory)
	if err != nil {
		t.Fatal(err)
	}
	other.Now = func() time.Time { return time.Unix(0, born.born) } // born in the same second
	s := testOpen(t, other)
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 10, 1)})
	testSync(t, s)
	testClose(t, s)
	mixed := cfg
	mixed.DataDir = other.DataDir
	good := damageSuper(t, mixed, superDamages["leaf"])
	refused(mixed, "it may be another leaf's")
	if err := os.WriteFile(filepath.Join(mixed.DataDir, superName), good, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(mixed, "belongs to leaf")

	damageSuper(t, cfg, func(s []byte) []byte { copy(s, superMagicMemory[:]); return s })
	refused(cfg, "is not a superblock of kelp")

	foreign := cfg
	foreign.DataDir = filepath.Join(t.TempDir(), "foreign")
	if err := os.Mkdir(foreign.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{superName, "lock"} {
		if err := os.WriteFile(filepath.Join(foreign.DataDir, name), bytes.Repeat([]byte("something else\n"), 300), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused(foreign, "is not a superblock of kelp")
}
