package query

// Limits of states and results. Each bounds what one query may hold or say.
const (
	// warningsMax is how many warnings an answer carries: more are not read.
	warningsMax = 20

	// uniqExactBytesMax is what the sets of one count(distinct) are worth, over
	// all groups, before it becomes uniq: some millions of short texts.
	uniqExactBytesMax = 64 << 20

	// fillGroupsMax is how many groups there may be with those that FILL adds: a
	// hundred for every pixel of a wide chart.
	fillGroupsMax = 500_000

	// textBytesMax is the longest text that replace and regexp_replace make,
	// which could else multiply their input by itself.
	textBytesMax = 16 << 20

	// jsonPathStepsMax bounds a path of json_extract; ingest takes no deeper JSON.
	jsonPathStepsMax = 32
)

// Limits of topk.
const (
	// topkMax is the largest k: more is an answer for GROUP BY.
	topkMax = 1000
	// topkBytesMax is what the counts of one topk hold, over all groups, before
	// each group is cut to its best: some millions of short texts.
	topkBytesMax = 64 << 20
	// topkKeptMin and topkKeptPerK say how many counts a group keeps then.
	topkKeptMin  = 1000
	topkKeptPerK = 10
	// What a value costs: its place in a map and a slice; a text beside its bytes.
	topkWordBytes = 32
	topkTextBytes = 64
)

// UnnestItemsMax is how many items of a list UNNEST takes: each position is a
// pass over the block, and finds its item anew.
const UnnestItemsMax = 1000

// histogramBinsDefault is how many parts histogram(x) has at most: they fit on a
// line of a screen. histogramBinsMax is the most that can be asked for.
const (
	histogramBinsDefault = 20
	histogramBinsMax     = 1000
)
