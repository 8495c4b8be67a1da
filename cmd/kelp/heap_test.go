package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestPercentFor(t *testing.T) {
	f := func(liveMiB, scannedMiB, rootsMiB uint64, want int) {
		t.Helper()
		if got := percentFor(liveMiB<<20, scannedMiB<<20, rootsMiB<<20); got != want {
			t.Errorf("%d MiB live, %d scanned, %d of roots: %d percent, not %d", liveMiB, scannedMiB, rootsMiB, got, want)
		}
	}
	f(0, 0, 0, 1600) // 16 times the runtime's 4 MiB
	f(2, 1, 1, 1550)
	f(8, 8, 0, 700) // 8 + 7 × 8 = 64
	f(8, 8, 8, 350)
	f(32, 0, 0, 100)
	f(64, 2, 0, 25)
	f(64, 2, 64, 12)
	f(64, 48, 0, 75)
	f(1000, 100, 0, 10)
	f(1000, 1000, 0, 100)
}

// churn makes garbage, bytes in all, while little is alive, and tells how often
// the collector ran.
func churn(bytes int) uint32 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var garbage []byte
	for made := 0; made < bytes; made += 1 << 10 {
		garbage = make([]byte, 1<<10+made&1)
	}
	runtime.KeepAlive(garbage)
	runtime.ReadMemStats(&after)
	return after.NumGC - before.NumGC
}

// TestHeapFloor: with little alive the collector rests until the floor is
// reached; with much alive it works as always.
func TestHeapFloor(t *testing.T) {
	t.Setenv("GOGC", "")
	runtime.GC()
	const made = 512 << 20
	without := churn(made)
	stop := holdHeapFloor()
	defer stop()
	with := churn(made)
	// The floor is 64 MiB: 8 times, and a few for what the race detector adds.
	if with > 16 || without <= with {
		t.Errorf("%d collections for 512 MiB of garbage, %d without the floor", with, without)
	}

	alive := megabytes(64)
	await(t, "about 25 percent while 64 MiB are alive", func() bool { return percentNow() < 35 })
	runtime.KeepAlive(alive)
	await(t, "the floor again", func() bool { return percentNow() > 500 })

	alive = megabytes(64)
	await(t, "50 percent once more", func() bool { return percentNow() < 35 })
	runtime.KeepAlive(alive)
	stop()
	for range 20 {
		runtime.GC()
		if got := percentNow(); got != 100 {
			t.Fatalf("%d percent some collections after stop", got)
		}
		time.Sleep(time.Millisecond) // that nothing happens can only be waited for
	}
}

func megabytes(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = make([]byte, 1<<20)
	}
	return all
}

func TestLimitFor(t *testing.T) {
	f := func(liveMiB, scannedMiB, heldMiB uint64, want int64) {
		t.Helper()
		if got := limitFor(liveMiB<<20, scannedMiB<<20, heldMiB<<20) >> 20; got != want {
			t.Errorf("%d MiB live, %d scanned, %d held: a limit of %d MiB, not %d", liveMiB, scannedMiB, heldMiB, got, want)
		}
	}
	f(2, 1, 20, 64+128)
	f(60, 0, 70, 76+128)
	f(300, 100, 350, 400+128)
	f(300, 100, 900, 900+128) // what the collector has not given back yet
	f(1000, 1000, 1100, 2000+128)
}

// TestHeapFloorLate: where nobody comes to set the percentage while much comes to
// live, memory grows by heapSurgeBytes and no more.
func TestHeapFloorLate(t *testing.T) {
	t.Setenv("GOGC", "")
	f := newHeapFloor()
	defer f.stop()
	await(t, "the percentage of an empty heap", func() bool { return percentNow() > 500 })
	f.mu.Lock() // adjust waits
	before := heldNow(f)
	alive := megabytes(56)
	churn(1 << 30)
	after := heldNow(f)
	runtime.KeepAlive(alive)
	f.mu.Unlock()
	// The runtime keeps some 3% below its limit; the race detector has its own.
	if grown := int64(after - before); grown > 56<<20+heapSurgeBytes*5/4 {
		t.Errorf("with 56 MiB alive and a GiB of garbage memory grew by %d MiB", grown>>20)
	}
	await(t, "the percentage of 64 MiB", func() bool { alive = megabytes(64); return percentNow() < 100 })
	limit := debug.SetMemoryLimit(-1)
	f.stop()
	if now := debug.SetMemoryLimit(-1); limit == math.MaxInt64 || now != math.MaxInt64 {
		t.Errorf("the limit was %d, and is %d after stop", limit, now)
	}
}

// heldNow is how much memory the runtime holds from the system.
func heldNow(f *heapFloor) uint64 {
	metrics.Read(f.samples)
	return f.samples[4].Value.Uint64() - f.samples[5].Value.Uint64()
}

// TestHeapFloorAsked: a percentage in the environment is left alone.
func TestHeapFloorAsked(t *testing.T) {
	t.Setenv("GOGC", "50")
	before := percentNow()
	defer holdHeapFloor()()
	if got := percentNow(); got != before {
		t.Errorf("%d percent, not %d", got, before)
	}
}

// percentNow reads the percentage, which can only be had by setting it.
func percentNow() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}

// await collects until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
		runtime.GC()
		time.Sleep(time.Millisecond) // a poll
	}
}
