package storage

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
)

// encoder is the scratch memory of AppendBlock.
type encoder struct {
	rich    bool
	rows    int
	newRow  []uint32 // of each row of the batch; nil: rows stay where they are
	times   []int64  // ascending if rich
	weights []uint64 // of each row of the block; nil: all 1
	stored  []storedColumn
	entries []entry
	names   []byte
	side    []byte // statistics and inline columns
	body    []byte // the other columns
	hist    []int64

	dict     dictBuilder
	rowBuf   []uint32
	timeBuf  []int64
	at       []uint32
	inverse  []int32
	rowCodes []uint16
	ints     []int64
	keys     []int64
	words    []uint64
	lengths  []int64
	raw      []byte
	text     int // bytes of text of all rows
	floats   []float64
	pairs    []sortPair
	spare    []sortPair
	weightOf []uint64
	merged   Vector // values or dictionary entries of the parts of one column
	remap    []uint16
	wide     []uint16
}

// storedColumn is a column to encode: the values of a batch (vec), or columns of
// blocks that are merged (parts), or the time of the rows (neither).
type storedColumn struct {
	name  string
	vec   *Vector
	parts []part
}

// encoders keeps the arrays of encoders from block to block. It holds nothing
// that can be observed.
var encoders = sync.Pool{New: func() any { return new(encoder) }}

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
	e := encoders.Get().(*encoder)
	defer e.release()
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
	e.rich, e.rows, e.text = o.Richness == Rich, rows, 0
}

// block encodes what was collected.
func (e *encoder) block(dst []byte, o BlockOptions) ([]byte, Meta, error) {
	if err := e.encodeColumns(); err != nil {
		return dst, Meta{}, err
	}
	h := header{BlockHeader: BlockHeader{
		Version: blockVersion, Shard: o.Shard, Rows: e.rows, Arrival: o.Arrival,
		Weight: uint64(e.rows), Columns: len(e.entries),
	}}
	sorted := e.times
	if !e.rich && !slices.IsSorted(sorted) {
		e.hist = append(e.hist[:0], e.times...)
		slices.Sort(e.hist)
		sorted = e.hist
	}
	h.MinTime, h.MaxTime = sorted[0], sorted[len(sorted)-1]
	if e.weights != nil {
		h.Weight = 0
		for _, w := range e.weights {
			h.Weight = addSaturating(h.Weight, w)
		}
	}
	dst, err := e.assemble(dst, &h)
	return dst, Meta{
		Rows: h.Rows, MinTime: h.MinTime, MaxTime: h.MaxTime, Arrival: h.Arrival,
		Weight: h.Weight, Length: h.Length, Hist: histogram(sorted),
	}, err
}

// release lets go of what points into the batch and keeps the arrays for the next
// block.
func (e *encoder) release() {
	defer encoders.Put(e)
	clear(e.stored)
	clear(e.entries)
	e.stored, e.entries, e.times, e.weights, e.newRow = e.stored[:0], e.entries[:0], nil, nil, nil
}

// orderRows finds the place of each row: by time if rich, equal times in the
// order of the batch.
func (e *encoder) orderRows(times []int64) {
	e.times, e.newRow = times, nil
	if !e.rich || slices.IsSorted(times) {
		return
	}
	e.pairs = grow(e.pairs, len(times))
	for i, t := range times {
		e.pairs[i] = sortPair{key: uint64(t) ^ 1<<63, id: uint32(i)}
	}
	e.spare = sortPairs(e.pairs, e.spare)
	e.rowBuf, e.timeBuf = grow(e.rowBuf, len(times)), grow(e.timeBuf, len(times))
	e.newRow, e.times = e.rowBuf, e.timeBuf
	for row, p := range e.pairs {
		e.newRow[p.id] = uint32(row)
		e.times[row] = int64(p.key ^ 1<<63)
	}
}

