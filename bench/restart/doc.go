// Package restart measures how long kelp takes from the start of its program to
// the last byte of two answers, over a table that merges have not caught up with.
//
// A run makes the table once and keeps it as it lay after SIGTERM and after
// kill -9 (fill.go). Every start gets a copy of its own of one of the two
// (files.go), so that all starts find the same, whatever merges did in the one
// before, and begins when the copy is written (rest.go). A start is measured from
// outside (start.go): one clock, from before the program is started to the last byte
// that came back over a plain TCP connection; the line that says that kelp is ready
// is waited for on its pipe.
//
// What is timed:
//
//	ready     the program says where it listens
//	Q2        count by service, all rows, asked as soon as it is ready
//	Q5        count and p95 per 5 minutes, one country and service, of the last
//	          hour, asked as soon as Q2 is there
//
// An answer that is not complete, or not the one from before, fails the run.
// Processor time is that of all threads of the process up to then.
//
// The package starts no goroutines of its own but one per process, which waits
// for it. Run leaves nothing behind but the tables it is told to keep: 40 million rows
// take minutes to make, and a later run takes them from there.
package restart
