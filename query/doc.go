// Package query says what a query means: its language, its plan, its partial
// results and how they merge. It is pure: no network, no clock, no files.
package query
