package storage

import "golang.org/x/sys/unix"

// openDirect is the flag of files that are read around the page cache.
const openDirect = unix.O_DIRECT

// hugePage is the size of a huge page on amd64, and on arm64 with pages of 4 KiB.
const hugePage = 2 << 20

// newReadMemory returns room for readBufferBytes in huge pages, as far as the system has some.
// A read around the page cache becomes requests of as many pages as the device takes in
// one: of small pages they are 1 MiB at most, of huge ones as long as the read. It
// is not on the heap, whose pages are small, and goes by freeReadMemory. nil if there
// is none.
func newReadMemory() []byte {
	whole, err := unix.Mmap(-1, 0, readBufferBytes+hugePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil
	}
	// Without huge pages it is slower, and no less right.
	_ = unix.Madvise(whole, unix.MADV_HUGEPAGE)
	return whole
}

func freeReadMemory(whole []byte) {
	if err := unix.Munmap(whole); err != nil {
		panic("BUG: memory for reads is not what was mapped: " + err.Error())
	}
}
