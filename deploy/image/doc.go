// Package image builds kelp's container image from the static binary, without a
// container runtime: `make image` writes bin/kelp-image.tar for `docker load`,
// `podman load` or `skopeo copy oci-archive:bin/kelp-image.tar ...`.
//
// # What is in it
//
//	/kelp           the binary: there is no shell, no library, no other file
//	/var/lib/kelp   the data directory, of user 65532
//	/mnt/kelp       for a volume in memory, of user 65532
//
// It runs as user 65532 and writes nowhere else, so its root may be read-only.
//
// # The archive
//
// A tar of an OCI image layout: oci-layout, index.json, and blobs by their SHA-256:
// one layer (a gzipped tar), the configuration, the manifest. The same binary gives
// the same bytes: all times are zero, the order is fixed.
//
// The package starts no goroutine.
package image
