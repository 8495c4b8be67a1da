// Package clienttest is a server for tests of clients: it keeps the rows it is
// sent in a map and gives the answers it was told to give, in the shapes of the
// public contract. It can fail on command, before or after it kept a batch.
//
// The server runs on goroutines of net/http and ends with the test.
package clienttest
