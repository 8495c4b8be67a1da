//go:build !(goexperiment.simd && amd64)

package query

// index returns where the literal first is in text, or -1.
func (l *soughtText) index(text []byte) int { return l.indexPlain(text) }
