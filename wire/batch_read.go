package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// batchReader puts an Append together from its head and records.
type batchReader struct {
	append   Append
	slots    []storage.Slot
	times    *query.Vec
	sections []section
	places   [][]place
	at       int
	parser   recordParser
	memory   allowance
}

// receiveBatch receives a batch into d. taken is told of the memory that each
// record takes.
func receiveBatch(in *receiver, d *batchReader, taken func(bytes int64) error) (*Append, error) {
	head, err := in.next()
	if err != nil {
		return nil, err
	}
	if head.kind != kindAppend || len(head.payload) > headBytesMax {
		return nil, &errDamaged{errors.New("a batch without a head")}
	}
	if err := d.begin(head.payload); err != nil {
		return nil, &errDamaged{err}
	}
	err = in.receiveRecords(func(payload, header, body []byte) error {
		before := d.memory.left
		err := d.record(payload, header, body)
		return errors.Join(err, taken(before-d.memory.left))
	})
	if err != nil {
		return nil, err
	}
	a, err := d.end()
	if err != nil {
		return nil, &errDamaged{err}
	}
	return a, nil
}

// begin takes the head.
func (d *batchReader) begin(payload []byte) error {
	r := &reader{src: payload}
	d.append = Append{Table: r.text(), Key: r.text(), Chunk: r.uint32(), Digest: r.uvarint(), Arrival: r.varint()}
	d.append.Receipt = readReceipt(r)
	d.append.Settings = readSettings(r)
	d.slots = make([]storage.Slot, r.count(slotsMax, 1))
	for i := range d.slots {
		d.slots[i].Name = r.text()
	}
	d.sections = readSections(r)
	d.places = make([][]place, len(d.sections))
	for i := range d.places {
		d.places[i] = make([]place, r.count(sectionColumnsMax, 3))
		for j := range d.places[i] {
			d.places[i][j] = place{slot: int(r.varint()), typ: storage.Type(r.byte()), dense: r.bool()}
		}
	}
	if r.err != nil {
		return fmt.Errorf("cannot read the head of a batch: %w", r.err)
	}
	d.times = query.NewVec(storage.TypeTime)
	return d.checkPlaces()
}

// checkPlaces makes the vectors that the sections will fill, each once, and
// holds the types announced against them.
func (d *batchReader) checkPlaces() error {
	if len(d.sections) == 0 || len(d.places[0]) == 0 || d.places[0][0] != (place{-1, storage.TypeTime, true}) {
		return fmt.Errorf("a batch without times")
	}
	if d.sections[0].rows > storage.RowsPerBlockMax {
		return fmt.Errorf("a batch of %d rows; at most %d", d.sections[0].rows, storage.RowsPerBlockMax)
	}
	for i, places := range d.places {
		var types []storage.Type
		for j, p := range places {
			if !p.dense {
				types = append(types, typeRows)
			}
			types = append(types, p.typ)
			if i == 0 && j == 0 {
				continue
			}
			if p.slot < 0 || p.slot >= len(d.slots) || p.typ == storage.TypeNull || p.typ > storage.TypeList {
				return fmt.Errorf("a column of a batch that belongs nowhere")
			}
			into := &d.slots[p.slot].Vectors[p.typ]
			if *into != nil || p.dense && i != 0 {
				return fmt.Errorf("a column of a batch that comes twice, or not for every row")
			}
			*into = &storage.Vector{Type: p.typ}
		}
		if string(typesText(types)) != string(typesText(d.sections[i].types)) {
			return fmt.Errorf("the columns of a batch are not what its head says")
		}
	}
	return nil
}

func typesText(types []storage.Type) []byte {
	text := make([]byte, len(types))
	for i, t := range types {
		text[i] = byte(t)
	}
	return text
}

