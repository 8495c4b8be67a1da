package storage

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// encoder is the scratch memory of AppendBlock.
type encoder struct {
	rich    bool
	rows    int
	version uint16     // that the encodings used so far need
	newRow  []uint32   // of each row of the batch; nil: rows stay where they are
	times   []int64    // ascending if rich
	weights []heavyRow // rows of the block that weigh more than 1; nil: none
	stored  []storedColumn
	entries []entry
	pieces  []bodyPiece // of the body
	names   []byte
	side    []byte // statistics and inline columns
	body    []byte // the other columns
	hist    []int64

	dict      dictBuilder
	rowBuf    []uint32
	timeBuf   []int64
	partTimes []int64
	at        []uint32
	inverse   []int32
	rowCodes  []uint16
	ints      []int64
	keys      []int64
	words     []uint64
	lengths   []int64
	lists     ListBuf
	itemAt    []uint32 // of lists: where each item stands in the order of the rows
	raw       []byte
	text      int // bytes of text of all rows
	floats    []float64
	pairs     []sortPair
	spare     []sortPair
	heavy     []heavyRow
	merged    Vector // values or dictionary entries of the parts of one column
	coded     Vector // the entries of a Coded vector of the batch
	remap     []uint16
	wide      []uint16

	patches    []uint32 // rows that ALP leaves out
	parsed     []int64  // numbers of texts
	counts     []uint32
	spareText  []byte // encodings that are compared with others
	spareZstd  []byte
	spareCodes []byte
	front      []byte // of the dictionary that is being written
	fronts     int    // bytes of those that lie in the head
	miner      miner
	templates  templateColumn
}

// encoders keeps the arrays of encoders from block to block. It holds nothing
// that can be observed.
var encoders Shelf[*encoder]

// mergers are the encoders of merges: their arrays grow to the largest blocks
// there are, and there is one merge at a time, while appends are many and small.
var mergers Shelf[*encoder]

var (
	// ErrNoRows is returned for a batch without rows: a block has at least one.
	ErrNoRows = errors.New("no rows to make a block of")
	// ErrBlockTooLarge is returned, wrapped, for rows that exceed BlockBytesMax,
	// BlockTextMax, BlockItemsMax or RowsPerBlockMax together: use fewer rows.
	ErrBlockTooLarge = errors.New("rows are too large for one block")
)

// AppendBlock encodes the rows of b and appends the block to dst. The block has
// no id yet: SealBlock gives it one. It returns ErrNoRows, ErrBlockTooLarge, or
// an error naming a column that breaks a limit.
func AppendBlock(dst []byte, b *Batch, o BlockOptions) ([]byte, Meta, error) {
	if b.Rows() == 0 {
		return dst, Meta{}, ErrNoRows
	}
	e := takeEncoder(&encoders)
	defer e.release(&encoders)
	e.begin(b.Rows(), o)
	e.orderRows(b.Times())
	if err := e.collect(b); err != nil {
		return dst, Meta{}, err
	}
	if slot, ok := b.byName[SampleRateColumn]; ok {
		for _, v := range b.slots[slot].Vectors {
			e.weigh(v)
		}
	}
	return e.block(dst, o)
}

func (e *encoder) begin(rows int, o BlockOptions) {
	e.rich, e.rows, e.text, e.version = o.Richness == Rich, rows, 0, blockVersionOldest
}

// block encodes what was collected.
func (e *encoder) block(dst []byte, o BlockOptions) ([]byte, Meta, error) {
	if err := e.encodeColumns(); err != nil {
		return dst, Meta{}, err
	}
	h := header{BlockHeader: BlockHeader{
		Version: e.version, Shard: o.Shard, Rows: e.rows, Arrival: o.Arrival,
		Weight: uint64(e.rows), Columns: len(e.entries),
	}}
	sorted := e.times
	if !e.rich && !slices.IsSorted(sorted) {
		e.hist = append(e.hist[:0], e.times...)
		slices.Sort(e.hist)
		sorted = e.hist
	}
	h.MinTime, h.MaxTime = sorted[0], sorted[len(sorted)-1]
	for _, w := range e.weights {
		h.Weight = addSaturating(h.Weight, w.more)
	}
	dst, err := e.assemble(dst, &h)
	return dst, Meta{
		Rows: h.Rows, MinTime: h.MinTime, MaxTime: h.MaxTime, Arrival: h.Arrival,
		Weight: h.Weight, Length: h.Length, Hist: packHist(histogram(sorted)),
	}, err
}

