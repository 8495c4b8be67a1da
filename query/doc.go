// Package query says what a query means: its language, its plan, its partial
// results and how they merge. It is pure: no network, no clock, no files, no
// goroutines. What runs a plan over blocks is package query/exec; what answers
// slowly and surely is package query/oracle.
//
// One query's way:
//
//		text ──Parse──> Statement ──Bind──> Plan ──(exec)──> Partial ──Merge──> Partial ──Finalise──> Result
//		lex.go          ast*.go     bind*.go        plan.go           merge*.go          finalise*.go
//		parse*.go                   bound.go        partial.go
//
//	  - Parse reads one text into a tree of which every node has its place. It
//	    knows the whole grammar, also of what the binder then refuses as not there
//	    yet. Print writes a tree so that it parses to the same again.
//	  - Bind resolves a *Select against a Schema, the types of a table's columns
//	    over the whole cluster. Query.Plan does both, so that every node makes the
//	    identical Plan of the same Query.
//	  - A Plan has its expressions as Bound trees: columns, keys and aggregates by
//	    number, every node with its static type, constants folded. In a plan of
//	    groups, keys and arguments of aggregates are over columns; outputs, HAVING
//	    and order are over keys and aggregates.
//	  - An aggregate's State holds all groups, in columns. exec feeds the concrete
//	    types; Merge folds states of the same Agg; Columns and DecodeState are
//	    their form on the wire, where nothing is trusted.
//	  - Finalise orders, cuts and names; only what is shown is computed.
//
// Values. A column gives its values in the types they are stored in; ClusterType
// is the one type it is compared, grouped, ordered and returned as. Contexts,
// casts and comparison stand in eval.go, cast*.go and compare.go.
//
// A literal that is compared with a column takes the column's type when it is
// bound. If it does not read as that type the comparison is false, with a
// warning: `status = 'abc'` finds nothing, `NOT status = 'abc'` everything.
//
// Ownership. Plan, Bound, Function and Matcher are immutable and shared by all
// workers. A Partial belongs to whoever holds it; Merge may take over what its
// inputs hold. A Result shares nothing with the plan, but may share columns with
// the Partial it was made of.
//
// Texts, Partials from other nodes and patterns come from strangers: lengths,
// depths and counts have limits (limits*.go), and errors say which.
package query
