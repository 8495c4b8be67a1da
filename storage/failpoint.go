//go:build failpoint

package storage

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Failpoints are places where a process built with the tag `failpoint` kills
// itself, as kill -9 does, so that a test can choose the instruction and need not
// hope for it. KELP_FAILPOINT=NAME:N is the N-th passing of one of them. Without
// the tag the calls compile to nothing: see failpoint_off.go.
const failpointEnv = "KELP_FAILPOINT"

// failpointShare makes checkpoints, files and logs this much shorter, so that
// their failpoints are passed within a second.
const failpointShare = 256

// failpointOften is by what share of itself a log grows before it is replaced.
const failpointOften = 8

type armedFailpoint struct {
	name string
	left atomic.Int64
}

// armed is what the environment asks for. A process dies once, so it is the
// process's and not a store's.
var armed = sync.OnceValue(func() *armedFailpoint {
	value := os.Getenv(failpointEnv)
	if value == "" {
		return nil
	}
	name, text, _ := strings.Cut(value, ":")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		panic(fmt.Sprintf("%s=%q: write NAME:N, N from 1", failpointEnv, value))
	}
	p := &armedFailpoint{name: name}
	p.left.Store(n)
	return p
})

// passes tells whether the process ends here.
func passes(name string) bool {
	p := armed()
	return p != nil && p.name == name && p.left.Add(-1) == 0
}

// die is kill -9: nothing runs after it, on no goroutine.
func die() {
	if err := unix.Kill(unix.Getpid(), unix.SIGKILL); err != nil {
		panic("BUG: a process cannot kill itself: " + err.Error())
	}
	select {}
}

// failpoint ends the process here, if it is armed.
func failpoint(name string) {
	if passes(name) {
		die()
	}
}

// failpointHalf ends the process when half of src was copied to dst.
func failpointHalf(name string, dst, src []byte) {
	if passes(name) {
		copy(dst, src[:len(src)/2])
		die()
	}
}

// failpointTorn ends the process when half of src was written to a file.
func failpointTorn(name string, f *os.File, src []byte, at int64) {
	if passes(name) {
		if _, err := f.WriteAt(src[:len(src)/2], at); err != nil {
			panic("BUG: half a write failed: " + err.Error())
		}
		die()
	}
}

// failpointCheckpoint is the failpoints of the steps of a checkpoint.
func failpointCheckpoint(step string) { failpoint("checkpoint." + step) }
