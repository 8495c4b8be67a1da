//go:build !goexperiment.simd || !amd64

package storage

func packHexDigits(dst, text []byte, upper bool) bool { return packHexDigitsPlain(dst, text, upper) }
