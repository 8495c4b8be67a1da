// Package deploy holds the files that run kelp under systemd, Compose and
// Kubernetes, and the recipe of its container image. `kelp print` prints the same
// bytes, so a binary alone is enough to install itself.
//
// # Nouns
//
// A Kind is a way to run kelp; its files stand in a folder of that name. A File is
// one of them.
//
// # What they all see to
//
// Blocks lie in memory that is not the process's, so each kind gives that memory a
// life longer than the process's, and says where it ends:
//
//	systemd   a tmpfs of its own, until it is unmounted or the machine stops
//	compose   a directory of the host's /dev/shm, until the machine stops
//	k8s       a memory-backed emptyDir, until the pod goes: a container that ends keeps it
//
// What ends with the memory is read again from the data directory.
//
// A server without tokens takes no address but loopback, so none of the files opens
// a port to others. SIGTERM drains: the time that each kind gives it is longer than
// a server may take (a test of cmd/kelp holds them together).
//
// The package starts no goroutine; the bytes it hands out are the caller's own.
package deploy
