package main

import "time"

const (
	// quietTime is how long a connection must be without a request before a server
	// that ends closes it: busy clients send more often, and learn from the next
	// answer that it was the last.
	quietTime = 500 * time.Millisecond

	// acceptRest is how long a server that ends accepts those who have connected
	// already, at most: they are there, so it is a matter of the scheduler alone.
	acceptRest = 200 * time.Millisecond

	// acceptPoll is how often it looks whether some are left.
	acceptPoll = 100 * time.Microsecond

	// drainTime is how long requests in flight may take to finish at the end.
	drainTime = 10 * time.Second

	// lastWordTime is how long requests that did not finish may take to say so.
	lastWordTime = time.Second

	// heapFloorBytes is the heap below which the collector does not run, and
	// heapRoomBytes the garbage that is worth a collection: a node may take 100 MB
	// beside its blocks, and the buffers of large bodies on two processors are most of
	// that. A full record leaves under 1 MiB of garbage.
	heapFloorBytes = 64 << 20
	heapRoomBytes  = 16 << 20

	// heapSurgeBytes is how far memory may grow past what it should before the
	// collector runs anyhow: no load that goes on comes near, and it is an eighth of what
	// large bodies may have a server of two processors take.
	heapSurgeBytes = 128 << 20

	// ingestSenders is how many bodies are on their way at once: one travels
	// while the other is being stored.
	ingestSenders = 2

	// leafMemoryMin is the least memory a leaf starts with: a full block of the usual
	// events, the parts it is merged from, and the edit log.
	leafMemoryMin = 8 << 20

	// workingRoom is the part of what a leaf holds that it gets on top of it when
	// memory is divided anew: a store keeps a sixteenth free for merges, and log and holes take some.
	workingRoom = 4

	// evenShareMin is the part of an even share that a leaf gets at least.
	evenShareMin = 4

	// errorsShownMax is how many rejected rows a receipt lists, like the server's.
	errorsShownMax = 20

	// graceAfterStop is how long bodies already read may still be sent once the
	// user has stopped the command.
	graceAfterStop = 5 * time.Second

	// progressEvery is how often a progress bar is drawn.
	progressEvery = 100 * time.Millisecond

	// answerCellMax is the most characters of one value a terminal's table shows;
	// other formats cut nothing.
	answerCellMax = 120

	// linkBytesMax is the longest address printed for a query: terminals and
	// browsers take about that much.
	linkBytesMax = 1000

	// sparkLinesMax is how many groups get a spark line below a table.
	sparkLinesMax = 20

	// sparkWidthMax is the most characters of a spark line: it must not wrap.
	sparkWidthMax = 60

	// sparkBucketsMax bounds the time buckets that are drawn; time(auto) gives no
	// more than 300.
	sparkBucketsMax = 3000

	// completeTimeout is how long the prompt waits for names and values to
	// propose: nobody waits longer for a Tab.
	completeTimeout = 700 * time.Millisecond

	// completeValues is how many values of a column are proposed.
	completeValues = "40"

	// peersMax is how many addresses of other aggregators have connections.
	peersMax = 64

	// peerDrain is how long calls between aggregators may take to finish at the end.
	peerDrain = time.Second
)
