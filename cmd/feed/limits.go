package feed

import "time"

const (
	// tailBytes is how much of what was read last is compared to see that a
	// followed file was overwritten: a line or two, with their times.
	tailBytes = 256

	// BodyBytesDefault is about 40,000 rows of a wide log: large enough that the
	// server encodes a body at once, small enough to be sent again.
	BodyBytesDefault = 16 << 20

	// rowBytesMax is what the server takes as one line. A longer row is skipped
	// and reported here, so that memory stays bounded.
	rowBytesMax = 4 << 20

	// arrowBytesMax bounds one message of an Arrow stream, which is sent whole.
	arrowBytesMax = 256 << 20

	// arrowGapMax is the most that the mark of the end and padding take between
	// the last message of an Arrow file and its footer.
	arrowGapMax = 72

	// sampleBytes is how much of a source is looked at to tell its format.
	sampleBytes = 64 << 10

	// readBytes is what is read at once.
	readBytes = 256 << 10

	// readAhead is how many reads wait for the cutter.
	readAhead = 8

	// idleDefault is how long bytes may wait for more to come: rows of a live log
	// are visible well within a second.
	idleDefault = 200 * time.Millisecond

	// pollDefault is how often a followed file is looked at, like tail does.
	pollDefault = 200 * time.Millisecond
)
