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
//
// What a collection has done is learned only when the sweeper comes by, which may be
// long after on a busy machine. Until then the percentage is that of the heap before:
// 1,600 while little lived, of the 60 MiB that large bodies brought meanwhile, are a
// GiB of garbage. So a limit on all memory goes with it, a little above what there is:
// where the percentage is out of date, the next collection comes there, and no later.
type heapFloor struct {
	mu      sync.Mutex
	samples []metrics.Sample
	percent int   // as set now
	limit   int64 // as set now
	stopped bool

	percentBefore int // what stop puts back
	limitBefore   int64
}

// holdHeapFloor starts to hold the floor; stop ends it. A GOGC in the
// environment is the user's word, and stays.
func holdHeapFloor() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	return newHeapFloor().stop
}

func newHeapFloor() *heapFloor {
	f := &heapFloor{samples: []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/heap:bytes"},
		{Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
	}}
	f.percentBefore, f.limitBefore = debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	f.percent, f.limit = 100, f.limitBefore
	f.adjust()
	return f
}

// cycle is what the collector finds dead each time it has run.
type cycle struct{ of *heapFloor }

// adjust sets the percentage and the limit by what lives now, and asks to be called
// after the next collection.
func (f *heapFloor) adjust() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return
	}
	metrics.Read(f.samples)
	sample := func(i int) uint64 { return f.samples[i].Value.Uint64() }
	live, scanned := sample(0), sample(1)
	// Setting them stops the world for a moment: not for every small change.
	limit := min(f.limitBefore, limitFor(live, scanned, sample(4)-sample(5)))
	if limit > f.limit+heapSurgeBytes/4 || limit < f.limit-heapSurgeBytes/4 {
		debug.SetMemoryLimit(limit)
		f.limit = limit
	}
	percent := percentFor(live, scanned, sample(2)+sample(3))
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
		debug.SetGCPercent(f.percentBefore)
		debug.SetMemoryLimit(f.limitBefore)
	}
}

// runtimeHeapMin is the heap at which the runtime first collects, at 100 percent;
// it grows with the percentage.
const runtimeHeapMin = 4 << 20

// percentFor is the percentage with which the next collection comes where
// heapFloor says, if live bytes were found alive, scanned of them hold pointers,
// and the percentage counts from live and so many bytes of roots.
func percentFor(live, scanned, roots uint64) int {
	return int((nextFor(live, scanned) - live) * 100 / max(live+roots, runtimeHeapMin))
}

// nextFor is how large the heap may be when the next collection comes.
func nextFor(live, scanned uint64) uint64 {
	return max(heapFloorBytes, live+max(heapRoomBytes, scanned))
}

// limitFor is the limit that goes with it, where so many bytes are held from the
// system, alive or not: above both, as a limit that is near has the runtime hunt for
// pages to give back, and one that is exceeded has it collect all the time.
func limitFor(live, scanned, held uint64) int64 {
	return int64(max(nextFor(live, scanned), held) + heapSurgeBytes)
}
