package exec

import (
	"slices"
	"unsafe"

	"github.com/kelpdb/kelp/storage"
)

// A scratch is the memory of one worker, used again for every block. What is
// taken from it is valid until the next reset, which is the next block.
type scratch struct {
	u8    arrays[uint8]
	u16   arrays[uint16]
	u32   arrays[uint32]
	u64   arrays[uint64]
	i64   arrays[int64]
	f64   arrays[float64]
	texts []*storage.TextBuf
	lists []*storage.ListBuf
	usedT int
	usedL int
	room  storage.BlockRoom // of a block that is not kept
}

// arrays hands out slices of one type and takes them all back at once.
type arrays[T any] struct {
	list [][]T
	used int
}

// take returns a slice of n elements with any content.
func (a *arrays[T]) take(n int) []T {
	if a.used == len(a.list) {
		a.list = append(a.list, nil)
	}
	s := a.list[a.used]
	if cap(s) < n {
		s = make([]T, max(n, 1024))
		a.list[a.used] = s
	}
	a.used++
	return s[:n]
}

// takeClear returns a slice of n zero elements.
func (a *arrays[T]) takeClear(n int) []T {
	s := a.take(n)
	clear(s)
	return s
}

func (s *scratch) textBuf() *storage.TextBuf {
	if s.usedT == len(s.texts) {
		s.texts = append(s.texts, new(storage.TextBuf))
	}
	s.usedT++
	return s.texts[s.usedT-1]
}

func (s *scratch) listBuf() *storage.ListBuf {
	if s.usedL == len(s.lists) {
		s.lists = append(s.lists, new(storage.ListBuf))
	}
	s.usedL++
	return s.lists[s.usedL-1]
}

func (s *scratch) bitmap(rows int) bitmap { return bitmap(s.u64.takeClear(words(rows))) }

// objects hands out things of one type and takes them all back at once: what every
// block needs one of is made once for many blocks.
type objects[T any] struct {
	list []*T
	used int
}

// take returns a thing with any content.
func (o *objects[T]) take() *T {
	if o.used == len(o.list) {
		o.list = append(o.list, new(T))
	}
	o.used++
	return o.list[o.used-1]
}

// resized returns a slice of n elements with any content, s if it has the room.
func resized[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }

// reset takes everything back.
func (s *scratch) reset() {
	s.u8.used, s.u16.used, s.u32.used, s.u64.used = 0, 0, 0, 0
	s.i64.used, s.f64.used = 0, 0
	s.usedT, s.usedL = 0, 0
}

// A mark is what was taken of a scratch at some time.
type mark [8]int

func (s *scratch) mark() mark {
	return mark{s.u8.used, s.u16.used, s.u32.used, s.u64.used, s.i64.used, s.f64.used, s.usedT, s.usedL}
}

// release takes back what was taken since a mark.
func (s *scratch) release(m mark) {
	s.u8.used, s.u16.used, s.u32.used, s.u64.used = m[0], m[1], m[2], m[3]
	s.i64.used, s.f64.used = m[4], m[5]
	s.usedT, s.usedL = m[6], m[7]
}

// trim gives memory back that only an unusual query has needed.
func (s *scratch) trim() {
	held := held(&s.u8) + held(&s.u16) + held(&s.u32) + held(&s.u64) + held(&s.i64) + held(&s.f64)
	if held > scratchKeep || len(s.texts) > scratchTexts || len(s.lists) > scratchTexts {
		*s = scratch{}
	}
}

// held is the bytes of all slices.
func held[T uint8 | uint16 | uint32 | uint64 | int64 | float64](a *arrays[T]) int {
	n := 0
	for _, s := range a.list {
		n += cap(s)
	}
	var one T
	return n * int(unsafe.Sizeof(one))
}