// record takes one record.
func (d *batchReader) record(payload, header, body []byte) error {
	number, n := binary.Uvarint(payload)
	if n <= 0 || number < uint64(d.at) || number >= uint64(len(d.sections)) {
		return fmt.Errorf("a record of a part of the batch that is not due")
	}
	d.at = int(number)
	d.parser.types = d.sections[d.at].types
	views, _, err := d.parser.parse(header, body)
	if err != nil {
		return err
	}
	for i := range views {
		if err := d.memory.take(views[i].memory()); err != nil {
			return err
		}
		if views[i].valid != nil {
			return fmt.Errorf("a null among the values of a batch")
		}
	}
	for _, p := range d.places[d.at] {
		if p.slot < 0 {
			views[0].appendToVec(d.times)
			views = views[1:]
			continue
		}
		v := d.slots[p.slot].Vectors[p.typ]
		makeRoom(v, d.sections[d.at].rows, views[0].n)
		if p.dense {
			v.Rows = appendCounting(v.Rows, views[0].n)
		} else {
			v.Rows = appendNumbers(v.Rows, views[0].data, views[0].n)
			views = views[1:]
		}
		if err := views[0].appendToVector(v); err != nil {
			return err
		}
		views = views[1:]
	}
	return nil
}

// makeRoom makes room for all values announced when the first n of them come,
// if that is a fair share: announcements cost a peer nothing.
func makeRoom(v *storage.Vector, rows, n int) {
	if v.Len() > 0 || rows > roomShare*n {
		return
	}
	v.Rows = make([]uint32, 0, rows)
	switch v.Type {
	case storage.TypeFloat64:
		v.Floats = make([]float64, 0, rows)
	case storage.TypeString:
		v.Ends = make([]uint32, 0, rows)
	case storage.TypeList:
		v.Lists = make([]uint32, 0, rows)
	default:
		v.Ints = make([]int64, 0, rows)
	}
}

// appendCounting appends the row numbers of n more rows of a dense column.
func appendCounting(rows []uint32, n int) []uint32 {
	for range n {
		rows = append(rows, uint32(len(rows)))
	}
	return rows
}

// appendToVector appends a view to a vector of its type.
func (v *view) appendToVector(dst *storage.Vector) error {
	switch v.typ {
	case storage.TypeBool:
		for i := range v.n {
			dst.Ints = append(dst.Ints, int64(v.data[i>>3]>>(i&7)&1))
		}
	case storage.TypeFloat64:
		dst.Floats = appendNumbers(dst.Floats, v.data, v.n)
	case storage.TypeString, storage.TypeList:
		n := v.n
		if v.typ == storage.TypeList {
			base := uint32(len(dst.Ends))
			for i := 1; i <= v.n; i++ {
				dst.Lists = append(dst.Lists, base+uint32(endAt(v.lists, i)))
			}
			n = endAt(v.lists, v.n)
		}
		text := v.data[:endAt(v.ends, n)]
		if bits.Len64(uint64(len(dst.Bytes)+len(text))) > 32 {
			return errTooMuch
		}
		base := uint32(len(dst.Bytes))
		for i := 1; i <= n; i++ {
			dst.Ends = append(dst.Ends, base+uint32(endAt(v.ends, i)))
		}
		dst.Bytes = append(dst.Bytes, text...)
	default:
		dst.Ints = appendNumbers(dst.Ints, v.data, v.n)
	}
	return nil
}

// end checks the batch as a whole.
func (d *batchReader) end() (*Append, error) {
	for i, s := range d.sections {
		for _, p := range d.places[i] {
			got := d.times.Len()
			if p.slot >= 0 {
				got = d.slots[p.slot].Vectors[p.typ].Len()
			}
			if got != s.rows {
				return nil, fmt.Errorf("%d of %d values of a column came", got, s.rows)
			}
		}
	}
	batch, err := storage.RestoreBatch(d.times.Ints, d.slots)
	if err != nil {
		return nil, err
	}
	d.append.Batch = batch
	return &d.append, nil
}
