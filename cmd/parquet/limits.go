package parquet

const (
	// PartRows is what the server encodes as one full block.
	PartRows = 65_536

	// partBytesDefault is the size of an Arrow stream, like that of other bodies.
	partBytesDefault = 16 << 20

	// batchRowsMax and batchRowsMin bound the rows of a record batch, batchCells
	// its values: what is decoded at a time stays small for a thousand columns,
	// too.
	batchRowsMax = 8_192
	batchRowsMin = 64
	batchCells   = 1 << 20

	// batchBytesMax is the text of a record batch; more makes it shorter.
	batchBytesMax = 8 << 20

	// rowBytesMax is the text of one row. The server takes a message of 128 MiB.
	rowBytesMax = 64 << 20

	// valueBytesMax is one more than the server takes as a value. A longer one is
	// cut to this, so that the server rejects its row, and memory stays bounded.
	valueBytesMax = 1<<20 + 1

	// rowItemsMax is how many items of lists are kept of one row: with more its
	// JSON text is longer than a value may be, and the server rejects the row.
	rowItemsMax = 1 << 20

	// footerBytesMax bounds the footer: 10,000 columns in 500 row groups with
	// statistics take about as much.
	footerBytesMax = 512 << 20

	// schemaNodesMax and depthMax bound the schema; the server takes 4,096
	// columns, and nothing nested deeper than 32.
	schemaNodesMax = 65_536
	depthMax       = 32

	// headBytes is read to find a page's header, headBytesMax when it brings
	// long statistics.
	headBytes    = 512
	headBytesMax = 16 << 20

	// pageBytesMax bounds a page, packed and unpacked. The largest that a common
	// writer makes (DuckDB) has 100 MB.
	pageBytesMax = 256 << 20

	// heldBytesMax bounds the pages and dictionaries of all columns that are
	// unpacked at one time.
	heldBytesMax = 1 << 30

	// deltaLengthsMax bounds the texts of one page that stores all their lengths
	// in front.
	deltaLengthsMax = 1 << 24

	// deltaBlockMax bounds the values of a block of differences; writers use 128.
	deltaBlockMax = 1 << 16

	// cursorEntries are decoded at once of a leaf within lists.
	cursorEntries = 1_024

	// deltaStep is how many texts that share prefixes are put together before
	// their bytes are counted again.
	deltaStep = 16

	// snappyRatio, lz4Ratio and gzipRatio are the most that a byte of these
	// formats can stand for; what claims more is damaged.
	snappyRatio = 22
	lz4Ratio    = 256
	gzipRatio   = 1_040

	// unpackStep is how far the size of what is unpacked is trusted in advance.
	unpackStep = 1 << 20
)
