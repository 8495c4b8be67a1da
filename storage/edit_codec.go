package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// The body of an edit is varints and texts:
//
//	uvarint seq, then until the end of the body: one byte kind, the fields of it
//
//	1 blocks    uvarint nextBlock
//	2 table     uvarint incarnation, text name
//	3 settings  uvarint incarnation, uvarint n, n varints (a reader skips those
//	            behind the ones it knows, and takes 0 for those that are missing)
//	4 add       uvarint incarnation, id, uvarint kind (2 bits level, 2 bits
//	            class, 1 bit thinned: see blockKind), place, meta
//	5 place     uvarint incarnation, id, place
//	6 drop      uvarint incarnation, id
//	7 key       uvarint incarnation, text key, uvarint chunk, 8 bytes digest,
//	            uvarint seq, varint at, receipt
//	8 mark      uvarint incarnation, uvarint added, varint horizon
//	9 gone      uvarint incarnation
//
//	id       uvarint epoch, uvarint seq
//	place    uvarint file, uvarint offset
//	meta     uvarint rows, varint min time, uvarint max - min, varint arrival -
//	         max (wrapping), uvarint weight, uvarint length, 4 bytes header CRC,
//	         uvarint buckets, each: byte width (an index), varint from - the from
//	         before (wrapping), uvarint rows
//	receipt  uvarint accepted, rejected, errors, each uvarint row and text;
//	         uvarint warnings, each a text
//	text     uvarint length, bytes
//
// A kind that a reader does not know is an error: it cannot be skipped without
// losing rows. New kinds come with a new layout in the superblock.
const (
	opBlocks byte = iota + 1
	opTable
	opSettings
	opAdd
	opPlace
	opDrop
	opKey
	opMark
	opGone
)

// settingsFields is the number of fields of Settings in the log.
const settingsFields = 9

func appendEditText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendID(dst []byte, id BlockID) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, id.Epoch), id.Seq)
}

func appendPlace(dst []byte, p place) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(p.file)), uint64(p.offset))
}

// appendEdit encodes an edit.
func appendEdit(dst []byte, e *edit) []byte {
	dst = binary.AppendUvarint(dst, e.seq)
	if e.nextBlock != 0 {
		dst = binary.AppendUvarint(append(dst, opBlocks), e.nextBlock)
	}
	for _, t := range e.tables {
		dst = binary.AppendUvarint(append(dst, opTable), t.incarnation)
		dst = appendEditText(dst, t.name)
	}
	for i := range e.settings {
		dst = binary.AppendUvarint(append(dst, opSettings), e.settings[i].incarnation)
		dst = appendSettings(dst, &e.settings[i].settings)
	}
	for i := range e.adds {
		a := &e.adds[i]
		dst = binary.AppendUvarint(append(dst, opAdd), a.incarnation)
		dst = appendID(dst, a.id)
		dst = binary.AppendUvarint(dst, uint64(a.kind))
		dst = appendPlace(dst, a.place)
		dst = appendMeta(dst, &a.meta)
	}
	for _, p := range e.places {
		dst = binary.AppendUvarint(append(dst, opPlace), p.incarnation)
		dst = appendPlace(appendID(dst, p.id), p.place)
	}
	for _, d := range e.drops {
		dst = binary.AppendUvarint(append(dst, opDrop), d.incarnation)
		dst = appendID(dst, d.id)
	}
	for i := range e.keys {
		k := &e.keys[i]
		dst = binary.AppendUvarint(append(dst, opKey), k.incarnation)
		dst = appendEditText(dst, k.key)
		dst = appendChunk(dst, &k.chunk)
	}
	for _, m := range e.marks {
		dst = binary.AppendUvarint(append(dst, opMark), m.incarnation)
		dst = binary.AppendVarint(binary.AppendUvarint(dst, m.added), m.horizon)
	}
	for _, g := range e.gone {
		dst = binary.AppendUvarint(append(dst, opGone), g)
	}
	return dst
}

func appendSettings(dst []byte, s *Settings) []byte {
	code, ok := durabilityCode(s.Durability)
	if !ok {
		panic("BUG: settings were not validated")
	}
	dst = binary.AppendUvarint(dst, settingsFields)
	for _, v := range [settingsFields]int64{
		int64(s.Version), int64(s.RetentionAge), s.RetentionBytes, int64(code),
		int64(s.ThinAfter), s.ThinKeep, s.QuotaRows, s.QuotaBytes, s.Replicas,
	} {
		dst = binary.AppendVarint(dst, v)
	}
	return dst
}

