package storage

import (
	"slices"
	"unsafe"
)

// templateColumn gathers the parts of a column of templates.
type templateColumn struct {
	ids   []uint16 // of rows
	vars  []gathered
	first []int // variable of each template
	loose Vector

	starts []uint32  // where the rows of each template begin in texts or order
	texts  []located // by template
	nth    []uint32

	touched byte // the sum of what touch returned, so that it is not for nothing

	// Of a merge:
	readers   []*templateReader // of the parts
	into      []uint16          // for each of their templates, which it is in the merged column
	order     []uint32          // in order of the rows: which of its template in the order of the parts; empty: the same
	spareIDs  []uint16
	packedIDs []uint8
	looseBuf  TextBuf
}

// gathered is the values of one variable: numbers if all are, else texts.
type gathered struct {
	form    affix
	numeric bool
	failed  bool // a value was not of the form
	done    bool
	ints    []int64
	texts   Vector
	parts   []variablePart // of a merge, in place of values
}

// textSpan is where a value lies in the bytes of the column.
type textSpan struct{ from, to uint32 }

// located is a text of a template.
type located struct {
	start    uint32 // in the bytes of the column
	ends     uint32 // of its variables, in miner.ends
	skeleton uint16
}

// gather deals the texts of all rows out to variables and the loose. It looks at
// some values to find the forms of numbers, and again at all where they have no such
// form. Some rows at a time, so that their texts stay in the caches, it goes from
// template to template: what is alike follows each other, and a variable is one loop.
func (c *templateColumn) gather(m *miner, s *source, inverse []int32) {
	c.reset(m.mined)
	c.sort(m, s, inverse)
	c.locate(m, s, inverse)
	for t := range m.mined {
		texts, vars := c.textsOf(t)
		for j := range vars {
			vars[j].guess(m, s.vec.Bytes, texts, j)
		}
	}
	for more := true; more; more = c.retry() {
		next := append(c.nth[:0], c.starts...)
		c.nth = next
		for from := 0; from < s.rows; from += gatherRows {
			to := min(from+gatherRows, s.rows)
			if inverse == nil {
				c.touched += touch(s.vec, from, to)
			} else if first, last := valuesIn(inverse[from:to]); first < last && last-first <= rowsApartMax {
				c.touched += touch(s.vec, first, last)
			}
			var counts [templatesMax + 1]uint32
			for _, id := range c.ids[from:to] {
				counts[id]++
			}
			for t := range m.mined {
				n := counts[t]
				if n == 0 {
					continue
				}
				texts := c.texts[next[t] : next[t]+n]
				next[t] += n
				_, vars := c.textsOf(t)
				for j := range vars {
					if v := &vars[j]; !v.done && !v.failed {
						v.take(m, s.vec.Bytes, texts, j)
					}
				}
			}
		}
	}
}

// gatherRows texts of 85 bytes are 43 KB.
const gatherRows = 512

// touch reads a byte of every cache line of texts, one after another, as memory likes
// it best: by template they are read in leaps.
func touch(v *Vector, from, to int) (sum byte) {
	at := uint32(0)
	if from > 0 {
		at = v.Ends[from-1]
	}
	for ; at < v.Ends[to-1]; at += 64 {
		sum += v.Bytes[at]
	}
	return sum
}

