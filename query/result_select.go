package query

import (
	"container/heap"
	"slices"
)

// selectBest returns the first n of items in the order of less, sorted. For n
// well under the number of items it keeps a heap of n, so that most items cost
// one comparison with the worst kept.
func selectBest[T any](items []T, n int, less func(a, b T) bool) []T {
	order := func(a, b T) int {
		switch {
		case less(a, b):
			return -1
		case less(b, a):
			return 1
		}
		return 0
	}
	if n >= len(items) {
		slices.SortFunc(items, order)
		return items
	}
	if n == 0 {
		return items[:0]
	}
	h := &worstHeap[T]{items: slices.Clone(items[:n]), less: less}
	heap.Init(h)
	for _, x := range items[n:] {
		if less(x, h.items[0]) {
			h.items[0] = x
			heap.Fix(h, 0)
		}
	}
	slices.SortFunc(h.items, order)
	return h.items
}

// worstHeap has the last of its items in order on top.
type worstHeap[T any] struct {
	items []T
	less  func(a, b T) bool
}

func (h *worstHeap[T]) Len() int           { return len(h.items) }
func (h *worstHeap[T]) Less(i, j int) bool { return h.less(h.items[j], h.items[i]) }
func (h *worstHeap[T]) Swap(i, j int)      { h.items[i], h.items[j] = h.items[j], h.items[i] }
func (h *worstHeap[T]) Push(any)           { panic("BUG: the heap has a fixed size") }
func (h *worstHeap[T]) Pop() any           { panic("BUG: the heap has a fixed size") }
