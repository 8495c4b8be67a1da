//go:build goexperiment.simd && amd64

package ingest

import (
	"simd/archsimd"
	"unsafe"
)

// widestStep is widestStepPlain, for processors with AVX2 eight offsets at a time.
func widestStep(offsets []byte) (most uint32, ascend bool) {
	done, steps := 0, len(offsets)/4-1
	ascend = true
	if archsimd.X86.AVX2() {
		at := unsafe.Pointer(unsafe.SliceData(offsets))
		widest, falls := archsimd.BroadcastUint32x8(0), archsimd.BroadcastUint32x8(0)
		for ; done+8 <= steps; done += 8 {
			from := archsimd.LoadUint32x8((*[8]uint32)(unsafe.Add(at, 4*done)))
			to := archsimd.LoadUint32x8((*[8]uint32)(unsafe.Add(at, 4*done+4)))
			widest = widest.Max(to.Sub(from))
			falls = falls.Or(from.Max(to).Xor(to))
		}
		var lanes [8]uint32
		widest.Store(&lanes)
		for _, step := range lanes {
			most = max(most, step)
		}
		ascend = falls.IsZero()
	}
	rest, restAscends := widestStepPlain(offsets[4*done:])
	return max(most, rest), ascend && restAscends
}
