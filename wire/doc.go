// Package wire carries batches, queries and partials between processes.
package wire
