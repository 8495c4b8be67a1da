// Package storage keeps the bytes of columns and says which of them are live.
//
// # Nouns
//
//   - A Value has a Type: bool, int64, float64, time, string, list of strings, or
//     is null.
//   - A Batch is up to 65,536 rows in column form on the heap, as a decoder fills
//     it.
//   - A Block is an encoded batch: immutable, position-independent, checksummed,
//     stored by column. The same bytes lie in shared memory, on disk and on the
//     wire.
//   - A Column is what a block stores of one name and one type. A name whose rows
//     differ in type has several; at most one of them is not null in a row. Every
//     block has the column `time` of TypeTime, without nulls.
//   - An Encoding is how the values of a column are written; a Shape is how they
//     reach a kernel. Kernels know shapes only.
//   - Meta is what the edit log keeps of a block, so that views, pruning and
//     promises need not touch it.
//
// What is live, and where blocks lie, is the store's part: see doc_store.go.
//
// # One block
//
// AppendBlock encodes a batch, SealBlock gives it its id, OpenBlock reads it:
//
//	+--------------------------------------------------+ 0
//	| header (128)                                     |
//	+--------------------------------------------------+ 128        \
//	| directory: one entry (32) per column             |             |
//	+--------------------------------------------------+             | the head,
//	| statistics (24 each), fronts and inline columns, |             | under the
//	| each from a multiple of 8                        |             | header's
//	+--------------------------------------------------+             | checksum
//	| names, one after another                         |             |
//	+--------------------------------------------------+             |
//	| zeros up to a multiple of 64                     |            /
//	+--------------------------------------------------+ head length
//	| columns, each under its own checksum; zeros      |
//	+--------------------------------------------------+
//	| zeros (64)                                       |
//	+--------------------------------------------------+ length
//
// All numbers are little-endian; all positions count from the start of the block;
// nothing points out of it. It may lie anywhere, but is read in place only from a
// multiple of 8 (OpenBlock copies it otherwise).
//
//	header
//	  0  8  magic "KELPBLK\n": a line of text that a text file does not begin with
//	  8  2  version: 1 to 3, see below
//	 10  2  zero
//	 12  4  CRC-32C of the head without these four bytes
//	 16  8  epoch     \ the id, written by SealBlock
//	 24  8  sequence  /
//	 32  8  shard
//	 40  8  smallest time, ns since 1970
//	 48  8  largest time
//	 56  8  newest arrival of a row
//	 64  8  sum of weights, saturating
//	 72  4  rows, 1 to 65,536
//	 76  4  columns, 1 to 16,384
//	 80  4  length of the block
//	 84  4  length of the head
//	 88  4  position of the names
//	 92  4  length of the names
//	 96 32  zero, for later versions
//
//	directory entry; entries are in order of name, then type
//	  0  4  position of the name
//	  4  2  length of the name
//	  6  1  type
//	  7  1  encoding
//	  8  1  encoding of the values, of a sparse column; else 0
//	  9  1  flags: 1 inline, 2 statistics, 4 front
//	 10  2  length of the front, a multiple of 8; else 0
//	 12  4  nulls
//	 16  4  position of the data, a multiple of 8
//	 20  4  length of the data
//	 24  4  CRC-32C of the data; 0 if inline
//	 28  4  position of the statistics and the front behind them, or 0
//
//	statistics, for 64 rows or more
//	  0  8  smallest value that is not null: int64, or the bits of a float64
//	  8  8  largest; NaN is the largest float
//	 16  4  distinct values, 0 if not known
//	 20  4  1 if smallest and largest are kept (they are not for text)
//
// A column of at most 64 bytes is inline: it lies in the head. So a block of one
// row, where every column is a constant, is a head and nothing else, and 100
// columns take some 5 KB and one checksum.
//
// Names are in the block and not in a table of its segment, so that a block can be
// shipped, dumped and read by itself, and a segment has no state that a commit
// would have to keep in step. A full block pays under 0.01 bytes a row for it, and
// a small one lives until the next merge.
//
// The front of a dictionary of up to 256 values, if it is short, lies in the head too:
// entries, and how many rows have each (block_front.go). Which values a block has, and
// how many rows of each, is known without its codes: `count by service` after a start
// reads one page of each block, and nothing but heads when warm.
//
// Where the columns of a block take more than 48 KiB, they lie in order of length, the
// shortest first; else in that of the directory. Readers take any order. The codes
// that most queries ask for are short, and so lie next to the head: of a block of
// 8,192 rows of the reference workload one fault, which maps 64 KiB, brings the head,
// the time and all columns of up to 256 values.
//
// In a rich block columns begin at multiples of 64 and end with 64 zeros, so that
// vector loads are aligned and may run over. In a cheap one they begin at multiples
// of 8 and lie close together: a load that runs over reads the next column, or the
// zeros at the end of the block, which is as harmless. Either way 64 bytes after
// any column can be read.
//
// # Why the checksums hold together
//
// The head's checksum covers the id and the checksums of all columns, and the edit
// that makes a block live names id and head's checksum. So bytes of an older block
// in the same place fail at one of the three, unless they are the same bytes: no
// column can be stale, and no column's checksum needs a seed of its own. The head
// is checked when a block is opened, a column when it is first touched, by the
// checksum and then by its structure: every bound in it, and every code against
// its dictionary. What is opened can be read without further checks, but
// decompression can still fail. Results are remembered; damage is a *DamageError.
//
// # Encodings
//
// One file each, named enc_NAME.go, draws its bytes, appends, opens and dumps it.
// The encoder measures and takes the smallest, with these preferences:
//
//   - A dictionary whose entries are used 16 times each, of up to 256 integers or
//     any number of texts, over anything smaller: filters and groups run on codes.
//     Less used ones give way to a form that takes less than three quarters.
//   - Random access over differences, unless those save a quarter.
//   - Templates over compressed frames, unless those save a fifth; where at most an
//     eighth of the text is loose and they save two thirds, frames are not tried.
//   - Codes that are nearly all the same as one base and the others, where that is
//     a quarter of the size: 0.003 bytes a row, not 0.125 to 1, where one row in
//     1,000 differs. Codes of one bit are the faster to filter where more than one
//     row in 70 differs, and stay.
//   - Cheap blocks are written without a search: no forms, no templates, no frames.
//
// The choice is column_choose.go.
//
//	encoding  shape          of what
//	constant  codes          one value in all rows
//	dict      codes          few distinct values; null is the code after the last
//	base      codes          a dictionary of which nearly all rows have one code
//	raw       ints, floats   floats without decimals; integers that fill 64 bits
//	for       ints           integers: runs of 1,024, any width, exceptions patched
//	delta     ints           integers that never fall: times of a full block
//	alp       floats         decimals: integers (for) over a power of ten
//	affix     text           one number (for) between affixes: user-000123
//	hexid     text           one length, hexadecimal digits: trace ids, UUIDs
//	template  text           constants once, a column for each variable: messages
//	text      text           texts of small blocks, or that do not compress
//	zstd      text           texts, in frames of 32 KiB
//	list      lists          lengths (for) and items (constant, dict or of texts)
//	sparse    as its values  at most one row in 16 has a value
//
// Where values can be null and the encoding has no code for it, a bitmap of the
// rows that are not null stands first. Null rows read as 0 or empty. Floats are
// kept in one form: one NaN, no -0. A name with integers and floats in one block
// is stored as floats if all its integers are at most 2^53.
//
// Of affix, hexid and template a text is sought without unpacking any
// (Column.EqualText), and templates know which rows can hold a literal at all
// (Column.MayContain). There is no filter for near-unique columns: a fuse filter of
// 9 bits a row would add 1.1 bytes, and the last eight digits of an id, which hexid
// keeps apart, give the same answer by a pass over 4 bytes a row.
//
// Kernels that have a SIMD variant are in unpack_simd.go, their plain twins in
// unpack_plain.go.
//
// Budget of a rich block, bytes a row of the reference workload
// (TestColumnBudget holds it, and that nothing has to be decompressed):
//
//	time           0.7   8.6 ms apart in whole ms: a difference of 5 bits
//	5-16 values    0.55  4-bit codes: service, method, status, region
//	60 countries   1.1   8-bit codes
//	200 endpoints  1.2   8-bit codes, and the entries
//	500 hosts      2.3   16-bit codes, and the entries
//	sample_rate    0.3   2-bit codes
//	bytes          2.2   15 bits, some patched
//	duration_ms    2.6   alp: 18 bits, some patched
//	error, 3% set  0.15  base (null), codes of 8 bits
//	tags, 0-4      2.5   3-bit lengths, 8-bit codes
//	user_id        2.6   affix: 20 bits
//	trace_id      16.1   hexid: 16 bytes
//	message       10.2   template: 14 of them, 5 variables of 70 bits on average
//	all           43.5
//
// # Who owns what
//
// A Batch copies what it is given, but for what is lent, and belongs to one goroutine at a time.
// AppendBlock reads its batch and keeps nothing of it. Block and Column are safe
// for concurrent use and point into the bytes given to OpenBlock: in a store,
// into mapped memory, so they and every slice they hand out (Codes, EntryText,
// Valid, Sparse, what Ints, Floats, Text and Lists return) must not be used after
// the pin of the view is released. Buffers passed in (buf, TextBuf, ListBuf)
// belong to the caller and may hold the result until the next call with them.
// Slices that are handed out are read only. Entry and ValueAt return Values that
// own their memory. Shelves keep scratch memory only: one encoder a processor at most.
//
// # Goroutines
//
// Blocks start none.
//
// # Versions
//
// Version 2 adds the encodings alp, affix, hexid, template and base, version 3 the
// fronts of dictionaries in the head. A block without them is still written as version
// 1 or 2, which readers take as well. A reader refuses a
// version, a type, an encoding or a flag that it does not know, so each of them may
// be added with a new version. The layout of directories (superblock.go) is raised
// with the version, before the first block of it is written, so that an older
// program refuses the directory and not every block of it.
package storage
