package storage

// # The store
//
// A Store keeps the tables of one leaf. What it holds lies in two directories:
//
//	memory directory, on tmpfs            data directory, on disk
//	  lock     flock, pid for people        lock
//	  super    who, which layout, epoch     super
//	  edits-N  mapped log of edits          edits-N  log of edits
//	  small-N.seg, full-N.seg  mapped       blocks-N.blk  blocks, one after
//	           files of blocks                       another
//
// A block is live if the log of its directory says so, and in no other way.
// checkpoint.go says how a log is replaced beside commits.
//
// # The files
//
//	super        +-----------+------------------------+--------------------------+
//	             | head (64) | rest and its CRC (288) | zeros up to 4,096        |
//	             +-----------+------------------------+--------------------------+
//	edits-N      +-----------+------------+----------+------+-----------+---+-----
//	in memory    | head (64) | length (4) | CRC (4)  | edit | 0 to 7: 0 |...| 0 (8)
//	             +-----------+------------+----------+------+-----------+---+-----
//	edits-N      +-----------+------------+----------+------+---+
//	on disk      | head (32) | length (4) | CRC (4)  | edit |...|
//	             +-----------+------------+----------+------+---+
//	small-N.seg  +-------+---------------------+-------+----------+--------------+
//	full-N.seg   | block | free up to the grid | block | free ... | no pages yet |
//	             +-------+---------------------+-------+----------+--------------+
//	blocks-N.blk +-------+-------------------------+-------+
//	             | block | zeros up to the next 64 | block |
//	             +-------+-------------------------+-------+
//
// The fields of superblocks are drawn in superblock.go, of logs in log.go and
// disk_log.go, of edits in edit_codec.go, of blocks in doc.go. `kelp dump FILE`
// shows any of them byte for byte. Why they are so:
//
//   - The first 64 bytes of a superblock keep their shape for ever, so that every
//     version can tell that a directory is not for it, before it locks it.
//   - A superblock has two checksums: one of those 64 bytes, which any version can
//     verify, one of the rest. The number of the log is under neither, as it
//     changes alone by one 8-byte store; the log's head has it too.
//   - Length and CRC of an edit are one aligned word in memory: storing it is the
//     commit. On disk they are a torn write's witness, and need no alignment.
//   - The CRC of an edit begins with epoch and number of its log, so that what an
//     older log left in the same pages is not taken for edits.
//   - The log ends with a word of 0 in memory, where the file is longer than the
//     log; on disk with the file.
//   - Edits are varints: one that adds a small block takes about 60 bytes. A kind
//     has no length, as one that is not known must not be skipped.
//   - Segments have no head and no list of blocks: the edits have it, and there
//     must not be two that could differ. Blocks begin at multiples of 64, where
//     vector loads want them; full ones at multiples of 64 KiB, so that holes can
//     be punched between them whatever the size of a page.
//   - The same bytes of a block lie in memory and on disk, so that neither is
//     encoded twice, and each can be read from the other's copy.
//
// testdata/arena keeps directories of each layout, as its own writer wrote them.
//
// # One append
//
//	Append         checks names and key; waits for the same chunk in flight, for
//	               a disk that lags, for merges that lag
//	  small        queues per table; the committer gathers what waits into one
//	               cheap block (commit_queue.go, commit_gather.go)
//	  8,192 rows   are encoded richly by the calling goroutine
//	reserve        takes an extent, and evicts or refuses when memory is full
//	placeBlock     copies the bytes, then SealBlock writes id and checksum
//	commitLocked   writes the edit's body, then its length|CRC word by one atomic
//	               store: from here on the rows survive kill -9
//	applyEdit      shows the rows to every later Pin
//
// Design asks for one committer goroutine. There is one for small appends; large
// appends, merges and drops commit in their own goroutines under commitMu, which
// gives the same order of edits without a hand-over for the calls that need none.
//
// # Who may touch what
//
// Bytes of a live block never change. A View is a slice of the table's array:
// appends write behind its end, drops make a new array. An extent is free again
// when its drop is committed and no older view is left (pins, in view.go); what
// nobody names after a restart is free. Slices into blocks are good until the
// view is released. All reads and writes of mapped memory run under Guard, so a
// file that someone cuts short gives an error and not the death of the process.
//
// Lock order: commitMu, then Store.tablesMu or Table.mu, then the allocator's,
// the keys' and the disk's mutexes, which are leaves. No lock is held while a
// block is encoded or a disk is written.
//
// # Goroutines
//
// Close waits for all of them; Open starts them.
//
//	commitSmall  gathers small appends
//	mergeLoop    one for fresh blocks (to about 4k rows or 512 blocks), one for
//	             those (to 65k): a row is rewritten at most twice. A third one for
//	             tables where so much never comes together: it merges by age
//	             (merge_quiet.go), a row at most eight times more
//	maintain     checkpoints, retention, stale blocks, expired keys
//	thinLoop     thins old blocks where a table asks for it (thin.go)
//	scrub        checks every checksum, in memory and on disk, in passes that take 1% of one core
//	flushLoop    brings edits to disk (disk.go) and keeps its files dense
//	             (disk_compact.go)
//	reloadLoop   reads blocks from disk: after a reboot, or for damaged ones; newest
//	             first, with some workers that end with the pass (disk_reload.go), each
//	             with 8 MiB for what it reads (disk_read.go) and, where there is much,
//	             segments of its own (segment_lane.go)
//
// # Memory beside the blocks
//
// What TestHeapBesideBlocks holds, in bytes of heap; the collector wants as much
// room again:
//
//	table      2,200, whatever its columns; its name, a histogram bucket of 100 bytes
//	           for 32 rows of small blocks or a 64th of a full one
//	block        400 with its Meta, place in memory and place on disk
//	key          120 for an hour, 1,000,000 of a table at most; keysShare in all
//	open block   250 and 50 a column; 500 for each that was asked for. 32 MiB in all,
//	             as if all were asked for (view_opened.go)
//	schema       nothing for tables of few blocks; else 40 KB for 100 columns, as long
//	           as somebody asks
//	encoding     20 MB for a full block and 3 for its bytes, one a processor (Shelf)
//	gathering   64 MiB at most (scratches)
//	merges       three at a time, each of at most 32 MiB of blocks, or 8 MiB of
//	           small ones, whose opened columns take eight times as much
//
// Pages that blocks leave go back to the system by themselves (segment_idle.go).
//
// # Recovery
//
//	same boot, real tmpfs      superblock and log, nothing else: the time does
//	                           not grow with the data; checksums at first touch;
//	                           histogram and schema when asked, or 2 s later
//	other boot or file system  the same, then every checksum, then a new epoch;
//	                           but after a boot the data directory, if there is one
//	memory gone                the log of the data directory; all blocks are
//	                           Loading and come newest first; meanwhile Meta
//	                           says what is missing from an answer
//	log damaged                the data directory; without one the edits before
//	                           the damage
//	superblock on disk         memory, which writes it anew; but no start where memory
//	damaged or gone            is of another boot, its log is damaged too, or the log on
//	                           disk follows the epoch of another
//
// What a start after SIGTERM or kill -9 consists of, in ms of CPU at 40 million rows
// of the reference workload, 2,750 blocks of which 2,440 have 8,192 rows, and in µs a
// block (`make bench-restart`; two processors, of which the leaf's log and the
// aggregator's journal share the time, and each query has both):
//
//	the program itself                                 10
//	journal of promises, as it was written              4   1.4
//	log: one decoded line a block                       3   1.1
//	places, refs and indexes of blocks                  2   0.7
//	a count by service, all rows                       27    10
//	    the head, read and checked: 1.2 KB                  2.4
//	    the dictionary, read and checked: 4.3 KB            3.4
//	    groups, coverage, objects of both                   4.2
//	a count and a percentile over the last hour        10    50 for each of 205 blocks
//
// A page that the system has to make first costs 1.5 µs, or ten times that where a
// host has taken it back. Such a start takes 2,250 of them: 830 without any table, 850
// of blocks, keys and promises, 140 of the count, for which no block is kept
// (BlockRoom), and 430 of the last hour, whose blocks are.
//
// So a block costs some 13 µs up to both answers, and 4 when nobody asks. What a start
// leaves for later: the disk's log 300 ms, histograms, schemas and merges 2 s.
//
// While blocks load, the new memory log names them without a place. So a process
// that dies in the middle goes on where it was, and nothing tells a store that
// was recovered from one that was not.
//
// Memory leads and the disk follows: at every start the disk log is written anew
// from memory, with the places of the blocks that the disk has already. There is
// no second way in which the two could be brought together.
//
// # Failpoints
//
// failpoint("commit.applied") and the like mark the instructions between which a
// process may die with something half done. A binary built with the tag `failpoint`
// kills itself there when told to (failpoint.go); in any other the calls compile to
// nothing. Code that gains such an instruction gains a failpoint: the crash torture
// in e2e finds its name in the source.
//
// # What is promised to whom
//
// Incarnations of tables are sequence numbers, so they are never used twice; a
// gap of 2^24 after a recovery from disk covers edits that were lost with memory.
// A table in memory alone gets a new incarnation there, as its rows are gone.
// Epochs follow the clock and never go back, so a block id is never used twice
// even when both directories are removed.
