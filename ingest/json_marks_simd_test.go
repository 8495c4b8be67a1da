//go:build goexperiment.simd && amd64

package ingest

import "simd/archsimd"

// markKernels is the kernels that this processor can run.
func markKernels() map[string]func([]uint64, []byte) {
	kernels := map[string]func([]uint64, []byte){"chosen": markSpecial, "plain": markSpecialPlain}
	if archsimd.X86.AVX512() {
		kernels["AVX-512"] = markSpecial64
	}
	if archsimd.X86.AVX2() {
		kernels["AVX2"] = markSpecial32
	}
	return kernels
}
