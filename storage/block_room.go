package storage

// A BlockRoom is memory for one block at a time that is looked at and not kept. What a
// query of thousands of blocks finds out of each, after a start, would be pages that
// the system has to make first, and they cost more than the look itself; mostly it is
// the only one. The zero value is ready. One goroutine uses a room.
//
// The block, its columns and their codes, counts and entries are good until the next
// block is opened in the room; values that were decoded, and errors, for longer.
type BlockRoom struct {
	head    peekBuf // as it was read; the directory and fronts stay in it
	block   Block
	list    []*Column
	columns [roomColumns]Column
	heads   [roomColumns]columnHead
	readers [roomColumns]codesReader
	used    struct{ columns, heads int }
}

// roomColumns is how many columns have room: those of a query of few. Others are made
// on the heap.
const roomColumns = 4

// takeHead empties a room and returns what the head of the next block is read into.
func (m *BlockRoom) takeHead() *peekBuf {
	if m == nil {
		return nil
	}
	m.used.columns, m.used.heads = 0, 0
	return &m.head
}

// takeBlock returns an empty block; without a room a new one.
func (m *BlockRoom) takeBlock() *Block {
	if m == nil {
		return new(Block)
	}
	m.block = Block{room: m}
	return &m.block
}

// takeList returns a list of n columns that are not made.
func (m *BlockRoom) takeList(n int) []*Column {
	if m == nil {
		return make([]*Column, n)
	}
	m.list = grow(m.list, n)
	clear(m.list)
	return m.list
}

// takeColumns returns room for n columns, nil if there is none.
func (m *BlockRoom) takeColumns(n int) []Column {
	if m == nil || n > roomColumns-m.used.columns {
		return nil
	}
	columns := m.columns[m.used.columns:][:n]
	m.used.columns += n
	for i := range columns {
		columns[i] = Column{}
	}
	return columns
}

// takeReader returns room for what a front says.
func (m *BlockRoom) takeReader() (*columnHead, *codesReader) {
	if m == nil || m.used.heads == roomColumns {
		return new(columnHead), new(codesReader)
	}
	head, reader := &m.heads[m.used.heads], &m.readers[m.used.heads]
	m.used.heads++
	*head, *reader = columnHead{}, codesReader{}
	return head, reader
}

// front returns n bytes of the head from at on where they were read; nil: they are to
// be read.
func (m *BlockRoom) front(at, n int) []byte {
	if m == nil || at+n > peekHeadBytes {
		return nil
	}
	return bytesOf(m.head[:])[at:][:n]
}
