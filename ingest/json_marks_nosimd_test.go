//go:build !goexperiment.simd || !amd64

package ingest

// markKernels is the kernels that this build has.
func markKernels() map[string]func([]uint64, []byte) {
	return map[string]func([]uint64, []byte){"chosen": markSpecial, "plain": markSpecialPlain}
}
