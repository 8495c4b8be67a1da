package query

// Limits of the language. Each bounds what one text may make a node do.
const (
	// queryBytesMax is the longest text: an IN list of 10,000 quoted ids fits.
	queryBytesMax = 1 << 20

	// exprDepthMax bounds how deep expressions nest, and so the stack that
	// walking them takes.
	exprDepthMax = 1_000

	// nearNameRunesMax is the longest name for which a near one is sought:
	// the search takes the product of the lengths.
	nearNameRunesMax = 64

	// monthsMax bounds a duration in months to what nanoseconds in int64 reach.
	monthsMax = 292 * 12

	// outputsMax bounds what is selected, and keysMax, orderTermsMax and aggsMax
	// the other lists: finding equal expressions compares them pairwise.
	outputsMax    = 20_000
	keysMax       = 100
	orderTermsMax = 1_000
	aggsMax       = 5_000

	// derivedMax bounds the columns of WITH, and derivedNodesMax how large one may
	// be with those it is derived from written out: it is evaluated row by row.
	derivedMax      = 100
	derivedNodesMax = 10_000

	// correctionsMax is how many mistakes of one text are corrected together, and
	// correctedBytesMax how long a corrected query is shown.
	correctionsMax    = 5
	correctedBytesMax = 1000

	// planWarningsMax bounds the warnings of one plan; for as many unknown names
	// a near one is sought.
	planWarningsMax = 50

	// tableNameBytesMax is the longest name of a table.
	tableNameBytesMax = 128

	// limitRowsDefault is the LIMIT of a query that names none.
	limitRowsDefault = 100_000

	// timeAutoBucketsMax is how many buckets time(auto) makes at most: about
	// as many as a chart can show.
	timeAutoBucketsMax = 300
)
