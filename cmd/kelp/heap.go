package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// heapFloor sets the collector's pace to what a server's heap is like.
//
// Blocks lie outside the heap, so it has few MiB of live objects at rest, and the
// runtime's rule (collect when it has doubled) has it collect hundreds of times a
// second under one-row requests. Under large bodies it has tens of MiB of buffers
// that are used again, cost the collector nothing, and leave next to no garbage:
// doubling would only waste memory. So after each collection the percentage is set
// anew by what was found alive. The next comes when there is as much garbage as
// the collector has to scan, as by the runtime's rule, or heapRoomBytes, and not
// before the heap has heapFloorBytes in all.
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
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/heap:bytes"},
		{Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}}
	f.before = debug.SetGCPercent(100)
	f.percent = 100
	f.adjust()
	return f.stop
}

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
	percent := percentFor(f.samples[0].Value.Uint64(), f.samples[1].Value.Uint64(),
		f.samples[2].Value.Uint64()+f.samples[3].Value.Uint64())
	// Setting it stops the world for a moment: not for every small change.
	if math.Abs(float64(percent-f.percent)) > float64(f.percent)/8 {
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

// percentFor is the percentage with which the next collection comes where
// heapFloor says, if live bytes were found alive, scanned of them hold pointers,
// and the percentage counts from live and so many bytes of roots.
func percentFor(live, scanned, roots uint64) int {
	next := max(heapFloorBytes, live+max(heapRoomBytes, scanned))
	return int((next - live) * 100 / max(live+roots, runtimeHeapMin))
}
