package query

import "github.com/kelpdb/kelp/storage"

// Op is what a Bound node does. Comparison and logic are three-valued: null is
// unknown. The rules of contexts, casts and comparisons stand in eval.go.
type Op uint8

const (
	OpConst  Op = iota // Const
	OpColumn           // row value of Plan.Columns[Index], in its stored type
	OpKey              // value of Plan.Keys[Index]
	OpAgg              // result of Plan.Aggs[Index]
	OpRate             // Args[0] divided by the seconds of the time bucket, else of the range

	OpAnd // any number of Args
	OpOr
	OpNot
	OpIsNull
	OpIsNotNull

	OpEq // Args[0], Args[1]
	OpNe
	OpLt
	OpLe
	OpGt
	OpGe
	OpIn      // Args[0] in the constants of Set
	OpBetween // Args[0] between Args[1] and Args[2], inclusive
	OpLike    // Args[0]; Match
	OpRegex   // Args[0]; Match

	OpHasAny // Args[0] a list; Set: the items
	OpHasAll
	OpHasNone
	OpIndex // Args[0][Args[1]]
	// OpUnnest: each item of the list Args[0]. It stands in keys only, and exec puts
	// an item in its place.
	OpUnnest
	// OpGroupingSet: the number of the grouping set. It stands in keys only.
	OpGroupingSet

	OpAdd
	OpSub
	OpMul
	OpDiv
	OpMod
	OpNeg
	OpConcat

	OpCast // Args[0] to Type
	OpCase // Args: when, then, when, then, ..., [else]
	OpCall // Func over Args

	// OpDraw: the number that a row has drawn for SAMPLE. It is an output of its
	// own, and exec puts the numbers in its place.
	OpDraw

	OpChange // COMPARE: (Args[0] - Args[1]) / |Args[1]|
)

// Bound is an expression after binding. Type is the static type of its result;
// TypeNull if it is always null. It is immutable and used concurrently.
type Bound struct {
	Op    Op
	Type  storage.Type
	Args  []*Bound
	Const storage.Value
	Index int
	Set   []storage.Value // OpIn, OpHas*: constants, without nulls; OpIn: sorted by Order
	// SetNull: the IN list had a null, so a miss is unknown.
	SetNull bool
	Match   *Matcher  // OpLike, OpRegex: a constant pattern
	Func    *Function // OpCall
	Pos     Pos
	// computed: an OpConst that columns are written in, such as x = 'no number'
	// where x is an int64: a value that turned out to be constant, no literal.
	computed bool
}

// Row gives a Bound its inputs. Each context implements the method it needs and
// panics with "BUG:" in the others.
type Row interface {
	Column(i int) storage.Value
	Key(i int) storage.Value
	Agg(i int) storage.Value
}

// Pos is a place in the query text, both from 1, columns in code points.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}
