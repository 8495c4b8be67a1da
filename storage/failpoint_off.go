//go:build !failpoint

package storage

import "os"

// Without the tag `failpoint` nothing is left of the calls: the functions are
// empty and inlined. TestFailpointsAreGone looks at the machine code.

const (
	failpointShare = 1
	failpointOften = 1
)

func failpoint(string) {}

func failpointHalf(string, []byte, []byte) {}

func failpointTorn(string, *os.File, []byte, int64) {}

func failpointCheckpoint(string) {}