func takeEncoder(from *Shelf[*encoder]) *encoder {
	if e, ok := from.Take(); ok {
		return e
	}
	return new(encoder)
}

// release lets go of what points into the batch and gives the arrays to the shelf
// they came from.
func (e *encoder) release(to *Shelf[*encoder]) {
	defer to.Put(e)
	clear(e.stored)
	clear(e.entries)
	e.coded = Vector{}
	clear(e.miner.mined)
	clear(e.miner.skeletons)
	e.templates.release()
	e.stored, e.entries, e.times, e.weights, e.newRow = e.stored[:0], e.entries[:0], nil, nil, nil
}

// encodeColumns fills entries, names, side and body. Positions in entries are
// relative to side or body until assemble.
func (e *encoder) encodeColumns() error {
	e.names, e.side, e.body, e.fronts = e.names[:0], e.side[:0], e.body[:0], 0
	for i := range e.stored {
		c := &e.stored[i]
		if i == 0 || c.name != e.stored[i-1].name {
			e.names = append(e.names, c.name...)
		}
		en := entry{name: c.name, nameAt: len(e.names) - len(c.name), at: len(e.body)}
		stats, err := e.encodeColumn(c, &en)
		if err != nil {
			return err
		}
		e.splitFront(&en)
		e.version = max(e.version, en.enc.since(), en.inner.since())
		if en.length = len(e.body) - en.at; en.length <= inlineBytesMax {
			data := e.body[en.at:]
			e.body = e.body[:en.at]
			en.flags |= flagInline
			en.at = len(e.side)
			e.side = padTo(append(e.side, data...), 8)
		} else {
			en.crc = checksum(e.body[en.at:])
			if e.rich {
				e.body = appendZeros(e.body, tailBytes)
			}
			e.body = padTo(e.body, e.align())
		}
		if e.rows >= statsRowsMin && stats.worth {
			en.flags |= flagStats
			en.stats = len(e.side)
			e.side = stats.append(e.side)
		}
		e.putFront(&en)
		if len(e.body) > BlockBytesMax {
			return fmt.Errorf("%w: column %q takes the block past %d bytes", ErrBlockTooLarge, c.name, BlockBytesMax)
		}
		e.entries = append(e.entries, en)
	}
	return nil
}

// align is where columns begin: a full block's at cache lines.
func (e *encoder) align() int {
	if e.rich {
		return 64
	}
	return 8
}

// alignFor is where an array of size bytes begins within a column.
func (e *encoder) alignFor(size int) int {
	if e.rich && size >= 1024 {
		return 64
	}
	return 8
}

// encodeColumn appends a column to body and completes its entry.
func (e *encoder) encodeColumn(c *storedColumn, en *entry) (stats columnStats, err error) {
	var s source
	switch {
	case c.parts != nil:
		if done, err := e.mergeForm(c, en); done || err != nil {
			return stats, err
		}
		coded := false
		if s, coded, err = e.merge(c, &stats); err != nil {
			return stats, err
		}
		en.typ, en.nulls = s.vec.Type, s.nulls()
		if coded {
			e.body, en.enc = e.appendCoded(e.body, &s)
			return stats, nil
		}
	case c.vec != nil && c.vec.Coded:
		coded := false
		if s, coded = e.codesOf(c.vec, &stats); coded {
			en.typ, en.nulls = s.vec.Type, s.nulls()
			e.body, en.enc = e.appendCoded(e.body, &s)
			return stats, nil
		}
		s = e.plainOf(c.vec)
	case c.vec != nil:
		s = e.sourceOf(c.vec)
	default:
		s = source{vec: &Vector{Type: TypeTime, Ints: e.times}, n: e.rows, rows: e.rows, weights: e.weights}
	}
	en.typ, en.nulls = s.vec.Type, s.nulls()
	e.body, stats = e.appendColumn(e.body, &s, en)
	return stats, nil
}

// sourceOf says where in the block the values of a vector stand.
func (e *encoder) sourceOf(v *Vector) source {
	s := source{vec: v, n: v.Len(), rows: e.rows, weights: e.weights}
	s.at = e.placesOf(v.Rows)
	return s
}

// placesOf returns the rows of the block for rows of the batch, nil if they are
// all rows in their order.
func (e *encoder) placesOf(rows []uint32) []uint32 {
	switch {
	case e.newRow == nil && len(rows) == e.rows:
		return nil
	case e.newRow == nil:
		return rows
	case len(rows) == e.rows:
		return e.newRow
	}
	e.at = grow(e.at, len(rows))
	for i, row := range rows {
		e.at[i] = e.newRow[row]
	}
	return e.at
}