// textsOf returns the texts and the variables of a template.
func (c *templateColumn) textsOf(t int) ([]located, []gathered) {
	vars := c.vars[c.first[t]:]
	if t+1 < len(c.first) {
		vars = vars[:c.first[t+1]-c.first[t]]
	}
	return c.texts[c.starts[t]:c.starts[t+1]], vars
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

// locate lists the texts of each template, in the order of the rows.
func (c *templateColumn) locate(m *miner, s *source, inverse []int32) {
	n := len(m.mined)
	c.starts = append(c.starts[:0], make([]uint32, n+2)...)
	for _, id := range c.ids[:s.rows] {
		c.starts[id+1]++
	}
	for i := range n {
		c.starts[i+1] += c.starts[i]
	}
	next := append(c.nth[:0], c.starts[:n+1]...)
	c.nth = next
	c.texts = grow(c.texts, int(c.starts[n]))
	for row, id := range c.ids[:s.rows] {
		if int(id) == n {
			continue
		}
		start, i := uint32(0), row
		if inverse != nil {
			i = int(inverse[row])
		}
		if i > 0 {
			start = s.vec.Ends[i-1]
		}
		c.texts[next[id]] = located{start, m.endsAt[row], m.ofRow[row] - 1}
		next[id]++
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

// in is where variable j of a text lies in the bytes of the column.
func (m *miner) in(l located, j int) textSpan {
	sp := &m.skeletons[l.skeleton].spans[j]
	from, to := uint32(sp.from.by), uint32(sp.to.by)
	if sp.from.after >= 0 {
		from += uint32(m.ends[l.ends+uint32(sp.from.after)])
	}
	if sp.to.after >= 0 {
		to += uint32(m.ends[l.ends+uint32(sp.to.after)])
	}
	return textSpan{l.start + from, l.start + to}
}

// guess finds the form of variable j by some of its values.
func (v *gathered) guess(m *miner, data []byte, texts []located, j int) {
	step := max(1, len(texts)/affixSamples)
	v.form, v.numeric = affixOf(len(texts)/step, func(i int) []byte {
		at := m.in(texts[i*step+step-1], j)
		return data[at.from:at.to]
	})
	if v.numeric {
		v.ints = slices.Grow(v.ints, len(texts))
	}
}

// take appends the values of variable j of texts, until one is not of the form.
func (v *gathered) take(m *miner, data []byte, texts []located, j int) {
	if v.numeric {
		v.failed = !v.takeNumbers(m, data, texts, j)
		return
	}
	for _, l := range texts {
		at := m.in(l, j)
		v.texts.Bytes = append(v.texts.Bytes, data[at.from:at.to]...)
		v.texts.Ends = append(v.texts.Ends, uint32(len(v.texts.Bytes)))
	}
}

// takeNumbers appends the values of variable j of texts. It reports false if one has
// not the form.
func (v *gathered) takeNumbers(m *miner, data []byte, texts []located, j int) bool {
	if f := &v.form; f.base == baseDecimal && f.digits <= 8 && len(f.prefix)+len(f.suffix) == 0 {
		return v.takeDecimals(m, data, texts, j)
	}
	for _, l := range texts {
		at := m.in(l, j)
		x, ok := v.form.parseIn(data, int(at.from), int(at.to))
		if !ok {
			return false
		}
		v.ints = append(v.ints, int64(x))
	}
	return true
}

// takeDecimals is takeNumbers for digits alone, of which there are hardly ever more
// than eight. Texts of one skeleton, mostly all, have the variable in the same place.
func (v *gathered) takeDecimals(m *miner, data []byte, texts []located, j int) bool {
	ok := true
	for len(texts) > 0 && ok {
		n, id := 1, texts[0].skeleton
		for n < len(texts) && texts[n].skeleton == id {
			n++
		}
		ok = v.takeDecimalsAt(m, data, texts[:n], j)
		texts = texts[n:]
	}
	return ok
}

// takeDecimalsAt is takeDecimals for texts of one skeleton. Numbers are read without a
// branch on how many digits they have.
func (v *gathered) takeDecimalsAt(m *miner, data []byte, texts []located, j int) bool {
	sp := m.skeletons[texts[0].skeleton].spans[j]
	at := len(v.ints)
	v.ints = slices.Grow(v.ints, len(texts))[:at+len(texts)]
	out, digits, wrong := v.ints[at:][:len(texts)], uint32(v.form.digits), uint64(0)
	bytes, ends := unsafe.SliceData(data), unsafe.SliceData(m.ends)
	for i := range texts {
		l := &texts[i]
		from, to := l.start+uint32(sp.from.by), l.start+uint32(sp.to.by)
		if sp.from.after >= 0 {
			from += uint32(load16(ends, int(l.ends)+sp.from.after))
		}
		if sp.to.after >= 0 {
			to += uint32(load16(ends, int(l.ends)+sp.to.after))
		}
		n := to - from
		if n-1 >= 8 || to < 8 {
			x, ok := v.form.parseIn(data, int(from), int(to))
			if !ok {
				return false
			}
			out[i] = int64(x)
			continue
		}
		shift := 8 * (8 - n) & 63
		x := (load64(bytes, to-8) ^ zeroes) >> shift << shift
		wrong |= (x + 0x76*lowBits) | x // the high bit of what is above 9
		if digits == 0 {
			if n > 1 && byte(x>>shift) == 0 {
				return false
			}
		} else if n != digits {
			return false
		}
		out[i] = int64(decimal8Of(x))
	}
	return wrong&(0x80*lowBits) == 0
}

// load16 loads the i-th of numbers.
func load16(base *uint16, i int) uint16 {
	return *(*uint16)(unsafe.Add(unsafe.Pointer(base), 2*i))
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
		*v = gathered{ints: v.ints[:0], parts: v.parts[:0], texts: Vector{Type: TypeString, Bytes: v.texts.Bytes[:0], Ends: v.texts.Ends[:0]}}
	}
	c.loose = Vector{Type: TypeString, Bytes: c.loose.Bytes[:0], Ends: c.loose.Ends[:0]}
}
