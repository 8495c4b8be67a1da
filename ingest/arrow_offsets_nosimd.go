//go:build !goexperiment.simd || !amd64

package ingest

func widestStep(offsets []byte) (most uint32, ascend bool) { return widestStepPlain(offsets) }
