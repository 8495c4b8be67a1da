package aggregator

import (
	"time"

	"github.com/kelpdb/kelp/ingest"
)

const (
	// leaseTime is how long a leaf's promise may be relied on to leave the leaf
	// out of a query, after the last word from it. It is shorter than the time
	// the leaf holds receipts back for an aggregator that fell silent
	// (leaf.LeaseTime), so that no receipt goes unpromised.
	leaseTime = 1500 * time.Millisecond

	// timeoutDefault is a query's time when it names none.
	timeoutDefault = 10 * time.Second

	// timeoutMax bounds what a query may ask for.
	timeoutMax = 10 * time.Minute

	// mergeShare is the part of the time left that an aggregator keeps for
	// itself when it hands a deadline down, at least mergeTimeMin and at most mergeTimeMax.
	mergeShare   = 20 // one 20th
	mergeTimeMin = 5 * time.Millisecond
	mergeTimeMax = 500 * time.Millisecond

	// appendTimeout bounds one chunk's way into a leaf, also a slow disk's.
	appendTimeout = 30 * time.Second

	// chunksInFlight is how many chunks of one request are being stored while
	// the next is decoded: enough to keep two cores busy with one client.
	chunksInFlight = 2

	// chunkBytesTotal bounds the decoded chunks of all calls that are on their
	// way into leaves.
	chunkBytesTotal = 256 << 20

	// bodyFree is what a body may bring without taking room: small calls, of which
	// bodiesMax may be read at once, need not ask for it.
	bodyFree = 64 << 10

	// bodyAhead is what is read of a body beyond the end of a chunk: a buffer, which a
	// long row makes larger.
	bodyAhead = ingest.RowBytesMax + 1<<20

	// bodyRoomEach is the room that a chunk takes whose length is not known, which is
	// the most of a body that goes into one; for so many at once there is room, as for
	// one of each processor.
	bodyRoomEach  = ingest.ChunkBytesDefault
	bodyRoomLeast = 4

	// bodyWait is how long a body waits for room: as long as it takes to read a few
	// others.
	bodyWait = 10 * time.Second

	// bodyIdle is how long nothing may come of a body, and how long its bytes must have
	// been waited for in all before it is found too slow; bodyRateMin is how slow, in
	// bytes a second.
	bodyIdle    = 30 * time.Second
	bodyRateMin = 16 << 10

	// fewLeaves is for how many leaves a batch's is chosen without allocating.
	fewLeaves = 8

	// bodiesMax is how many ingest calls may be read at once.
	bodiesMax = 512

	// burstTime is how much of a table's quota may come at once after a rest.
	burstTime = time.Second

	// debtTime is how far ahead of its quota one call may read before it waits: most
	// bodies pass without a stop, which clients with timeouts of their own may need.
	debtTime = 10 * time.Second

	// pacedMax is how many calls of a table may wait so at the same time: they hold
	// places of bodiesMax.
	pacedMax = 16

	// quotaLook is the longest time between two looks at a quota while a call waits
	// for it: the setting may have changed.
	quotaLook = time.Second

	// quotaWaitMax bounds the time that a debt is said to take: a row a second, and a
	// body of a million.
	quotaWaitMax = 30 * 24 * time.Hour

	// quotaTablesMax is how many tables' quotas are kept before idle ones go.
	quotaTablesMax = 1_000

	// queriesMax is how many queries run at once; more wait for their turn within
	// their timeout. So many that long ones rarely keep short ones from beginning; on a
	// leaf they share exec's budget of a process, of which each may hold one part in as
	// many before it is cut for the others' sake.
	queriesMax = 64

	// queriesWaitingMax is how many queries wait for their turn, each with a text of
	// up to queryBytesMax.
	queriesWaitingMax = 256

	// streamsMax is how many follow a table or an answer at once, each over a connection
	// of its own: as many pages as a large team has open.
	streamsMax = 256

	// journalTellEvery is how often the log is told of a journal that takes no writes.
	journalTellEvery = 30 * time.Second

	// listenAgain is the first wait before a broken stream of promises is asked
	// for anew.
	listenAgain = 50 * time.Millisecond

	// bornGrace is how long a new leaf is not the home of a key while older ones
	// are there: until every aggregator has heard of it.
	bornGrace = 5 * time.Second

	// warningsMax is how many different warnings a receipt names.
	warningsMax = 100

	// rebindsMax is how often a query is bound anew because a leaf had a type
	// the plan lacked; types only ever come, at most six for a column.
	rebindsMax = 6

	// queryBytesMax is the longest body of a query request.
	queryBytesMax = 1 << 20

	// headerBytesMax bounds Kelp-Warnings: proxies take headers of a few KiB. The
	// body has them all.
	headerBytesMax = 3 << 10

	// keyBytesMax is the longest Idempotency-Key.
	keyBytesMax = 256

	// keyLife is how long a key is remembered (DESIGN 6.2); the store keeps the
	// same time.
	keyLife = time.Hour

	// byTimeBucketsMax bounds `by_time` in an incomplete answer.
	byTimeBucketsMax = 60

	// bookRewriteBytes is the least size at which the book's journal is
	// replaced by a fresh snapshot: a start reads some 500 MB of it a second.
	// bookRewriteTimes is how many times as long as its own snapshot it must be.
	bookRewriteBytes = 1 << 20
	bookRewriteTimes = 4

	// bookWindowBytes is how much of the journal a start holds at a time, or a record if
	// that is longer: what it takes of memory that the system has to make first costs
	// more than reading. promisePieceBytes is the most that is copied of it together.
	bookWindowBytes   = 32 << 10
	promisePieceBytes = 32 << 10

	// bookLastBytes is how many bytes of the old journal may be left to be copied
	// while leaves wait for their promises, bookRounds how often a rewriting tries
	// to come that near.
	bookLastBytes = 64 << 10
	bookRounds    = 16

	// errorsMax is how many rejected rows a receipt names.
	errorsMax = 20

	// describeTimeout is how long the description of a table waits for a leaf,
	// which reads no rows for it: a frozen one must not hold it up.
	describeTimeout = 3 * time.Second

	// distinctTime is how long the description of a table may spend on estimating
	// how many values its columns have: a person waits for it.
	distinctTime = 400 * time.Millisecond

	// distinctRest is how many times as long as it took to find an estimate of
	// that kind serves while the table changes: a page that asks all the time costs
	// a twentieth of the machine.
	distinctRest = 20

	// distinctTablesMax is for how many tables such estimates are kept.
	distinctTablesMax = 1_000

	// importBytesMax is the longest export that is read: a full catalog, indented.
	importBytesMax = 32 << 20

	// savedNameMax and savedNoteMax are the longest name and text of what is saved,
	// in bytes: a line, and a page. panelsMax is how many queries a board asks at once.
	savedNameMax = 200
	savedNoteMax = 4 << 10
	panelsMax    = 50

	// tokenNameMax is the longest name of a token, in bytes: it stands in each row of
	// the log of queries.
	tokenNameMax = 64

	// tokensMax is how many tokens a server takes: each call is compared with all.
	tokensMax = 256

	// tokenBytesMin is the shortest token taken, 128 bits as 22 letters of base64 and
	// less than that as worse ones; tokenBytesMax the longest, a signed one of others.
	tokenBytesMin = 22
	tokenBytesMax = 1 << 10

	// valuesMax is the most values a values call returns.
	valuesMax = 100
)
