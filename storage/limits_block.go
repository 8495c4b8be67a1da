package storage

const (
	// tailBytes of zeros end every block, and every column of a rich one, so
	// that a vector load of 64 bytes may begin at any byte of a column.
	tailBytes = 64

	// BlockBytesMax bounds an encoded block, as its offsets have 32 bits and
	// are added without fear of overflow.
	BlockBytesMax = 1 << 30

	// BlockTextMax bounds the text of all rows of a block before encoding, so
	// that decoding one column cannot ask for more memory than that.
	BlockTextMax = 256 << 20

	// BlockItemsMax bounds the items of all lists of one column of a block.
	BlockItemsMax = 1 << 24

	// histBucketsMax bounds what a block adds to an edit: 64 buckets are 1 KiB.
	// A bucket takes 100 bytes of heap in the leaf and 50 in the aggregator, so a
	// small block has one for histBucketRows rows, which take some 2 KB themselves,
	// but a few in any case: how much of an answer is missing shows by them, and
	// all times there are fit seven of the widest.
	histBucketsMax = 64
	histBucketsMin = 8
	histBucketRows = 32

	// inlineBytesMax is the longest column kept in the head of its block. Such
	// a column has no checksum and no alignment to pay for.
	inlineBytesMax = 64

	// frontBytesMax is the longest front of a dictionary that lies in the head: 60
	// countries with their counts, and not 200 endpoints, so that the head of a block of
	// the reference workload is read at once. frontCodesMin is the fewest bytes of codes
	// that are worth to be kept apart from it.
	frontBytesMax = 768
	frontCodesMin = 512

	// frontsBytesMax is how many bytes of fronts a head has at most, those of 40 columns
	// or more: a head is read and checked as a whole, and of thousands of columns a
	// question wants a few. Those that find no room stay with their codes.
	frontsBytesMax = 32 << 10

	// peekHeadBytes is what is read of a block at the first look: the head of some 30
	// columns, with the fronts of a dozen. A longer one is looked at where it lies.
	peekHeadBytes = 4 << 10

	// bodyNearBytes is how long a body may be whose columns lie in order of name:
	// with its head it takes no more than the 64 KiB that Linux maps by one fault, so
	// the order makes no difference.
	bodyNearBytes = 48 << 10

	// countedEntriesMax is the largest dictionary that keeps rows and weights
	// of each entry: its codes fit a byte, and at 12 bytes an entry it costs
	// under 0.05 bytes a row of a full block.
	countedEntriesMax = 256

	// statsRowsMin is the least number of rows that statistics are kept for:
	// below it, 24 bytes are more than a look at the values costs.
	statsRowsMin = 64

	// dictEntriesMax is the most codes of a dictionary, null included.
	dictEntriesMax = 1 << 16
)