// assemble appends the parts of the block to dst and completes h.
func (e *encoder) assemble(dst []byte, h *header) ([]byte, error) {
	start := len(dst)
	sideAt := headerBytes + len(e.entries)*entryBytes
	h.namesAt = sideAt + len(e.side)
	h.namesBytes = len(e.names)
	h.headLength = (h.namesAt + h.namesBytes + 63) &^ 63
	h.Length = h.headLength + len(e.body) + tailBytes
	if h.Length > BlockBytesMax {
		return dst, fmt.Errorf("%w: %d bytes, at most %d fit", ErrBlockTooLarge, h.Length, BlockBytesMax)
	}
	dst = slices.Grow(dst, h.Length)
	dst = appendHeader(dst, h)
	pieces := e.arrangeBody()
	for i := range e.entries {
		en := &e.entries[i]
		en.nameAt += h.namesAt
		if en.flags&flagInline != 0 {
			en.at += sideAt
		} else {
			en.at += h.headLength
		}
		if en.flags&(flagStats|flagFront) != 0 {
			en.stats += sideAt
		}
		dst = appendEntry(dst, en)
	}
	dst = append(dst, e.side...)
	dst = append(dst, e.names...)
	dst = appendZeros(dst, h.headLength-(len(dst)-start))
	for _, p := range pieces {
		dst = append(dst, e.body[p.from:p.to]...)
	}
	return appendZeros(dst, tailBytes), nil
}

// bodyPiece is a column with its padding in the body.
type bodyPiece struct{ entry, from, to int }

// arrangeBody says in which order the columns of the body are written, and moves
// their entries: the shorter ones come first where a body is longer than
// bodyNearBytes. They are the codes and times that most queries read, and so lie in
// the pages that the first look at the head has mapped: at a start, of every block.
func (e *encoder) arrangeBody() []bodyPiece {
	pieces := e.pieces[:0]
	for i := range e.entries {
		if en := &e.entries[i]; en.flags&flagInline == 0 {
			if n := len(pieces); n > 0 {
				pieces[n-1].to = en.at
			}
			pieces = append(pieces, bodyPiece{i, en.at, len(e.body)})
		}
	}
	e.pieces = pieces
	if len(e.body) <= bodyNearBytes {
		return pieces
	}
	slices.SortStableFunc(pieces, func(a, b bodyPiece) int { return cmp.Compare(a.to-a.from, b.to-b.from) })
	at := 0
	for _, p := range pieces {
		e.entries[p.entry].at = at
		at += p.to - p.from
	}
	return pieces
}

// SealBlock writes the id and the checksum of the head into an encoded block and
// returns the checksum. It is the last write to a block: only a sealed block can
// be opened. block begins at the block and may be longer.
func SealBlock(block []byte, id BlockID) (headerCRC uint32) {
	headLength := int(binary.LittleEndian.Uint32(block[84:]))
	binary.LittleEndian.PutUint64(block[headerIDAt:], id.Epoch)
	binary.LittleEndian.PutUint64(block[headerIDAt+8:], id.Seq)
	headerCRC = headerChecksum(block[:headLength])
	binary.LittleEndian.PutUint32(block[headerCRCAt:], headerCRC)
	return headerCRC
}

// columnStats are the statistics of a column.
type columnStats struct {
	worth    bool
	ordered  bool // min and max are kept
	min, max uint64
	distinct int // 0: not known
}

const statsOrdered = 1 << 0

func (s *columnStats) append(dst []byte) []byte {
	dst = appendWord(dst, s.min)
	dst = appendWord(dst, s.max)
	dst = appendUint32(dst, uint32(s.distinct))
	flags := uint32(0)
	if s.ordered {
		flags = statsOrdered
	}
	return appendUint32(dst, flags)
}

func decodeStats(src []byte) (s columnStats) {
	s.worth = true
	s.min, s.max = loadWord(src, 0), loadWord(src, 8)
	s.distinct = int(binary.LittleEndian.Uint32(src[16:]))
	s.ordered = binary.LittleEndian.Uint32(src[20:])&statsOrdered != 0
	return s
}

// value turns the bits of a smallest or largest value into a Value.
func (s *columnStats) value(t Type, bits uint64) Value {
	if t == TypeFloat64 {
		return Float(math.Float64frombits(bits))
	}
	return Value{Type: t, Int: int64(bits)}
}
