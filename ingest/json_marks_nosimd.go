//go:build !goexperiment.simd || !amd64

package ingest

func markSpecial(dst []uint64, text []byte) { markSpecialPlain(dst, text) }
