package storage

import "golang.org/x/sys/unix"

// openDirect is the flag of files that are read around the page cache.
const openDirect = unix.O_DIRECT
