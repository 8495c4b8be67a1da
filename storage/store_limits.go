package storage

import "time"

// Limits of a store. Each bounds what one table, one client or one slow disk
// can make the process hold, or how long it may make others wait.
const (
	// segmentBytes is the address space of one segment file. Space on tmpfs is
	// taken in steps of segmentStep as blocks need it, so an idle store holds
	// little; a block that is longer gets a segment of its own size.
	segmentBytes = 64 << 20
	segmentStep  = 1 << 20

	// fullBlockBytes divides blocks by length: longer ones lie on a 64 KiB grid
	// in segments of their own, so that short-lived small blocks do not break up
	// the space of long-lived full ones.
	fullBlockBytes = 256 << 10
	fullAlign      = 64 << 10
	smallAlign     = 64

	// segmentsMax bounds the segment number, which is 32 bits in the log.
	segmentsMax = 1<<32 - 2

	// memoryLogBytes is the address space of a memory log; memoryLogStep is how
	// its space is taken; memoryLogReserve stays taken ahead of the tail, so that
	// an edit that frees memory can always be written.
	memoryLogBytes   = 256 << 20
	memoryLogStep    = 256 << 10
	memoryLogReserve = 64 << 10

	// checkpointBytes is the log length past which a checkpoint replaces it, if
	// it is also twice as long as the checkpoint it began with.
	checkpointBytes = 4 << 20

	// checkpointEditBytes is about how long one edit of a checkpoint gets.
	checkpointEditBytes = 256 << 10

	// checkpointSlice is how many blocks or keys of a table are read at a time,
	// as its lock is held meanwhile: some 50 us.
	checkpointSlice = 256

	// addsAtOnce is for how many blocks a start makes room at a time: 17 KB, so that a
	// small log makes no more.
	addsAtOnce = 128

	// checkpointLastBytes is how many bytes of records may be left to be copied
	// while commits wait, checkpointRounds how often a checkpoint tries to come
	// that near to a log that is being written.
	checkpointLastBytes = 64 << 10
	checkpointRounds    = 16

	// smallRowsMax is the most rows of waiting requests that go into one small
	// block; richRowsMin is how many rows of one request are encoded richly at
	// once, by the caller.
	smallRowsMax = 4_096
	richRowsMin  = 8_192

	// shapesMax is how many sets of columns a table remembers; with more, its
	// schema is made anew more often.
	shapesMax = 256

	// smallBytesMax bounds the values that requests put into one small block
	// together, scratchSlotsMax the names the committer's scratch batch keeps.
	smallBytesMax   = 8 << 20
	scratchSlotsMax = 1_024

	// Levels of merging: smallMergeBlocks fresh blocks or smallMergeRows fresh
	// rows become one block; midMergeBlocks such blocks or midMergeRows rows
	// become a final one. finalRowsMin rows are final as they come. So a row is
	// rewritten at most twice, and a view has some 640 blocks that are not final.
	smallMergeBlocks = 512
	smallMergeRows   = 4_096
	midMergeBlocks   = 128
	midMergeRows     = 49_152
	finalRowsMin     = 32_768

	// mergeBytesMax bounds what a merge reads and so what it makes the process
	// hold. Blocks of more than half of it are final, so that two always fit.
	mergeBytesMax = 32 << 20

	// mergeTinyBytesMax is how many bytes of small blocks a merge reads, if it is of
	// more than two: what it takes to open very many columns of very few bytes is
	// some eight times these.
	mergeTinyBytesMax = 8 << 20

	// openedBytesMax bounds what is kept of blocks that were opened, as counted by
	// openedBlockBytes for each and openedColumnBytes for each of its columns. It
	// is enough for 3,000 full blocks of 26 columns, which are 10 GB.
	openedBytesMax    = 32 << 20
	openedBlockBytes  = 512
	openedColumnBytes = 384

	// schemaBlocksMin is how many blocks a table must have for the sums of its
	// schema to be kept from call to call, schemaIdle how long without a call.
	schemaBlocksMin = 5
	schemaIdle      = time.Minute

	// scratchBytesMax bounds the batches in which the committer gathers requests.
	scratchBytesMax = 64 << 20

	// smallBlocksMax and midBlocksMax are the numbers of blocks of a table, of
	// either level of merging, at which receipts wait for merges: four times what
	// one merge takes. mergeWait is how long.
	smallBlocksMax = 4 * smallMergeBlocks
	midBlocksMax   = 4 * midMergeBlocks
	mergeWait      = time.Second

	// freshBlocksMax is how many fresh blocks a store should have: shared out over
	// its tables it is how many of one are merged, between freshEnoughMin and
	// smallMergeBlocks. A block takes some 600 bytes of heap, and one of a single
	// row and 100 columns 5 KB of memory, so 10,000 tables must not have hundreds
	// each.
	freshBlocksMax = 32_768
	freshEnoughMin = 8

	// Small blocks of a quiet table, whose oldest is older than staleAfter, are
	// merged although the counts above are not reached: so many that all together
	// have at least quietGrowth times the rows of the largest. So a row is
	// rewritten at most log(smallMergeRows)/log(quietGrowth) = 8 times on its way
	// to a block that mergeMid takes, and fewer than log(smallMergeRows) /
	// log(quietGrowth/(quietGrowth-1)) = 21 of a table are left, mostly under 8.
	staleAfter  = time.Minute
	quietGrowth = 3

	// A table at rest, without a row for restAfter, has its small blocks merged into
	// one, if that has no more than smallMergeRows rows.
	restAfter = 10 * time.Minute

	// quietRichMin is how many rows make it worth while to encode a merged block
	// richly: below, what aligns and pads its columns is more than it saves.
	quietRichMin = 1_024

	// queueRowsMax and queueBytesMax bound the small requests of a table that
	// wait for the committer; more requests wait outside of the queue.
	queueRowsMax  = 64 << 10
	queueBytesMax = 64 << 20

	// keysLive and keysMax bound how long and how many batch keys of a table are
	// remembered (CONTRACT.md promises that a retry within the hour counts once).
	keysLive = time.Hour
	keysMax  = 1_000_000

	// keysTextMax bounds the texts of errors and warnings that a table keeps with
	// its keys; beyond, new receipts are kept with their counts alone. keysShare
	// of the budget, or keysBytesMax without one, bounds all that the keys of a
	// store take: beyond, a table's oldest go before their hour.
	keysTextMax  = 16 << 20
	keysShare    = 8
	keysBytesMax = 512 << 20

	// keyBytes and blockEditBytes are about what a key without its texts, and a
	// block, take in heap and log.
	keyBytes       = 160
	blockEditBytes = 1 << 10

	// KeyBytesMax is the longest batch key: it lies in the heap for an hour.
	KeyBytesMax = 256

	// TableNameBytesMax is the longest name of a table.
	TableNameBytesMax = 128

	// TablesMax bounds the tables of one store: each costs a queue, a key table
	// and a schema.
	TablesMax = 10_000

	// ReceiptTextMax is how many bytes of each error and warning a receipt keeps,
	// and ReceiptWarningsMax how many warnings: receipts lie in the heap for an
	// hour.
	ReceiptTextMax     = 512
	ReceiptWarningsMax = 20

	// histTombstonesMax is how many vanished buckets a table remembers for
	// Changes, and no longer than two looks of maintain: a bucket takes some 100
	// bytes. A reader further behind gets the whole histogram.
	histTombstonesMax = 4_096

	// droppedTablesMax is how many dropped tables Changes remembers.
	droppedTablesMax = 1_024

	// clockSlack is how far a row's time may be off its arrival; rows beyond go
	// to blocks of their own, so that one wrong clock does not spoil the pruning
	// and the retention of the others.
	clockSlack = 24 * time.Hour

	// diskFlushEvery is the pause between two flushes: short enough that, with
	// the flush itself, a row is synced within 500 ms of its receipt.
	diskFlushEvery = 150 * time.Millisecond

	// diskRetryEvery is the pause after a flush that failed.
	diskRetryEvery = time.Second

	// diskTellEvery is how often the log tells of a disk that goes on failing.
	diskTellEvery = 30 * time.Second

	// reloadEvery is the pause after which blocks that the disk would not give, or
	// memory had no room for, are read again.
	reloadEvery = 10 * time.Second

	// reloadWorkers is how many goroutines read blocks from disk: enough for two
	// reads under way while two are verified. reloadGroupBytes and reloadGroupBlocks
	// bound the small blocks that become readable by one edit, readBufferBytes what
	// a worker keeps for the next block. From reloadLanesFrom groups on each worker
	// has segments of its own; fewer are not worth the empty end of a segment.
	reloadWorkers     = 4
	reloadLanesFrom   = 32
	reloadGroupBytes  = 1 << 20
	reloadGroupBlocks = 64
	readBufferBytes   = 8 << 20

	// diskLagMax is the age of the oldest unsynced row at which receipts wait,
	// diskLagWait how long they wait before they fail; they do not wait for a disk
	// that has failed for so long already.
	diskLagMax  = time.Second
	diskLagWait = 10 * time.Second

	// diskFileBytes is the length at which a file of blocks is closed and a new
	// one begun: a file goes when all of its blocks are gone.
	diskFileBytes = 256 << 20

	// diskLogBytes is the length past which a checkpoint replaces the disk log,
	// if it is also twice as long as its checkpoint.
	diskLogBytes = 8 << 20

	// diskRecordMax bounds a record of the disk log before memory is made for it.
	diskRecordMax = 256 << 20

	// Files of blocks are full at a diskFinalShare of all that is live on disk, those
	// of blocks that merges will join at a diskMergedShare; but not before they are
	// diskFinalBytes and diskMergedBytes long, as a file costs a sync and a handle,
	// nor after diskFileBytes.
	diskFinalShare  = 16
	diskMergedShare = 64
	diskFinalBytes  = 16 << 20
	diskMergedBytes = 2 << 20

	// diskSpareShare of the live bytes on disk, and diskSpareBytes, may be dead
	// before live blocks are moved, so that their file can go: the files take less
	// than 1.3 times what is live. diskMoveBytes is how much is moved in a flush, as
	// receipts wait for it; a file that would give less than a diskMoveGain of itself
	// stays.
	diskSpareShare = 5
	diskSpareBytes = 4 << 20
	diskMoveBytes  = 8 << 20
	diskMoveGain   = 10

	// diskDirectAlign is what places must be multiples of to be read and written around the page
	// cache: the largest block size of disks and file systems in use.
	diskDirectAlign = 4 << 10

	// maintainEvery is the pause between looks at retention, stale blocks and
	// expired keys.
	maintainEvery = 2 * time.Second

	// ThinKeepMax bounds the factor by which thinning multiplies weights: beyond, a
	// table is better given a shorter retention.
	ThinKeepMax = 1_000_000

	// thinSmallAfter is how long after their arrival fresh blocks are left to the
	// merges before they are thinned one by one: of a backfill of single rows they
	// would be many.
	thinSmallAfter = 2 * staleAfter

	// startRest is how long after a start the disk's log is read, unless recovery
	// needs it, scrubFirst how long after it the first pass of the scrub begins: the
	// first answers come before both.
	startRest  = 300 * time.Millisecond
	scrubFirst = time.Second

	// scrubEvery is the pause between two passes of the scrub. During a pass it takes
	// scrubShare of one core, so 10 GB in memory take some two minutes, in stretches
	// between rests of scrubPause or more: a timer for each small block would cost
	// more than its checksums.
	scrubEvery = 6 * time.Hour
	scrubShare = 0.01
	scrubPause = 20 * time.Millisecond

	// fullWait is how long an append waits for pinned memory that is already
	// dropped before it fails as full.
	fullWait = 5 * time.Second

	// fullRest is how long after such a wait in vain others do not begin one,
	// unless memory is freed: the committer waits for all tables, so waits in a
	// row would hold up every receipt.
	fullRest = 5 * time.Second

	// Memory that no block has used for maintainEvery goes back to the system when
	// it is more than idleBytesMax and an idleShare of what blocks use. Below, new
	// blocks will want it soon, and pages that go and come cost as much as writing
	// them.
	idleBytesMax = 32 << 20
	idleShare    = 4

	// watchBlocksMax is how many blocks are gathered for one who follows a table before
	// it comes for them: some seconds of the fastest small appends. What they may take
	// together is watchBytesMax, and a watchShare of the budget: merges may drop them
	// meanwhile.
	watchBlocksMax = 16_384
	watchBytesMax  = 64 << 20
	watchShare     = 8

	// evictPatience is how long an append waits for such memory before it evicts
	// blocks that no view holds, as long as no more than a pendingShare of the
	// memory in use is dropped and held.
	evictPatience = 250 * time.Millisecond
	pendingShare  = 4

	// commitTries is how often an edit of rows is tried when the log finds no
	// room: memory that is freed may be taken by others first.
	commitTries = 8

	// evictShare of the budget is freed at once when the oldest blocks go, so
	// that not every append pays for an edit.
	evictShare = 64

	// mergeReserveShare of the budget is kept from appends for merges, up to
	// mergeReserveMax: they free more than they take, so they must not starve.
	mergeReserveShare = 16
	mergeReserveMax   = 16 << 20

	// lockWait is how long Open waits for a dying process to let go of the lock,
	// lockPause how often it looks.
	lockWait  = 2 * time.Second
	lockPause = 2 * time.Millisecond
)
