// Package e2e starts the built binary as its users do and holds it to what it
// promises: real processes, real signals, real files.
//
// The binary is bin/kelp, or what KELP_BIN names; `make test` builds it first.
// Every test takes free ports on loopback and directories of its own: memory
// below /dev/shm/kelp-test-PID, data below the test's temporary directory.
//
// The crash torture (torture_*_test.go) needs bin/kelp-failpoint beside it: the
// same program with the tag `failpoint`, which kills itself where it is told to
// (storage/failpoint.go). `make test` runs a short form, `make torture` the long.
package e2e