// collect lists the columns to store, by name, then type.
func (e *encoder) collect(b *Batch) error {
	e.stored = append(e.stored[:0], storedColumn{name: TimeColumn})
	for i := range b.slots {
		s := &b.slots[i]
		if len(s.Name) > ColumnNameBytesMax {
			return fmt.Errorf("column name %.40q... has %d bytes, at most %d are allowed", s.Name, len(s.Name), ColumnNameBytesMax)
		}
		var vectors [typesCount]*Vector
		for t, v := range s.Vectors {
			if v != nil && v.Len() > 0 {
				vectors[t] = v
				e.text += len(v.Bytes)
			}
		}
		if ints, floats := vectors[TypeInt64], vectors[TypeFloat64]; ints != nil && floats != nil && fitFloats(ints.Ints) {
			vectors[TypeInt64], vectors[TypeFloat64] = nil, joinFloats(ints, floats)
		}
		for _, v := range vectors {
			if v == nil {
				continue
			}
			if len(v.Lists) > 0 && len(v.Ends) > BlockItemsMax {
				return fmt.Errorf("%w: lists of %q have %d items, at most %d fit", ErrBlockTooLarge, s.Name, len(v.Ends), BlockItemsMax)
			}
			e.stored = append(e.stored, storedColumn{name: s.Name, vec: v})
		}
	}
	if e.text > BlockTextMax {
		return fmt.Errorf("%w: %d bytes of text, at most %d fit", ErrBlockTooLarge, e.text, BlockTextMax)
	}
	if len(e.stored) > ColumnsPerBlockMax {
		return fmt.Errorf("%w: %d columns, at most %d fit", ErrBlockTooLarge, len(e.stored), ColumnsPerBlockMax)
	}
	slices.SortStableFunc(e.stored, func(a, b storedColumn) int { return cmp.Compare(a.name, b.name) })
	return nil
}

// fitFloats tells whether float64 holds all the integers exactly.
func fitFloats(ints []int64) bool {
	const exactMax = 1 << 53
	for _, x := range ints {
		if x > exactMax || x < -exactMax {
			return false
		}
	}
	return true
}

// joinFloats returns the values of both vectors as floats, in order of rows.
func joinFloats(ints, floats *Vector) *Vector {
	n := ints.Len() + floats.Len()
	v := &Vector{Type: TypeFloat64, Rows: make([]uint32, 0, n), Floats: make([]float64, 0, n)}
	i := 0
	for j := 0; j <= floats.Len(); j++ {
		for i < ints.Len() && (j == floats.Len() || ints.Rows[i] < floats.Rows[j]) {
			v.Rows = append(v.Rows, ints.Rows[i])
			v.Floats = append(v.Floats, float64(ints.Ints[i]))
			i++
		}
		if j < floats.Len() {
			v.Rows = append(v.Rows, floats.Rows[j])
			v.Floats = append(v.Floats, floats.Floats[j])
		}
	}
	return v
}

// weigh takes the weights of rows from values of sample_rate; e.weights stays nil
// while all are 1.
func (e *encoder) weigh(v *Vector) {
	if v == nil || v.Type != TypeInt64 && v.Type != TypeFloat64 {
		return
	}
	for i, row := range v.Rows {
		rate := Value{Type: v.Type}
		if v.Type == TypeInt64 {
			rate.Int = v.Ints[i]
		} else {
			rate.Float = v.Floats[i]
		}
		w := Weight(rate)
		if w == 1 {
			continue
		}
		if e.weights == nil {
			e.weightOf = grow(e.weightOf, e.rows)
			e.weights = e.weightOf
			for row := range e.weights {
				e.weights[row] = 1
			}
		}
		if e.newRow != nil {
			row = e.newRow[row]
		}
		e.weights[row] = w
	}
}

// encodeColumns fills entries, names, side and body. Positions in entries are
// relative to side or body until assemble.
func (e *encoder) encodeColumns() error {
	e.names, e.side, e.body = e.names[:0], e.side[:0], e.body[:0]
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
		coded := false
		if s, coded, err = e.merge(c, &stats); err != nil {
			return stats, err
		}
		en.typ, en.nulls = s.vec.Type, s.nulls()
		if coded {
			e.body, en.enc = e.appendCoded(e.body, &s)
			return stats, nil
		}
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
	for i := range e.entries {
		en := &e.entries[i]
		en.nameAt += h.namesAt
		if en.flags&flagInline != 0 {
			en.at += sideAt
		} else {
			en.at += h.headLength
		}
		if en.flags&flagStats != 0 {
			en.stats += sideAt
		}
		dst = appendEntry(dst, en)
	}
	dst = append(dst, e.side...)
	dst = append(dst, e.names...)
	dst = appendZeros(dst, h.headLength-(len(dst)-start))
	dst = append(dst, e.body...)
	return appendZeros(dst, tailBytes), nil
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
