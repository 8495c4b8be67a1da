package storage

// Limits of the format. Each is a promise to readers of blocks, or a bound on
// what one request may make the process hold.
const (
	// RowsPerBlockMax is the most rows a block holds: row numbers fit 16 bits
	// and a selection bitmap is 8 KiB, a quarter of an L1 cache.
	RowsPerBlockMax = 65_536

	// ColumnsPerRowMax bounds the names of one row.
	ColumnsPerRowMax = 4_096

	// ColumnsPerBlockMax bounds a block's directory: a chunk whose rows have
	// more columns between them is cut into several blocks.
	ColumnsPerBlockMax = 16_384

	// ValueBytesMax is the longest text value.
	ValueBytesMax = 1 << 20

	// ColumnNameBytesMax is the longest name of a column; its length is a byte
	// pair in the block.
	ColumnNameBytesMax = 1_024

	// ListItemsMax is the most items of one list.
	ListItemsMax = 65_535
)
