package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// footer is what the end of a file says of the rest.
type footer struct {
	elements []element
	rows     int64
	groups   []rowGroup
}

// element is a node of the schema; its children stand behind it.
type element struct {
	name       string
	physical   int64 // -1 for a group
	width      int64 // of physicalFixed, in bytes
	repetition int64
	children   int64
	converted  int64 // -1 if there is none
	scale      int64
	logical    logical
}

// logical says what values mean, for writers since 2018; older ones said it by
// the converted type.
type logical struct {
	kind   int64 // 0 if there is none
	scale  int64 // of a decimal
	bits   int64 // of an integer
	signed bool  // of an integer
	unit   int64 // of a time or timestamp: 1 ms, 2 us, 3 ns
}

type rowGroup struct {
	rows   int64
	chunks []chunk
}

// chunk says where the pages of a column lie.
type chunk struct {
	from, size int64
	entries    int64
	codec      int64
	physical   int64
}

var (
	magic          = []byte("PAR1")
	magicEncrypted = []byte("PARE")

	errEncrypted = errors.New("it is encrypted, which kelp cannot read: write it without encryption")
)

// readFooter reads the end of a file of size bytes.
func readFooter(r io.ReaderAt, size int64) (*footer, error) {
	var head [4]byte
	var tail [8]byte
	if size < 12 {
		return nil, fmt.Errorf("it is no whole Parquet file: it has only %d bytes", size)
	}
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil {
		return nil, err
	}
	switch {
	case string(head[:]) == string(magicEncrypted) || string(tail[4:]) == string(magicEncrypted):
		return nil, errEncrypted
	case string(head[:]) != string(magic):
		return nil, fmt.Errorf("it is no Parquet file: it starts with %q and not with PAR1", head)
	case string(tail[4:]) != string(magic):
		return nil, fmt.Errorf("the end of this Parquet file is missing: it ends with %q and not with PAR1, so its footer was cut off or never written", tail[4:])
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > size-12 {
		return nil, fmt.Errorf("its footer says it has %d bytes, in a file of %d", n, size)
	}
	if n > footerBytesMax {
		return nil, fmt.Errorf("its footer of %d bytes is longer than %d: write fewer row groups", n, int64(footerBytesMax))
	}
	buf := make([]byte, n)
	if _, err := r.ReadAt(buf, size-8-n); err != nil {
		return nil, err
	}
	f, err := decodeFooter(buf)
	if err != nil {
		return nil, fmt.Errorf("cannot read its footer: %w", err)
	}
	return f, f.check(size - 8 - n)
}

func decodeFooter(buf []byte) (*footer, error) {
	c := &compact{buf: buf}
	f := &footer{}
	encrypted := false
	c.each(func(id int64, kind byte) {
		switch id {
		case 2:
			c.structs(kind, func() {
				if len(f.elements) >= schemaNodesMax {
					c.fail(fmt.Errorf("its schema has more than %d nodes", schemaNodesMax))
				}
				f.elements = append(f.elements, decodeElement(c))
			})
		case 3:
			f.rows = c.number(kind)
		case 4:
			c.structs(kind, func() { f.groups = append(f.groups, decodeGroup(c, &encrypted)) })
		case 8:
			encrypted = true
			c.skip(kind)
		default:
			c.skip(kind)
		}
	})
	if c.err == nil && encrypted {
		return nil, errEncrypted
	}
	return f, c.err
}

func decodeElement(c *compact) element {
	e := element{physical: -1, converted: -1}
	c.each(func(id int64, kind byte) {
		switch id {
		case 1:
			e.physical = c.number(kind)
		case 2:
			e.width = c.number(kind)
		case 3:
			e.repetition = c.number(kind)
		case 4:
			e.name = string(c.text(kind))
		case 5:
			e.children = c.number(kind)
		case 6:
			e.converted = c.number(kind)
		case 7:
			e.scale = c.number(kind)
		case 10:
			c.inside(kind, func(id int64, kind byte) { e.logical = decodeLogical(c, id, kind) })
		default:
			c.skip(kind)
		}
	})
	return e
}

// decodeLogical reads the details of a logical type, whose number is the
// field's.
func decodeLogical(c *compact, id int64, kind byte) logical {
	l := logical{kind: id}
	switch id {
	case logicalDecimal:
		c.inside(kind, func(id int64, kind byte) {
			if id == 1 {
				l.scale = c.number(kind)
			} else {
				c.skip(kind)
			}
		})
	case logicalTime, logicalTimestamp:
		c.inside(kind, func(id int64, kind byte) {
			if id == 2 {
				c.inside(kind, func(id int64, kind byte) { l.unit = id; c.skip(kind) })
			} else {
				c.skip(kind)
			}
		})
	case logicalInteger:
		c.inside(kind, func(id int64, kind byte) {
			switch id {
			case 1:
				l.bits = c.number(kind)
			case 2:
				l.signed = kind == thriftTrue
			default:
				c.skip(kind)
			}
		})
	default:
		c.skip(kind)
	}
	return l
}

func decodeGroup(c *compact, encrypted *bool) rowGroup {
	g := rowGroup{}
	c.each(func(id int64, kind byte) {
		switch id {
		case 1:
			c.structs(kind, func() { g.chunks = append(g.chunks, decodeChunk(c, encrypted)) })
		case 3:
			g.rows = c.number(kind)
		default:
			c.skip(kind)
		}
	})
	return g
}

func decodeChunk(c *compact, encrypted *bool) chunk {
	k := chunk{physical: -1}
	c.each(func(id int64, kind byte) {
		switch id {
		case 1:
			if len(c.text(kind)) > 0 {
				c.fail(errors.New("it says that its values lie in another file, which kelp does not open"))
			}
		case 3:
			c.inside(kind, func(id int64, kind byte) { decodeChunkField(c, &k, id, kind) })
		case 8, 9:
			*encrypted = true
			c.skip(kind)
		default:
			c.skip(kind)
		}
	})
	return k
}

func decodeChunkField(c *compact, k *chunk, id int64, kind byte) {
	switch id {
	case 1:
		k.physical = c.number(kind)
	case 4:
		k.codec = c.number(kind)
	case 5:
		k.entries = c.number(kind)
	case 7:
		k.size = c.number(kind)
	case 9: // the first data page
		if at := c.number(kind); k.from == 0 || at < k.from {
			k.from = at
		}
	case 11: // the dictionary; some writers say 0 if there is none
		if at := c.number(kind); at > 0 && (k.from == 0 || at < k.from) {
			k.from = at
		}
	default:
		c.skip(kind)
	}
}

// check holds the footer against the bytes that lie before it.
func (f *footer) check(end int64) error {
	sum := int64(0)
	for i := range f.groups {
		g := &f.groups[i]
		if g.rows < 0 || g.rows > 1<<56 {
			return fmt.Errorf("row group %d says it has %d rows", i, g.rows)
		}
		sum += g.rows
		for k := range g.chunks {
			c := &g.chunks[k]
			if c.from < 4 || c.size < 0 || c.from > end || c.size > end-c.from || c.entries < 0 {
				return fmt.Errorf("column %d of row group %d says it has %d values in %d bytes at %d, outside of the file's %d", k, i, c.entries, c.size, c.from, end)
			}
		}
	}
	if sum != f.rows {
		return fmt.Errorf("it says it has %d rows, and its row groups have %d", f.rows, sum)
	}
	return nil
}
