package storage

import (
	"fmt"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// addressSpace is how many bytes of addresses the process has mapped.
func addressSpace(t *testing.T) (bytes int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var pages int
	if _, err := fmt.Sscan(string(text), &pages); err != nil {
		t.Fatal(err)
	}
	return pages * unix.Getpagesize()
}

// TestReadBuffer: buffers of the heap and of huge pages give room that is aligned
// and of the length asked for, keep a bounded part of it, and leave no address mapped.
func TestReadBuffer(t *testing.T) {
	const rounds = 200
	before := 0
	for i := range rounds {
		buf, align := new(readBuffer), uintptr(diskDirectAlign)
		if i > 0 {
			buf, align = newReadBuffer(), hugePage
		}
		for _, n := range []int64{1, 3 << 20, 300 << 10, readBufferBytes, readBufferBytes + 1, 5} {
			data := buf.room(n)
			if n > readBufferBytes {
				align = diskDirectAlign // of the heap in any case
			}
			if int64(len(data)) != n || uintptr(unsafe.Pointer(unsafe.SliceData(data)))%align != 0 {
				t.Fatalf("round %d: %d bytes at %p, not %d from a multiple of %d on", i, len(data), data, n, align)
			}
			data[0], data[n-1] = 1, 1
			if kept := int64(cap(buf.data)); kept > readBufferBytes+hugePage {
				t.Fatalf("round %d: %d bytes are kept behind a block of %d", i, kept, n)
			}
			align = min(align, diskDirectAlign)
		}
		buf.close()
		if i == 1 {
			before = addressSpace(t)
		}
		if buf.data != nil || buf.whole != nil {
			t.Fatal("a closed buffer has memory")
		}
	}
	if grown := addressSpace(t) - before; grown > rounds/2*readBufferBytes {
		t.Fatalf("%d bytes of addresses are left", grown)
	}
}