func appendMeta(dst []byte, m *Meta) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.Rows))
	dst = binary.AppendVarint(dst, m.MinTime)
	dst = binary.AppendUvarint(dst, uint64(m.MaxTime)-uint64(m.MinTime))
	dst = binary.AppendVarint(dst, m.Arrival-m.MaxTime)
	dst = binary.AppendUvarint(dst, m.Weight)
	dst = binary.AppendUvarint(dst, uint64(m.Length))
	dst = binary.LittleEndian.AppendUint32(dst, m.HeaderCRC)
	if m.Hist.packed == "" {
		return append(dst, 0)
	}
	return append(dst, m.Hist.packed...)
}

func appendChunk(dst []byte, c *chunkReceipt) []byte {
	dst = binary.AppendUvarint(dst, uint64(c.chunk))
	dst = binary.LittleEndian.AppendUint64(dst, c.digest)
	dst = binary.AppendUvarint(dst, c.seq)
	dst = binary.AppendVarint(dst, c.at)
	r := &c.receipt
	dst = binary.AppendUvarint(dst, uint64(r.Accepted))
	dst = binary.AppendUvarint(dst, uint64(r.Rejected))
	dst = binary.AppendUvarint(dst, uint64(len(r.Errors)))
	for _, e := range r.Errors {
		dst = appendEditText(binary.AppendUvarint(dst, e.Row), e.Error)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Warnings)))
	for _, w := range r.Warnings {
		dst = appendEditText(dst, w)
	}
	return dst
}

// errNewerEdit says that an edit holds what only a newer version can have written.
// Its checksum was right, so it is no damage: whoever meets it leaves the log as it
// is.
var errNewerEdit = errors.New("start the version of kelp again that wrote it, or give another directory")

func errUnknownEdit(op byte) error {
	return fmt.Errorf("an edit holds a change of kind %d, which this kelp does not know: %w", op, errNewerEdit)
}

func errUnknownDurability(code int64) error {
	return fmt.Errorf("an edit says durability %d, which this kelp does not know: %w", code, errNewerEdit)
}

func errBucketWidth(width byte) error { return fmt.Errorf("an edit says bucket width %d", width) }

// errEditCut says that a field reaches beyond the end of its edit.
var errEditCut = errors.New("an edit is cut short")

// editReader reads fields until the first error, which it keeps.
type editReader struct {
	src []byte
	err error
}

func (r *editReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.src = nil
}

func (r *editReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.src)
	if n <= 0 {
		r.fail(errEditCut)
		return 0
	}
	r.src = r.src[n:]
	return v
}

func (r *editReader) varint() int64 {
	v, n := binary.Varint(r.src)
	if n <= 0 {
		r.fail(errEditCut)
		return 0
	}
	r.src = r.src[n:]
	return v
}

// atMost reads a uvarint that must not pass most.
func (r *editReader) atMost(most uint64, what string) uint64 {
	v := r.uvarint()
	if v > most {
		r.fail(fmt.Errorf("an edit says %d %s: at most %d", v, what, most))
		return 0
	}
	return v
}

func (r *editReader) take(n int) []byte {
	if n > len(r.src) {
		r.fail(errEditCut)
		return make([]byte, min(n, 8))
	}
	b := r.src[:n]
	r.src = r.src[n:]
	return b
}

func (r *editReader) text(most int, what string) string {
	n := r.atMost(uint64(most), what)
	if r.err != nil {
		return ""
	}
	return string(r.take(int(n)))
}

func (r *editReader) id() BlockID { return BlockID{Epoch: r.uvarint(), Seq: r.uvarint()} }

func (r *editReader) place() place {
	return place{
		file:   uint32(r.atMost(segmentsMax, "as number of a file")),
		offset: int64(r.atMost(1<<62, "as offset")),
	}
}

// decodeEdit decodes the body of an edit. What it returns does not point into
// src.
func decodeEdit(src []byte) (*edit, error) {
	e := new(edit)
	if err := decodeEditInto(e, src); err != nil {
		return nil, err
	}
	return e, nil
}

