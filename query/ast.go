package query

import "github.com/kelpdb/kelp/storage"

// Statement is what one text asks for: *Select, *Explain, *ExplainChange,
// *ShowTables or *Describe.
type Statement interface {
	statement()
}

// Select is a SELECT as written. Clauses that are absent are nil or empty.
type Select struct {
	Pos       Pos
	FromFirst bool // begun with FROM: grouping expressions that are not selected come out too, first
	With      []WithItem
	Items     []SelectItem
	Table     string
	TablePos  Pos
	Range     *RangeClause
	Where     Expr
	GroupBy   []GroupItem
	Sets      [][]int // GROUPING SETS: of which of GroupBy each set is; nil: GroupBy is the only one
	GroupAll  bool
	Having    Expr
	OrderBy   []OrderItem
	LimitBy   *LimitByClause
	Limit     *LimitClause
	Offset    int64
	Compare   *Duration
	Sample    *SampleClause
	Within    *Duration
	Fill      bool
	FillPos   Pos
	Raw       bool
	Zone      *Literal // TIMEZONE
}

// WithItem is one derived column: WITH name AS expr.
type WithItem struct {
	Pos  Pos
	Name string
	Expr Expr
}

// SelectItem is one thing selected. Text is its source with spaces normalised.
type SelectItem struct {
	Pos   Pos
	Star  bool // SELECT *; the rest is empty
	Expr  Expr
	Alias string // "": none
	Text  string
}

// GroupItem is one GROUP BY expression.
type GroupItem struct {
	Expr Expr
	Text string
}

// RangeKind says how a range is written.
type RangeKind uint8

// The ways to write a range.
const (
	RangeLast    RangeKind = iota // LAST Last
	RangeSince                    // [SINCE From] [UNTIL To]
	RangeBetween                  // BETWEEN From AND To
)

// RangeClause is the time range after the table.
type RangeClause struct {
	Pos      Pos
	Kind     RangeKind
	Last     *Duration
	From, To Expr // nil where not written
}

// NullsOrder says where nulls are sorted.
type NullsOrder uint8

// Places of nulls in an order.
const (
	NullsDefault NullsOrder = iota // last
	NullsFirst
	NullsLast
)

// OrderItem is one ORDER BY term.
type OrderItem struct {
	Expr  Expr
	Desc  bool
	Nulls NullsOrder
	Text  string
}

// LimitByClause is LIMIT N BY Exprs.
type LimitByClause struct {
	Pos   Pos
	N     int64
	Exprs []GroupItem
	Other bool
}

// LimitClause is LIMIT N; N is -1 for LIMIT ALL.
type LimitClause struct {
	Pos   Pos
	N     int64
	Other bool
}

// SampleClause is SAMPLE Rows ROWS.
type SampleClause struct {
	Pos  Pos
	Rows int64
}

// Explain asks for the plan of a SELECT.
type Explain struct {
	Pos    Pos
	Select *Select
}

// ExplainChange is EXPLAIN CHANGE OF agg FROM t ... COMPARE d BY columns.
type ExplainChange struct {
	Pos      Pos
	Agg      Expr
	Table    string
	TablePos Pos
	Range    *RangeClause
	Where    Expr
	Compare  *Duration
	All      bool // BY *
	By       []Expr
}

// ShowTables is SHOW TABLES.
type ShowTables struct {
	Pos Pos
}

// Describe is DESCRIBE table.
type Describe struct {
	Pos      Pos
	Table    string
	TablePos Pos
}

func (*Select) statement()        {}
func (*Explain) statement()       {}
func (*ExplainChange) statement() {}
func (*ShowTables) statement()    {}
func (*Describe) statement()      {}

// Expr is a node of an expression. Its Position is that of its first token,
// of an operator between two operands that of the operator.
type Expr interface {
	Position() Pos
}

// Literal is a number, text, bool or null.
type Literal struct {
	Pos   Pos
	Value storage.Value
}

// Duration is a length of time: 15m, 3mo or INTERVAL '1 hour'. Months have no
// fixed length and are kept apart.
type Duration struct {
	Pos    Pos
	Months int64
	Ns     int64
}

// Name is a column or an alias.
type Name struct {
	Pos  Pos
	Name string
}

// Unary is -X or NOT X.
type Unary struct {
	Pos Pos
	Op  UnaryOp
	X   Expr
}

// UnaryOp is the operator of a Unary.
type UnaryOp uint8

