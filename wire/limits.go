package wire

import "time"

// Limits of what travels. A peer that sends more gets an error; nothing is
// allocated for what a peer only claims to send.
const (
	// sliceBytes is the size at which the columns of a record are cut: large
	// enough that the cost of a frame does not count, small enough that streams
	// take turns on a connection and buffers stay in cache.
	sliceBytes = 1 << 20

	// sliceRowsMax bounds the rows of one record, so that a record of columns
	// that take no bytes (all null) is bounded too.
	sliceRowsMax = 1 << 17

	// frameBytesMax is the largest message of a connection. One value can not be
	// cut: the state of an exact distinct count of one group may be this big.
	frameBytesMax = 64 << 20

	// partialBytesMax bounds the memory a decoded Partial takes, unless the
	// configuration says otherwise: 10 million groups of two keys and two states.
	partialBytesMax = 1 << 30

	// batchBytesMax bounds the memory of a decoded batch: a body of 32 MiB whose
	// values are one digit each, at 12 bytes a value.
	batchBytesMax = 192 << 20

	// batchesBytesMax bounds the batches a server takes in at the same time.
	batchesBytesMax = 1 << 30

	// updateBytesMax bounds one Update: 10,000 tables of 200 columns and as many
	// buckets of time, at 16 bytes each.
	updateBytesMax = 64 << 20

	// pieceBytes is the size at which an encoded Update is cut into frames.
	pieceBytes = 1 << 20

	// sectionsMax, sectionColumnsMax bound the shape a head may announce.
	sectionsMax       = 1 << 16
	sectionColumnsMax = 1 << 15

	// slotsMax bounds the names of a batch: 65,536 rows of one body of 32 MiB.
	slotsMax = 1 << 23

	// headBytesMax bounds the head of a stream, a ticket, and the body of an
	// action: a schema of 16,384 columns with long names.
	headBytesMax = 16 << 20

	// textBytesMax bounds a text in a head: a query, a warning, a message.
	textBytesMax = 1 << 20

	// reportsMax bounds the leaves a Partial reports on, skipsMax the reasons of
	// one, countsMax the buckets of a histogram, warningsMax the warnings.
	reportsMax  = 1 << 16
	skipsMax    = 64
	countsMax   = 1 << 20
	warningsMax = 1_000

	// errorBytesMax bounds an error's message: it travels in a header.
	errorBytesMax = 4 << 10

	// jsonBytesMax bounds the answers that travel as JSON (details, plans).
	jsonBytesMax = 32 << 20

	// streamsMax bounds the calls one connection may have open: queries of one
	// aggregator, at the same time.
	streamsMax = 1_024
)

// Times of connections.
const (
	// leaseTime is how long a subscriber may take to confirm an Update, unless
	// the configuration says otherwise. Rows wait for it: short. An aggregator
	// that is dropped subscribes again.
	leaseTime = 2 * time.Second

	// pingTime and pingTimeout notice a peer whose machine is gone: gRPC allows
	// no shorter ping time. Calls have deadlines; this ends idle streams.
	pingTime    = 10 * time.Second
	pingTimeout = 3 * time.Second

	// dialTimeout bounds one attempt to connect, redialMax the pause between two.
	dialTimeout = 3 * time.Second
	redialMin   = 50 * time.Millisecond
	redialMax   = time.Second

	// replyShare is the part of the time left (1/replyShare) that is kept for
	// the answer to travel, within the bounds.
	replyShare   = 20
	replyTimeMin = 2 * time.Millisecond
	replyTimeMax = 100 * time.Millisecond
)

// Sizes of connections.
const (
	// streamWindow and connWindow are how much may be under way unread.
	streamWindow = 4 << 20
	connWindow   = 16 << 20

	// socketBuffer is read and written at once.
	socketBuffer = 128 << 10
)

// reserveBytesMax bounds the room made for rows before they come: 2 million
// groups of two keys and two states.
const reserveBytesMax = 128 << 20

// roomShare is how many times the values received may be announced for room to
// be made for all of them.
const roomShare = 64