// decodeEditInto is decodeEdit for one edit after the other: the lists of the edit
// before are used again, so nobody may keep those.
func decodeEditInto(e *edit, src []byte) error {
	r := &editReader{src: src}
	e.reset()
	e.seq = r.uvarint()
	for r.err == nil && len(r.src) > 0 {
		op := r.src[0]
		r.src = r.src[1:]
		switch op {
		case opBlocks:
			e.nextBlock = r.uvarint()
		case opTable:
			e.tables = append(e.tables, editTable{r.uvarint(), r.text(TableNameBytesMax, "bytes of a table's name")})
		case opSettings:
			e.settings = append(e.settings, editSettings{r.uvarint(), r.settings()})
		case opAdd:
			e.adds = append(e.adds, r.add())
		case opPlace:
			e.places = append(e.places, editPlace{incarnation: r.uvarint(), id: r.id(), place: r.place()})
		case opDrop:
			e.drops = append(e.drops, editDrop{r.uvarint(), r.id()})
		case opKey:
			e.keys = append(e.keys, editKey{r.uvarint(), r.text(KeyBytesMax, "bytes of a key"), r.chunk()})
		case opMark:
			e.marks = append(e.marks, editMark{r.uvarint(), r.uvarint(), r.varint()})
		case opGone:
			e.gone = append(e.gone, r.uvarint())
		default:
			r.fail(errUnknownEdit(op))
		}
	}
	return r.err
}

// reset empties an edit and keeps the room of its lists.
func (e *edit) reset() {
	*e = edit{
		tables: e.tables[:0], settings: e.settings[:0], adds: e.adds[:0], places: e.places[:0],
		drops: e.drops[:0], keys: e.keys[:0], marks: e.marks[:0], gone: e.gone[:0],
	}
}

func (r *editReader) add() editAdd {
	return editAdd{
		incarnation: r.uvarint(),
		id:          r.id(),
		kind:        blockKind(r.atMost(kindMax, "as kind of a block")),
		place:       r.place(),
		meta:        r.meta(),
	}
}

func (r *editReader) settings() Settings {
	n := r.atMost(64, "settings")
	var v [settingsFields]int64
	for i := range n {
		if field := r.varint(); i < settingsFields {
			v[i] = field
		}
	}
	if v[3] < 0 || v[3] >= int64(len(durabilities)) {
		r.fail(errUnknownDurability(v[3]))
		v[3] = 0
	}
	return Settings{
		Version: uint64(v[0]), RetentionAge: time.Duration(v[1]), RetentionBytes: v[2], Durability: durabilities[v[3]],
		ThinAfter: time.Duration(v[4]), ThinKeep: v[5], QuotaRows: v[6], QuotaBytes: v[7], Replicas: v[8],
	}
}

func (r *editReader) meta() Meta {
	m := Meta{Rows: int(r.atMost(RowsPerBlockMax, "rows of a block"))}
	m.MinTime = r.varint()
	m.MaxTime = int64(uint64(m.MinTime) + r.uvarint())
	m.Arrival = m.MaxTime + r.varint()
	m.Weight = r.uvarint()
	m.Length = int(r.atMost(1<<40, "bytes of a block"))
	m.HeaderCRC = binary.LittleEndian.Uint32(r.take(4))
	start := r.src
	if n := r.eachBucket(func(TimeCount) bool { return true }); n > 0 && r.err == nil {
		m.Hist = Hist{string(start[:len(start)-len(r.src)])}
	}
	return m
}

// eachBucket reads the buckets of a block and returns how many there are.
func (r *editReader) eachBucket(yield func(TimeCount) bool) (n uint64) {
	n = r.atMost(histBucketsMax, "buckets of a block")
	widths, from := TimeWidths(), int64(0)
	for i := uint64(0); i < n && r.err == nil; i++ {
		width := r.take(1)[0]
		if int(width) >= len(widths) {
			r.fail(errBucketWidth(width))
			break
		}
		from += r.varint()
		if rows := r.uvarint(); r.err == nil && !yield(TimeCount{From: from, Width: widths[width], Rows: rows}) {
			break
		}
	}
	return n
}

func (r *editReader) chunk() chunkReceipt {
	c := chunkReceipt{chunk: uint32(r.atMost(1<<32-1, "as number of a chunk"))}
	c.digest = binary.LittleEndian.Uint64(r.take(8))
	c.seq, c.at = r.uvarint(), r.varint()
	c.receipt.Accepted = uint32(r.atMost(1<<32-1, "accepted rows"))
	c.receipt.Rejected = uint32(r.atMost(1<<32-1, "rejected rows"))
	for range r.atMost(RowErrorsMax, "errors of a receipt") {
		c.receipt.Errors = append(c.receipt.Errors, RowError{r.uvarint(), r.text(ReceiptTextMax, "bytes of an error")})
	}
	for range r.atMost(ReceiptWarningsMax, "warnings of a receipt") {
		c.receipt.Warnings = append(c.receipt.Warnings, r.text(ReceiptTextMax, "bytes of a warning"))
	}
	return c
}
