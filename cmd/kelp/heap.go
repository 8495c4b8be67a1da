package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// heapFloor keeps the collector from running before the heap has heapFloorBytes.
//
// Blocks lie outside the heap, so a server's heap is a few MiB of live objects,
// and the runtime's rule (collect when it has doubled) has it collect hundreds
// of times a second under load. Here the next collection comes at
// max(2 × live, heapFloorBytes) instead: after each collection the percentage is
// set anew by what was found alive. What is above the floor is as without it.
type heapFloor struct {
	mu      sync.Mutex
	samples []metrics.Sample
	percent int // as set now
	before  int // what stop puts back
	stopped bool
}

// holdHeapFloor starts to hold the floor; stop ends it. A GOGC in the
// environment is the user's word, and stays.
func holdHeapFloor() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	f := &heapFloor{samples: []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}}
	f.before = debug.SetGCPercent(percentAtRest)
	f.percent = percentAtRest
	f.adjust()
	return f.stop
}

// percentAtRest is the runtime's own.
const percentAtRest = 100

// cycle is what the collector finds dead each time it has run.
type cycle struct{ of *heapFloor }

// adjust sets the percentage by what lives now, and asks to be called after the
// next collection.
func (f *heapFloor) adjust() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return
	}
	metrics.Read(f.samples)
	live := f.samples[0].Value.Uint64()
	percent := percentFor(live, live+f.samples[1].Value.Uint64()+f.samples[2].Value.Uint64())
	// Setting it stops the world for a moment: not for every small change, but
	// always where it falls to where there is no floor.
	if percent != f.percent && (percent == percentAtRest || math.Abs(float64(percent-f.percent)) > float64(f.percent)/8) {
		debug.SetGCPercent(percent)
		f.percent = percent
	}
	runtime.AddCleanup(&cycle{f}, (*heapFloor).adjust, f)
}

func (f *heapFloor) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stopped {
		f.stopped = true
		debug.SetGCPercent(f.before)
	}
}

// runtimeHeapMin is the heap at which the runtime first collects, at 100 percent;
// it grows with the percentage.
const runtimeHeapMin = 4 << 20

// percentFor is the percentage with which the next collection comes at
// max(2 × live, heapFloorBytes), if live bytes were found alive and the
// percentage counts from scanned, which is live and the roots.
func percentFor(live, scanned uint64) int {
	if live >= heapFloorBytes/2 {
		return percentAtRest
	}
	return max(percentAtRest, int((heapFloorBytes-live)*100/max(scanned, runtimeHeapMin)))
}
