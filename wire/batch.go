package wire

import (
	"encoding/binary"

	"github.com/kelpdb/kelp/storage"
)

// A batch travels as a head, its sections, and an end, like a Partial. Columns
// whose vectors have equally many values form a section together. A vector with
// a value in every row is one column; any other is two, its row numbers and its
// values, so that sparse columns cost what they hold. The column of times leads
// the first section.

// place says where a column of a section belongs in the batch.
type place struct {
	slot  int // index into the slots; -1: the times
	typ   storage.Type
	dense bool // a value in every row: no row numbers precede
}

// batchLayout is the sections of a batch and where their columns belong.
type batchLayout struct {
	sections []section
	columns  [][]column // to be sent
	places   [][]place
}

// layOut sorts the vectors of a batch into sections.
func layOut(b *storage.Batch) *batchLayout {
	b.MakePlain()
	var l batchLayout
	byRows := make(map[int]int) // rows -> section
	rows := b.Rows()
	at := func(n int) int {
		i, ok := byRows[n]
		if !ok {
			i = len(l.sections)
			byRows[n] = i
			l.sections = append(l.sections, section{rows: n})
			l.columns = append(l.columns, nil)
			l.places = append(l.places, nil)
		}
		return i
	}
	add := func(i int, c column) {
		l.sections[i].types = append(l.sections[i].types, c.typ)
		l.columns[i] = append(l.columns[i], c)
	}
	first := at(rows)
	add(first, column{typ: storage.TypeTime, n: rows, ints: b.Times()})
	l.places[first] = append(l.places[first], place{slot: -1, typ: storage.TypeTime, dense: true})
	slots := b.Slots()
	for s := range slots {
		for t, v := range slots[s].Vectors {
			if v == nil || v.Len() == 0 {
				continue
			}
			i, dense := at(v.Len()), v.Len() == rows
			if !dense {
				add(i, column{typ: typeRows, n: v.Len(), rows: v.Rows})
			}
			add(i, columnOfVector(v))
			l.places[i] = append(l.places[i], place{slot: s, typ: storage.Type(t), dense: dense})
		}
	}
	return &l
}

// appendAppend encodes the head of an Append.
func appendAppend(dst []byte, a *Append, l *batchLayout) []byte {
	dst = appendText(dst, a.Table)
	dst = appendText(dst, a.Key)
	dst = binary.AppendUvarint(dst, uint64(a.Chunk))
	dst = binary.AppendUvarint(dst, a.Digest)
	dst = binary.AppendVarint(dst, a.Arrival)
	dst = appendReceipt(dst, &a.Receipt)
	dst = appendSettings(dst, &a.Settings)
	slots := a.Batch.Slots()
	dst = binary.AppendUvarint(dst, uint64(len(slots)))
	for i := range slots {
		dst = appendText(dst, slots[i].Name)
	}
	dst = appendSections(dst, l.sections)
	for _, places := range l.places {
		dst = binary.AppendUvarint(dst, uint64(len(places)))
		for _, p := range places {
			dst = binary.AppendVarint(dst, int64(p.slot))
			dst = append(dst, byte(p.typ))
			dst = appendBool(dst, p.dense)
		}
	}
	return dst
}

// appendReceipt encodes a receipt.
func appendReceipt(dst []byte, r *storage.Receipt) []byte {
	dst = binary.AppendUvarint(dst, uint64(r.Accepted))
	dst = binary.AppendUvarint(dst, uint64(r.Rejected))
	dst = binary.AppendUvarint(dst, uint64(len(r.Errors)))
	for _, e := range r.Errors {
		dst = binary.AppendUvarint(dst, e.Row)
		dst = appendText(dst, e.Error)
	}
	return appendTextList(dst, r.Warnings)
}

func readReceipt(r *reader) storage.Receipt {
	receipt := storage.Receipt{Accepted: r.uint32(), Rejected: r.uint32()}
	for range r.count(storage.RowErrorsMax, 2) {
		receipt.Errors = append(receipt.Errors, storage.RowError{Row: r.uvarint(), Error: r.text()})
	}
	receipt.Warnings = r.texts(warningsMax)
	return receipt
}

func (r *reader) uint32() uint32 {
	v := r.uvarint()
	if v > 1<<32-1 {
		r.fail()
	}
	return uint32(v)
}
