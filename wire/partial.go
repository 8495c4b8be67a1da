package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A Partial travels as a head, then its sections one after another, cut into
// records of about sliceBytes, then an end. A section is columns of equal
// length: the keys, each aggregate's state, or the rows. A record's payload is
// the number of its section.

// section is the shape of columns of equal length.
type section struct {
	rows  int
	types []storage.Type
}

func appendSections(dst []byte, all []section) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(all)))
	for _, s := range all {
		dst = binary.AppendUvarint(dst, uint64(s.rows))
		dst = binary.AppendUvarint(dst, uint64(len(s.types)))
		for _, t := range s.types {
			dst = append(dst, byte(t))
		}
	}
	return dst
}

func readSections(r *reader) []section {
	all := make([]section, r.count(sectionsMax, 2))
	for i := range all {
		s := section{rows: r.size(1 << 40)}
		s.types = make([]storage.Type, r.count(sectionColumnsMax, 1))
		for j := range s.types {
			s.types[j] = storage.Type(r.byte())
			if s.types[j] > storage.TypeList && s.types[j] != typeRows {
				r.fail()
			}
		}
		if r.err != nil {
			return nil
		}
		all[i] = s
	}
	return all
}

// vecSections lays a Partial out in sections and their columns.
func vecSections(p *query.Partial, grouped bool) ([]section, [][]column) {
	var vecs [][]*query.Vec
	if grouped {
		vecs = append(vecs, p.Keys)
		for _, s := range p.States {
			vecs = append(vecs, s.Columns())
		}
	} else {
		vecs = append(vecs, p.Rows)
	}
	sections := make([]section, len(vecs))
	columns := make([][]column, len(vecs))
	for i, group := range vecs {
		for j, v := range group {
			if j == 0 {
				sections[i].rows = v.Len()
			} else if v.Len() != sections[i].rows {
				panic(fmt.Sprintf("BUG: columns of %d and %d rows in one part of a partial result", sections[i].rows, v.Len()))
			}
			sections[i].types = append(sections[i].types, v.Type)
			columns[i] = append(columns[i], columnOfVec(v))
		}
	}
	return sections, columns
}

// sendPartial sends a Partial: head, records, end.
func sendPartial(out *sender, p *query.Partial, grouped bool) error {
	for _, l := range p.Leaves {
		for _, s := range l.Skipped {
			if err := checkCounts(s.Hist); err != nil {
				return fmt.Errorf("cannot send what leaf %q skipped: %w", l.Leaf, err)
			}
		}
	}
	sections, columns := vecSections(p, grouped)
	err := out.send(kindPartial, func(dst []byte) []byte { return appendPartial(dst, p, grouped, sections) })
	for i := range sections {
		if err == nil {
			err = out.section(i, columns[i], sections[i].rows)
		}
	}
	if err != nil {
		return err
	}
	return out.send(kindEnd, nil)
}

// appendPartial encodes the head of a Partial.
func appendPartial(dst []byte, p *query.Partial, grouped bool, sections []section) []byte {
	dst = appendBool(dst, grouped)
	dst = binary.AppendUvarint(dst, uint64(p.Groups))
	dst = appendSections(dst, sections)
	dst = binary.AppendUvarint(dst, uint64(len(p.Leaves)))
	for i := range p.Leaves {
		dst = appendReport(dst, &p.Leaves[i])
	}
	for _, n := range []uint64{
		p.Stats.RowsScanned, p.Stats.RowsMatched, p.Stats.BlocksScanned, p.Stats.BlocksPruned, p.Stats.BytesScanned, p.Later,
	} {
		dst = binary.AppendUvarint(dst, n)
	}
	for _, t := range []int64{p.From, p.To, p.Horizon, p.Newest} {
		dst = binary.AppendVarint(dst, t)
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.Approx)))
	for _, a := range p.Approx {
		dst = binary.AppendUvarint(dst, uint64(a))
	}
	dst = appendBool(dst, p.Truncated != nil)
	if t := p.Truncated; t != nil {
		dst = appendText(dst, t.By)
		dst = binary.AppendVarint(dst, t.Limit)
		dst = binary.AppendVarint(dst, t.Kept)
	}
	warnings := p.Warnings[:min(len(p.Warnings), warningsMax)]
	dst = appendTextList(dst, warnings)
	if p.DrawnOf > 0 { // a peer that does not know it, knows no SAMPLE
		dst = binary.AppendUvarint(dst, p.Drawn)
		dst = binary.AppendUvarint(dst, p.DrawnOf)
	}
	return dst
}

