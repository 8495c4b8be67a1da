package ingest

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestWidestStep: the kernels find the widest step, and one that falls, wherever it is.
func TestWidestStep(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 47))
	for n := range 60 {
		for falls := -1; falls < n; falls++ {
			offsets := []byte{7: 0} // they begin anywhere
			at, most := 1+rng.Uint32N(1<<20), uint32(0)
			offsets = binary.LittleEndian.AppendUint32(offsets[:rng.IntN(8)], at)
			odd := len(offsets) - 4
			for i := range n {
				step := rng.Uint32N(1 << rng.IntN(26))
				if at, most = at+step, max(most, step); i == falls {
					at = rng.Uint32N(at - step)
				}
				offsets = binary.LittleEndian.AppendUint32(offsets, at)
			}
			for name, f := range map[string]func([]byte) (uint32, bool){"plain": widestStepPlain, "": widestStep} {
				got, ascend := f(offsets[odd:])
				if ascend != (falls < 0) || ascend && got != most {
					t.Fatalf("seed %d: %s steps of %d offsets: %d, ascending %t; want %d, and step %d falls", seed, name, n+1, got, ascend, most, falls)
				}
			}
		}
	}
}

func BenchmarkWidestStep(b *testing.B) {
	offsets := make([]byte, 4*65_536)
	b.SetBytes(int64(len(offsets)))
	for b.Loop() {
		widestStep(offsets)
	}
}
