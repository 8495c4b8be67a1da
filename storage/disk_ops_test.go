package storage

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestWriteAround writes blocks of many lengths, from memory and to places that are
// aligned and not: all of each block is in the file, and nothing beside it changes.
func TestWriteAround(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	memory := new(readBuffer).room(2*fullBlockBytes + 2*diskDirectAlign)
	for i := range memory {
		memory[i] = byte(r.Uint32())
	}
	f, err := osFiles{}.create(filepath.Join(testShm(t), "blocks"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, length := range []int{64, fullBlockBytes - 64, fullBlockBytes, fullBlockBytes + 1, fullBlockBytes + diskDirectAlign - 64, 2*fullBlockBytes + diskDirectAlign} {
		for _, from := range []int{0, 64} {
			for _, at := range []int64{0, 64, 3 * diskDirectAlign} {
				before := bytes.Repeat([]byte{0xa5}, int(at)+length+2*diskDirectAlign)
				if err := os.WriteFile(f.Name(), before, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := (osFiles{}).write(f, memory[from:from+length], at); err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(f.Name())
				if err != nil {
					t.Fatal(err)
				}
				if want := overlay(before, memory[from:from+length], at); !bytes.Equal(got, want) {
					t.Fatalf("%d bytes from %d of a page written to byte %d: the file differs", length, from, at)
				}
			}
		}
	}
}

// TestWriteAroundAnother holds that a file which took the name of one that is open is
// not written to, and that the open one is.
func TestWriteAroundAnother(t *testing.T) {
	path := filepath.Join(testShm(t), "blocks")
	f, err := osFiles{}.create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	memory := new(readBuffer).room(fullBlockBytes)
	for i := range memory {
		memory[i] = byte(i)
	}
	if !directly(memory, 0) {
		t.Skip("this system cannot write around the page cache")
	}
	if err := (osFiles{}).write(f, memory, 0); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(memory))
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, memory) {
		t.Errorf("the block is not in the file that is open: %v", err)
	}
	if theirs, err := os.ReadFile(path); err != nil || string(theirs) != "theirs" {
		t.Errorf("the other file has %d bytes now, %v", len(theirs), err)
	}
}