// Operators before one operand.
const (
	UnaryNeg UnaryOp = iota
	UnaryNot
)

// Logic is two or more operands joined by AND, or by OR.
type Logic struct {
	Pos  Pos
	Or   bool
	Args []Expr
}

// BinaryOp is the operator of a Binary.
type BinaryOp uint8

// Operators between two operands.
const (
	BinaryEq BinaryOp = iota
	BinaryNe
	BinaryLt
	BinaryLe
	BinaryGt
	BinaryGe
	BinaryAdd
	BinarySub
	BinaryMul
	BinaryDiv
	BinaryMod
	BinaryConcat
)

var binaryOpTexts = [...]string{"=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "||"}

func (op BinaryOp) String() string { return binaryOpTexts[op] }

// IsComparison tells = != < <= > >= from arithmetic.
func (op BinaryOp) IsComparison() bool { return op <= BinaryGe }

// Binary is X Op Y.
type Binary struct {
	Pos  Pos
	Op   BinaryOp
	X, Y Expr
}

// IsNull is X IS [NOT] NULL.
type IsNull struct {
	Pos Pos
	X   Expr
	Not bool
}

// In is X [NOT] IN (List).
type In struct {
	Pos  Pos
	X    Expr
	List []Expr
	Not  bool
}

// Between is X [NOT] BETWEEN From AND To.
type Between struct {
	Pos      Pos
	X        Expr
	From, To Expr
	Not      bool
}

// Like is X [NOT] LIKE Pattern [ESCAPE Escape]; Fold for ILIKE.
type Like struct {
	Pos     Pos
	X       Expr
	Pattern Expr
	Escape  Expr // nil: backslash
	Fold    bool
	Not     bool
}

// Regex is X ~ Pattern and its kin.
type Regex struct {
	Pos     Pos
	X       Expr
	Pattern Expr
	Fold    bool
	Not     bool
}

// HasKind says which items a list must have.
type HasKind uint8

// Kinds of HAS.
const (
	HasItem HasKind = iota // HAS 'a'
	HasAny
	HasAll
	HasNone
)

// Has is X HAS 'a', X HAS ANY ('a', 'b') and so on.
type Has struct {
	Pos   Pos
	X     Expr
	Kind  HasKind
	Items []Expr
}

// Index is X[At], from 1.
type Index struct {
	Pos Pos
	X   Expr
	At  Expr
}

// CastExpr is CAST(X AS Type) or X::Type.
type CastExpr struct {
	Pos  Pos
	X    Expr
	Type storage.Type
}

// When is one branch of a Case.
type When struct {
	Cond Expr // a condition, or with an operand the value it is compared with
	Then Expr
}

// Case is CASE [Operand] WHEN ... THEN ... [ELSE Else] END.
type Case struct {
	Pos     Pos
	Operand Expr // nil: each When is a condition
	Whens   []When
	Else    Expr // nil: null
}

// Call is a function or aggregate. Name is in lower case.
type Call struct {
	Pos      Pos
	Name     string
	Args     []Expr
	Star     bool // count(*)
	Distinct bool // count(distinct x)
	Filter   Expr // FILTER (WHERE ...)
}

// Extract is extract(Field from X[, Zone]). Field is in lower case.
type Extract struct {
	Pos   Pos
	Field string
	X     Expr
	Zone  Expr // nil: the query's
}

// Position of each node.
func (e *Literal) Position() Pos  { return e.Pos }
func (e *Duration) Position() Pos { return e.Pos }
func (e *Name) Position() Pos     { return e.Pos }
func (e *Unary) Position() Pos    { return e.Pos }
func (e *Logic) Position() Pos    { return e.Pos }
func (e *Binary) Position() Pos   { return e.Pos }
func (e *IsNull) Position() Pos   { return e.Pos }
func (e *In) Position() Pos       { return e.Pos }
func (e *Between) Position() Pos  { return e.Pos }
func (e *Like) Position() Pos     { return e.Pos }
func (e *Regex) Position() Pos    { return e.Pos }
func (e *Has) Position() Pos      { return e.Pos }
func (e *Index) Position() Pos    { return e.Pos }
func (e *CastExpr) Position() Pos { return e.Pos }
func (e *Case) Position() Pos     { return e.Pos }
func (e *Call) Position() Pos     { return e.Pos }
func (e *Extract) Position() Pos  { return e.Pos }
