package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// partialReader puts a Partial together from its head and records, and holds
// it against the plan that it must answer.
type partialReader struct {
	plan     *query.Plan
	partial  *query.Partial
	sections []section
	vecs     [][]*query.Vec
	at       int // section being filled
	parser   recordParser
	memory   allowance
	room     int64 // bytes that may still be set aside for rows to come
}

// receivePartial receives the answer to a plan. What a peer sends wrongly is
// *errDamaged, other errors are the stream's.
func receivePartial(in *receiver, plan *query.Plan, bytesMax int64) (*query.Partial, error) {
	head, err := in.next()
	if err != nil {
		return nil, err
	}
	if head.kind != kindPartial || len(head.payload) > headBytesMax {
		return nil, &errDamaged{errors.New("an answer without a head")}
	}
	answer := partialReader{plan: plan, memory: allowance{bytesMax}, room: min(reserveBytesMax, bytesMax/4)}
	if err := answer.begin(head.payload); err != nil {
		return nil, &errDamaged{err}
	}
	if err := in.receiveRecords(answer.record); err != nil {
		return nil, err
	}
	p, err := answer.end()
	if err != nil {
		return nil, &errDamaged{err}
	}
	return p, nil
}

// begin takes the head.
func (d *partialReader) begin(payload []byte) error {
	p, grouped, sections, err := decodePartial(payload, len(d.plan.Aggs))
	if err != nil {
		return err
	}
	if grouped != d.plan.Grouped || !d.fits(p, sections) {
		return fmt.Errorf("the answer is to another question than was asked: are all nodes of one version?")
	}
	d.partial, d.sections = p, sections
	d.vecs = make([][]*query.Vec, len(sections))
	for i, s := range sections {
		d.vecs[i] = make([]*query.Vec, len(s.types))
		for j, t := range s.types {
			d.vecs[i][j] = query.NewVec(t)
		}
	}
	return nil
}

// fits holds the announced columns against the plan; the columns of states are
// held against their aggregates when they are decoded.
func (d *partialReader) fits(p *query.Partial, sections []section) bool {
	if !d.plan.Grouped {
		if len(sections) != 1 || len(sections[0].types) != len(d.plan.Outputs) {
			return false
		}
		for i, t := range sections[0].types {
			if t != d.plan.Outputs[i].Type {
				return false
			}
		}
		return p.Groups == 0
	}
	if len(sections) != 1+len(d.plan.Aggs) || len(sections[0].types) != len(d.plan.Keys) {
		return false
	}
	for i, t := range sections[0].types {
		if t != d.plan.Keys[i].Type {
			return false
		}
	}
	for _, s := range sections[1:] {
		for _, t := range s.types {
			if t == typeRows {
				return false
			}
		}
	}
	if len(d.plan.Keys) == 0 {
		return p.Groups <= 1 && sections[0].rows == 0
	}
	return sections[0].rows == p.Groups
}

// record takes one record.
func (d *partialReader) record(payload, header, body []byte) error {
	number, n := binary.Uvarint(payload)
	if d.partial == nil || n <= 0 || number < uint64(d.at) || number >= uint64(len(d.sections)) {
		return fmt.Errorf("a record of a part of the answer that is not due")
	}
	d.at = int(number)
	s, vecs := &d.sections[d.at], d.vecs[d.at]
	d.parser.types = s.types
	views, rows, err := d.parser.parse(header, body)
	if err != nil {
		return err
	}
	if len(vecs) == 0 || rows > s.rows-vecs[0].Len() {
		return fmt.Errorf("more rows than were announced")
	}
	for i := range views {
		if err := d.memory.take(views[i].memory()); err != nil {
			return err
		}
		d.reserve(vecs[i], s.rows)
		views[i].appendToVec(vecs[i])
	}
	return nil
}

// reserve makes room for all rows announced when the first of them come, so
// that large answers are not copied as they grow. Announcements cost a peer
// nothing: the room made for one answer is bounded.
func (d *partialReader) reserve(v *query.Vec, rows int) {
	width := int64(8)
	switch v.Type {
	case storage.TypeNull:
		return
	case storage.TypeString:
		width = 16
	case storage.TypeList:
		width = 24
	}
	if v.Len() > 0 || int64(rows) > d.room/width {
		return
	}
	d.room -= int64(rows) * width
	switch v.Type {
	case storage.TypeFloat64:
		v.Floats = make([]float64, 0, rows)
	case storage.TypeString:
		v.Strs = make([]string, 0, rows)
	case storage.TypeList:
		v.Lists = make([][]string, 0, rows)
	default:
		v.Ints = make([]int64, 0, rows)
	}
}

// end checks that all has come and decodes the states.
func (d *partialReader) end() (p *query.Partial, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			p, err = nil, fmt.Errorf("cannot read the states of a partial result: %v", cause)
		}
	}()
	if d.partial == nil {
		return nil, fmt.Errorf("an answer without a head")
	}
	for i, s := range d.sections {
		for _, v := range d.vecs[i] {
			if v.Len() != s.rows {
				return nil, fmt.Errorf("%d of %d rows came", v.Len(), s.rows)
			}
		}
	}
	p = d.partial
	if !d.plan.Grouped {
		p.Rows = d.vecs[0]
		return p, nil
	}
	p.Keys = d.vecs[0]
	p.States = make([]query.State, len(d.plan.Aggs))
	for i := range p.States {
		s, err := query.DecodeState(&d.plan.Aggs[i], d.vecs[i+1])
		if err != nil {
			return nil, err
		}
		if s.Len() != p.Groups {
			return nil, fmt.Errorf("a state of %d groups among %d", s.Len(), p.Groups)
		}
		p.States[i] = s
	}
	return p, nil
}
