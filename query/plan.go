package query

import "github.com/kelpdb/kelp/storage"

// Plan is a bound SELECT: names resolved to columns with types, aggregates
// taken out of expressions, the time range known. It is immutable and shared
// by all workers.
type Plan struct {
	Table   string
	Range   Range
	Columns []ColumnRef // every column read; Bound.Index of OpColumn points here
	Filter  *Bound      // over columns; nil: all rows. Conditions on time stay in it
	Grouped bool        // groups (or one group) come out; else rows

	// Grouped: one state per Agg and group. Without Keys there is one group, always.
	Keys []Key
	Aggs []Agg
	// Sets: each row goes to one group of each set, by the keys of the set; its other
	// keys are null. The last key is the number of the set then. nil: one set of all keys.
	Sets [][]int

	// What comes out, over keys and aggregates (Grouped) or over columns (rows).
	Outputs []Output
	Having  *Bound
	Order   []OrderTerm // complete: the tie columns are appended, so the order is total
	Limit   Limit

	// Closed: the last instant of the range was written (LAST, time <= t, BETWEEN
	// in WHERE); Range.To is one ns past it, and the length one less than To-From.
	Closed bool
	// Last: the range is LAST, which ends now: rows at Range.To and later are
	// counted in Partial.Later.
	Last bool

	Compare *Compared // COMPARE; nil: none
	Sample  *Sampled  // SAMPLE; nil: all rows are read
	Within  int64     // WITHIN: ns that the answer may take; 0: as the request says
	Zone    string    // the time zone of the query where it is not UTC
	Fill    bool      // FILL: time buckets without rows come out too

	Raw      bool     // aggregates count stored rows, sample_rate is not looked at
	Weighted bool     // some aggregate weighs, Raw is not set, and the table has a sample_rate column
	Warnings []string // found while binding
}

// Range is a half-open interval of time, in ns since 1970.
type Range struct {
	From, To int64 // math.MinInt64 and math.MaxInt64 where open
}

// ColumnRef is a column a plan reads.
type ColumnRef struct {
	Name  string
	Type  storage.Type    // ClusterType of Types
	Types storage.TypeSet // empty: no row has it
}

// Key is one GROUP BY expression, over columns.
type Key struct {
	Expr *Bound
	Type storage.Type
	Name string
	// TimeBucket: the key is a bucket of the column time: floor((time-Origin)/Width)*Width+Origin+Shift.
	// Width 0: not a bucket, or one of uneven width (months).
	TimeBucket bool
	Width      int64 // ns
	Origin     int64 // ns
	Shift      int64 // ns added to the bucket: COMPARE moves those of the past forward
	buckets    bucketer
}

// AggKind names what an aggregate computes.
type AggKind uint8

const (
	AggCount      AggKind = iota // weight of the rows that pass (Arg nil: all; else where Arg is not null)
	AggHits                      // stored rows that pass, never weighed
	AggSum                       // weighed
	AggAvg                       // weighed
	AggVariance                  // weighed, sample
	AggStddev                    // weighed, sample
	AggPercentile                // weighed; Param in [0, 1]
	AggMin                       // of any type but list
	AggMax
	AggFirst // by time; ties to the smaller value
	AggLast
	AggAny  // the smallest
	AggUniq // HyperLogLog
	AggUniqExact
	AggArgMin // the value where By is smallest; ties to the smaller value
	AggArgMax
	AggHistogram // weighed; Param: bins
	AggTopK      // weighed; Param: k
)

// Agg is one aggregate to compute per group.
type Agg struct {
	Kind   AggKind
	Arg    *Bound       // over columns; nil for count() and hits()
	Filter *Bound       // over columns: FILTER (WHERE ...), count_if; nil: all rows
	By     *Bound       // AggArgMin, AggArgMax: what the row is chosen by
	Param  float64      // AggPercentile: the share p; AggHistogram: the bins; AggTopK: k
	Type   storage.Type // of the result
}

// Output is one column of the result.
type Output struct {
	Name   string
	Type   storage.Type
	Expr   *Bound
	Hidden bool // only to order by; not shown
}

// OrderTerm is one ORDER BY term over an output.
type OrderTerm struct {
	Output     int // index into Outputs
	Desc       bool
	NullsFirst bool
	Digits12   bool // a float aggregate: compare 12 digits
}

// Limit says what of the ordered outputs is kept.
type Limit struct {
	N         int64 // -1: all
	Offset    int64
	Explicit  bool  // LIMIT was written; else N is the default and cutting sets Truncated
	WithOther bool  // of LIMIT n BY if there is one
	ByN       int64 // LIMIT n BY: 0 if absent
	By        []int // outputs of LIMIT n BY
	ByKeys    []int // LIMIT n BY WITH OTHER: the keys that they are
}