// decodePartial decodes a head. The aggregates named must be under aggs.
func decodePartial(src []byte, aggs int) (p *query.Partial, grouped bool, sections []section, err error) {
	r := &reader{src: src}
	p = &query.Partial{}
	grouped = r.bool()
	p.Groups = r.size(1 << 40)
	sections = readSections(r)
	if n := r.count(reportsMax, 8); n > 0 {
		p.Leaves = make([]query.LeafReport, n)
		for i := range p.Leaves {
			if p.Leaves[i] = readReport(r); r.err != nil {
				break
			}
		}
	}
	for _, into := range []*uint64{
		&p.Stats.RowsScanned, &p.Stats.RowsMatched, &p.Stats.BlocksScanned, &p.Stats.BlocksPruned, &p.Stats.BytesScanned, &p.Later,
	} {
		*into = r.uvarint()
	}
	for _, into := range []*int64{&p.From, &p.To, &p.Horizon, &p.Newest} {
		*into = r.varint()
	}
	for range r.count(aggs, 1) {
		a := r.size(max(aggs-1, 0))
		p.Approx = append(p.Approx, a)
	}
	if r.bool() {
		p.Truncated = &query.Truncated{By: r.text(), Limit: r.varint(), Kept: r.varint()}
	}
	p.Warnings = r.texts(warningsMax)
	if len(r.src) > 0 {
		if p.Drawn, p.DrawnOf = r.uvarint(), r.uvarint(); p.Drawn > p.DrawnOf {
			r.fail()
		}
	}
	if r.err != nil {
		return nil, false, nil, fmt.Errorf("cannot read a partial result: %w", r.err)
	}
	return p, grouped, sections, nil
}

// appendReport encodes what a leaf says of its part.
func appendReport(dst []byte, l *query.LeafReport) []byte {
	dst = appendText(dst, l.Leaf)
	dst = binary.AppendUvarint(dst, l.Shard)
	dst = appendText(dst, l.Reason)
	dst = appendBool(dst, l.Unknown)
	dst = binary.AppendUvarint(dst, l.Covered)
	dst = binary.AppendUvarint(dst, l.Epoch)
	dst = binary.AppendUvarint(dst, l.Seq)
	dst = binary.AppendUvarint(dst, uint64(len(l.Skipped)))
	for _, s := range l.Skipped {
		dst = appendText(dst, s.Reason)
		dst = appendCounts(dst, s.Hist)
	}
	return dst
}

func readReport(r *reader) query.LeafReport {
	l := query.LeafReport{
		Leaf: r.text(), Shard: r.uvarint(), Reason: r.text(), Unknown: r.bool(), Covered: r.uvarint(),
		Epoch: r.uvarint(), Seq: r.uvarint(),
	}
	for range r.count(skipsMax, 2) {
		l.Skipped = append(l.Skipped, query.Skipped{Reason: r.text(), Hist: readCounts(r)})
		if r.err != nil {
			break
		}
	}
	return l
}

func appendTextList(dst []byte, all []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(all)))
	for _, s := range all {
		dst = appendText(dst, s)
	}
	return dst
}

// texts reads texts; none is nil.
func (r *reader) texts(limit int) []string {
	var all []string
	for range r.count(limit, 1) {
		all = append(all, r.text())
	}
	return all
}
