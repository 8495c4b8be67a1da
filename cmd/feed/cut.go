package feed

import "bytes"

// A cutter finds whole rows. It is given the same bytes again, with more behind
// them, until it takes them; what it took it never sees again. So it may keep
// how far it has looked.
type cutter interface {
	// cut returns the length of the whole rows at the start of buf, 0 if there
	// is none. With final, nothing will follow.
	cut(buf []byte, final bool) int
	// prefix returns what every body must start with.
	prefix() []byte
	// suffix returns what every body must end with.
	suffix() []byte
}

// plain is for cutters whose bodies need nothing around them.
type plain struct{}

func (plain) prefix() []byte { return nil }
func (plain) suffix() []byte { return nil }

// lineCutter cuts behind newlines.
type lineCutter struct{ plain }

func (lineCutter) cut(buf []byte, final bool) int {
	if final {
		return len(buf)
	}
	return bytes.LastIndexByte(buf, '\n') + 1
}
