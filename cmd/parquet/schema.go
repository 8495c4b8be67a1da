package parquet

import (
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
)

// How often a node occurs in its parent.
const (
	required = 0
	optional = 1
	repeated = 2
)

// shape is a node of the schema as values are put together from it: where
// lists and maps stand for the two or three groups they consist of.
type shape struct {
	kind     shapeKind
	name     string
	def      uint8 // from this definition level on it is not null
	rep      uint8 // of a list or map: the repetition level of a further item
	filled   uint8 // of a list or map: from this definition level on there is an item
	children []*shape
	leaf     int // of a leaf: its number; else that of the first leaf within
	leaves   int // how many leaves are within
}

type shapeKind uint8

const (
	shapeLeaf shapeKind = iota
	shapeStruct
	shapeList // one child: the item
	shapeMap  // two children: key and value
)

// field is what becomes one column: a leaf, a list or a map.
type field struct {
	name  string
	shape *shape
}

// schemaReader walks over the elements of a footer.
type schemaReader struct {
	elements []element
	next     int
	leaves   []*leaf
}

// decodeSchema returns the leaves in the order of the file, and the fields.
func decodeSchema(elements []element) ([]*leaf, []field, error) {
	if len(elements) == 0 {
		return nil, nil, errors.New("it has no schema")
	}
	r := &schemaReader{elements: elements, next: 1}
	var fields []field
	for range elements[0].children {
		s, err := r.node("", 0, 0, 1)
		if err != nil {
			return nil, nil, err
		}
		fields = flatten(fields, "", s)
	}
	if r.next != len(elements) {
		return nil, nil, fmt.Errorf("its schema has %d nodes that are in no group", len(elements)-r.next)
	}
	return r.leaves, fields, nil
}

// flatten turns structs into names with dots.
func flatten(fields []field, prefix string, s *shape) []field {
	if s.kind != shapeStruct {
		return append(fields, field{prefix + s.name, s})
	}
	for _, child := range s.children {
		fields = flatten(fields, prefix+s.name+".", child)
	}
	return fields
}

// take returns the next element.
func (r *schemaReader) take() (*element, error) {
	if r.next >= len(r.elements) {
		return nil, errors.New("its schema ends within a group")
	}
	r.next++
	return &r.elements[r.next-1], nil
}

// node reads a node; def and rep are the levels of its parent. A node that is
// repeated without being in a list is a list of its own.
func (r *schemaReader) node(prefix string, def, rep, depth int) (*shape, error) {
	e, err := r.take()
	if err != nil {
		return nil, err
	}
	path := prefix + e.name
	if depth > depthMax {
		return nil, fmt.Errorf("column %q is nested deeper than %d", path, depthMax)
	}
	switch e.repetition {
	case required:
	case optional:
		def++
	case repeated:
		item, err := r.content(e, path, def+1, rep+1, depth)
		if err != nil {
			return nil, err
		}
		return &shape{kind: shapeList, name: e.name, def: uint8(def), rep: uint8(rep + 1), filled: uint8(def + 1),
			children: []*shape{item}, leaf: item.leaf, leaves: item.leaves}, nil
	default:
		return nil, fmt.Errorf("column %q occurs in an unknown way (%d)", path, e.repetition)
	}
	return r.content(e, path, def, rep, depth)
}

// content reads what an element holds, at its own levels.
func (r *schemaReader) content(e *element, path string, def, rep, depth int) (*shape, error) {
	if e.children < 0 || e.children > int64(len(r.elements)) {
		return nil, fmt.Errorf("column %q says it has %d children", path, e.children)
	}
	if e.physical >= 0 && e.children == 0 {
		l, err := newLeaf(path, e, def, rep)
		if err != nil {
			return nil, fmt.Errorf("column %q cannot be read: %w", path, err)
		}
		r.leaves = append(r.leaves, l)
		return &shape{kind: shapeLeaf, name: e.name, def: uint8(def), leaf: len(r.leaves) - 1, leaves: 1}, nil
	}
	if e.children == 1 && r.next < len(r.elements) && r.elements[r.next].repetition == repeated {
		switch {
		case e.logical.kind == logicalList, e.logical.kind == 0 && e.converted == convertedList:
			return r.list(e, path, def, rep, depth)
		case e.logical.kind == logicalMap, e.logical.kind == 0 && (e.converted == convertedMap || e.converted == convertedMapKeyValue):
			if r.elements[r.next].children == 2 {
				return r.mapping(e, path, def, rep, depth)
			}
		}
	}
	s := &shape{kind: shapeStruct, name: e.name, def: uint8(def), leaf: len(r.leaves)}
	for range e.children {
		child, err := r.node(path+".", def, rep, depth+1)
		if err != nil {
			return nil, err
		}
		s.children = append(s.children, child)
		s.leaves += child.leaves
	}
	if s.leaves == 0 {
		return nil, fmt.Errorf("column %q is a group with nothing in it", path)
	}
	return s, nil
}

// list reads a list: a group around a repeated node. That node is the item
// itself if it is no group, has several children, or a name that old writers
// gave items; else its child is the item.
func (r *schemaReader) list(e *element, path string, def, rep, depth int) (*shape, error) {
	middle, err := r.take()
	if err != nil {
		return nil, err
	}
	var item *shape
	if middle.children != 1 || middle.name == "array" || middle.name == e.name+"_tuple" {
		item, err = r.content(middle, path, def+1, rep+1, depth+1)
	} else {
		item, err = r.node(path+".", def+1, rep+1, depth+2)
	}
	if err != nil {
		return nil, err
	}
	return &shape{kind: shapeList, name: e.name, def: uint8(def), rep: uint8(rep + 1), filled: uint8(def + 1),
		children: []*shape{item}, leaf: item.leaf, leaves: item.leaves}, nil
}

// mapping reads a map: a group around repeated pairs.
func (r *schemaReader) mapping(e *element, path string, def, rep, depth int) (*shape, error) {
	if _, err := r.take(); err != nil {
		return nil, err
	}
	key, err := r.node(path+".", def+1, rep+1, depth+2)
	if err != nil {
		return nil, err
	}
	value, err := r.node(path+".", def+1, rep+1, depth+2)
	if err != nil {
		return nil, err
	}
	return &shape{kind: shapeMap, name: e.name, def: uint8(def), rep: uint8(rep + 1), filled: uint8(def + 1),
		children: []*shape{key, value}, leaf: key.leaf, leaves: key.leaves + value.leaves}, nil
}

// arrowType is the type a shape has in the stream.
func (s *shape) arrowType(leaves []*leaf) arrow.DataType {
	switch s.kind {
	case shapeLeaf:
		return leaves[s.leaf].arrowType()
	case shapeList:
		return arrow.ListOf(s.children[0].arrowType(leaves))
	case shapeMap:
		return arrow.MapOf(s.children[0].arrowType(leaves), s.children[1].arrowType(leaves))
	}
	fields := make([]arrow.Field, len(s.children))
	for i, child := range s.children {
		fields[i] = arrow.Field{Name: child.name, Type: child.arrowType(leaves), Nullable: true}
	}
	return arrow.StructOf(fields...)
}
