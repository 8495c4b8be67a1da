package query

// Limits of states and results. Each bounds what one query may hold or say.
const (
	// warningsMax is how many warnings an answer carries: more are not read.
	warningsMax = 20

	// uniqExactBytesMax is what the sets of one count(distinct) are worth, over
	// all groups, before it becomes uniq: some millions of short texts.
	uniqExactBytesMax = 64 << 20

	// textBytesMax is the longest text that replace and regexp_replace make,
	// which could else multiply their input by itself.
	textBytesMax = 16 << 20

	// jsonPathStepsMax bounds a path of json_extract; ingest takes no deeper JSON.
	jsonPathStepsMax = 32
)
