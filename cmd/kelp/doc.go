// Command kelp is the whole database in one binary: servers, clients and tools
// are its subcommands.
//
// Each subcommand is one file with one struct: its fields are the flags and
// arguments, its Run method does the work with the console it is given. The
// struct is registered by one line of the type commands in main.go. Every flag
// is also an environment variable, KELP_<FLAG>.
//
// run is all of main but the signals and the exit status, so a test can start
// any number of subcommands in one process. A subcommand starts its goroutines
// itself, and has waited for them when Run returns; the console's context ends
// at SIGINT and SIGTERM.
//
// main alone sets the pace of the collector, which is the process's (heap.go).
//
// Errors: run returns them, main prints them once. exitStatus turns them into
// 0 ok, 1 failed, 2 wrong usage, 3 answered but incomplete with --strict.
package main
