package parquet

import (
	"errors"

	"github.com/apache/arrow/go/v15/arrow/array"
)

// cursor steps through the entries of a leaf within lists.
type cursor struct {
	column *column
	cells  cells
	at     int
	ended  bool
}

var errLevels = errors.New("its levels do not fit together")

// load makes sure that there is an entry at the cursor, or that it has ended.
func (c *cursor) load() error {
	if c.at < len(c.cells.reps) || c.ended {
		return nil
	}
	c.cells.clear()
	c.at = 0
	n := min(c.column.available(), cursorEntries)
	if n == 0 {
		c.ended = true
		return nil
	}
	_, err := c.column.read(int(n), &c.cells)
	return err
}

// assembler puts rows of one list or map together, from the cursors of all
// leaves within, as Arrow builds them:
//
//	row      an entry with repetition level 0, and those behind it with higher ones
//	list     an entry whose repetition level is the list's begins a further item
//	null     the definition level is lower than the node's
//
// Entries of a null, or of an empty list, are one in each leaf within.
type assembler struct {
	leaves  []*leaf
	cursors []cursor // of the leaves from first on
	first   int
	items   int // values of this row, lists and nulls as well
	text    int // bytes of text of this row
}

func (a *assembler) cursor(s *shape) *cursor { return &a.cursors[s.leaf-a.first] }

// row appends the next row.
func (a *assembler) row(s *shape, b array.Builder) error {
	a.items, a.text = 0, 0
	for i := range a.cursors {
		c := &a.cursors[i]
		if err := c.load(); err != nil {
			return err
		}
		if c.ended || c.cells.reps[c.at] != 0 {
			return errLevels
		}
	}
	if err := a.value(s, b); err != nil {
		return err
	}
	for i := range a.cursors {
		if c := &a.cursors[i]; !c.ended && c.cells.reps[c.at] != 0 {
			return errLevels
		}
	}
	return nil
}

// value appends a value of a shape.
func (a *assembler) value(s *shape, b array.Builder) error {
	a.items++
	first := a.cursor(s)
	if first.ended {
		return errLevels
	}
	def := first.cells.defs[first.at]
	if s.kind == shapeLeaf {
		if l := a.leaves[s.leaf]; def < l.maxDef {
			b.AppendNull()
		} else {
			a.text += l.append(b, &first.cells, first.at)
		}
		return a.advance(s)
	}
	if def < s.def {
		b.AppendNull()
		return a.advance(s)
	}
	switch b := b.(type) {
	case *array.StructBuilder:
		b.Append(true)
		for i, child := range s.children {
			if err := a.value(child, b.FieldBuilder(i)); err != nil {
				return err
			}
		}
		return nil
	case *array.MapBuilder:
		b.Append(true)
	case *array.ListBuilder:
		b.Append(true)
	default:
		panic("BUG: a shape and its builder differ")
	}
	if def < s.filled {
		return a.advance(s)
	}
	return a.itemsOf(s, b)
}

// item appends an item of a list or map.
func (a *assembler) item(s *shape, b array.Builder) error {
	if m, ok := b.(*array.MapBuilder); ok {
		if err := a.key(s.children[0], m.KeyBuilder()); err != nil {
			return err
		}
		return a.value(s.children[1], m.ItemBuilder())
	}
	return a.value(s.children[0], b.(*array.ListBuilder).ValueBuilder())
}

// key appends a key of a map, which Arrow does not allow to be null.
func (a *assembler) key(s *shape, b array.Builder) error {
	c := a.cursor(s)
	if c.ended || c.cells.defs[c.at] < a.leaves[s.leaf].maxDef && s.kind == shapeLeaf || c.cells.defs[c.at] < s.def {
		return errors.New("a key of a map is null")
	}
	return a.value(s, b)
}

// itemsOf appends the items of a list or map, which has some. Those past what a
// value may have are let go: the server rejects the row anyway.
func (a *assembler) itemsOf(s *shape, b array.Builder) error {
	first := a.cursor(s)
	for {
		var err error
		if a.items > rowItemsMax || a.text > valueBytesMax {
			err = a.skip(s)
		} else {
			err = a.item(s, b)
		}
		if err != nil {
			return err
		}
		if first.ended || first.cells.reps[first.at] < s.rep {
			return nil
		}
		if first.cells.reps[first.at] > s.rep {
			return errLevels
		}
	}
}

// skip steps over an item of a list.
func (a *assembler) skip(s *shape) error {
	for i := range s.leaves {
		c := &a.cursors[s.leaf+i-a.first]
		for begun := false; !c.ended && (!begun || c.cells.reps[c.at] > s.rep); begun = true {
			c.at++
			if err := c.load(); err != nil {
				return err
			}
		}
	}
	return nil
}

// advance steps over an entry of each leaf within.
func (a *assembler) advance(s *shape) error {
	for i := range s.leaves {
		c := &a.cursors[s.leaf+i-a.first]
		if c.ended {
			return errLevels
		}
		c.at++
		if err := c.load(); err != nil {
			return err
		}
	}
	return nil
}
