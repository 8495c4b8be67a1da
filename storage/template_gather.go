package storage

import "slices"

// templateColumn gathers the parts of a column of templates.
type templateColumn struct {
	ids   []uint16 // of rows
	vars  []gathered
	first []int // variable of each template
	loose Vector

	// Of a merge:
	readers   []*templateReader // of the parts
	into      []uint16          // for each of their templates, which it is in the merged column
	starts    []uint32          // where the rows of each template begin in order
	order     []uint32          // in order of the rows: which of its template in the order of the parts; empty: the same
	nth       []uint32
	spareIDs  []uint16
	packedIDs []uint8
	looseBuf  TextBuf
}

// gathered is the values of one variable: numbers as long as all are, else texts.
type gathered struct {
	form    affix
	numeric bool
	failed  bool // a value was not of the form
	done    bool
	ints    []int64
	texts   Vector
	samples []textSpan
	parts   []variablePart // of a merge, in place of values
}

// textSpan is where a value lies in the bytes of the column.
type textSpan struct{ from, to uint32 }

// gather deals the texts of all rows out to variables and the loose. It looks at
// some values to find the forms of numbers, then reads each text once while it is in
// the caches, and again only for variables that were not what they seemed.
func (c *templateColumn) gather(m *miner, s *source, inverse []int32) {
	c.reset(m.mined)
	c.sort(m, s, inverse)
	data := s.vec.Bytes
	seen := make([]int, len(m.mined))
	c.each(m, s, inverse, func(sk *skeleton, start uint32, ends []uint16) {
		step := max(1, m.mined[sk.template].rows/affixSamples)
		if seen[sk.template]++; seen[sk.template]%step != 0 {
			return
		}
		vars := c.vars[c.first[sk.template]:]
		for j := range sk.spans {
			vars[j].samples = append(vars[j].samples, sk.spans[j].in(start, ends))
		}
	})
	for i := range m.mined {
		for j := range m.mined[i].size() {
			v := &c.vars[c.first[i]+j]
			v.form, v.numeric = affixOf(len(v.samples), func(i int) []byte { return data[v.samples[i].from:v.samples[i].to] })
			if v.numeric {
				v.ints = slices.Grow(v.ints, m.mined[i].rows)
			}
		}
	}
	for more := true; more; more = c.retry() {
		c.each(m, s, inverse, func(sk *skeleton, start uint32, ends []uint16) {
			vars := c.vars[c.first[sk.template]:]
			for j := range sk.spans {
				if v := &vars[j]; !v.done {
					v.take(data, sk.spans[j].in(start, ends))
				}
			}
		})
	}
}

// sort finds the template of each row, and takes the texts that have none.
func (c *templateColumn) sort(m *miner, s *source, inverse []int32) {
	c.ids = grow(c.ids, s.rows)
	for row, id := range m.ofRow[:s.rows] {
		if id > 0 && m.skeletons[id-1].template >= 0 {
			c.ids[row] = uint16(m.skeletons[id-1].template)
			continue
		}
		c.ids[row] = uint16(len(m.mined))
		c.loose.Bytes = append(c.loose.Bytes, s.textOfRow(inverse, row)...)
		c.loose.Ends = append(c.loose.Ends, uint32(len(c.loose.Bytes)))
	}
}

// each calls f for every row with a template, with its skeleton, where its text
// starts, and where its variables end in that.
func (c *templateColumn) each(m *miner, s *source, inverse []int32, f func(sk *skeleton, start uint32, ends []uint16)) {
	at := 0
	for row, id := range m.ofRow[:s.rows] {
		if id == 0 {
			continue
		}
		sk := &m.skeletons[id-1]
		at += sk.vars
		if sk.template < 0 {
			continue
		}
		start, i := uint32(0), row
		if inverse != nil {
			i = int(inverse[row])
		}
		if i > 0 {
			start = s.vec.Ends[i-1]
		}
		f(sk, start, m.ends[at-sk.vars:at])
	}
}

// retry prepares variables that were not of their form to be taken again.
func (c *templateColumn) retry() (more bool) {
	for i := range c.vars {
		v := &c.vars[i]
		if v.done = !v.failed; v.done {
			continue
		}
		more, v.failed, v.ints = true, false, v.ints[:0]
		v.numeric = v.form.loosen()
	}
	return more
}

// in is where a variable lies in the bytes of the column, in the text from start on.
func (s *span) in(start uint32, ends []uint16) textSpan {
	return textSpan{start + uint32(s.from.in(ends)), start + uint32(s.to.in(ends))}
}

// take adds a value, unless one was not of the form.
func (v *gathered) take(data []byte, at textSpan) {
	switch {
	case v.failed:
	case !v.numeric:
		v.texts.Bytes = append(v.texts.Bytes, data[at.from:at.to]...)
		v.texts.Ends = append(v.texts.Ends, uint32(len(v.texts.Bytes)))
	default:
		x, ok := v.form.parseIn(data, int(at.from), int(at.to))
		v.ints = append(v.ints, int64(x))
		v.failed = !ok
	}
}

// release lets go of the texts that forms were found in, and of blocks.
func (c *templateColumn) release() {
	for i := range c.vars {
		c.vars[i].form = affix{}
		clear(c.vars[i].parts)
	}
	clear(c.readers)
}

// reset keeps the arrays for the variables of templates.
func (c *templateColumn) reset(mined []mined) {
	c.first = c.first[:0]
	n := 0
	for i := range mined {
		c.first = append(c.first, n)
		n += len(mined[i].pieces) - 1
	}
	c.vars = slices.Grow(c.vars[:cap(c.vars)], max(0, n-cap(c.vars)))[:n]
	for i := range c.vars {
		v := &c.vars[i]
		*v = gathered{ints: v.ints[:0], samples: v.samples[:0], parts: v.parts[:0], texts: Vector{Type: TypeString, Bytes: v.texts.Bytes[:0], Ends: v.texts.Ends[:0]}}
	}
	c.loose = Vector{Type: TypeString, Bytes: c.loose.Bytes[:0], Ends: c.loose.Ends[:0]}
}
