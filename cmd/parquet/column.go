package parquet

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// source is what the columns of a file share.
type source struct {
	r        io.ReaderAt
	unpacker unpacker
	head     []byte // scratch for headers
	packed   []byte // scratch for pages
	held     int64  // bytes of pages and dictionaries in memory
}

// column reads the entries of a leaf in one row group.
type column struct {
	file *source
	leaf *leaf

	codec       int64
	pos, end    int64 // in the file
	entriesLeft int64 // of the chunk, behind the current page

	dict               *dictionary
	dictHeld, pageHeld int64
	left               int // entries of the page
	reps, defs         hybrid
	values             decoder
	step               int // entries that are decoded at once
}

// newColumn starts at the first page of a chunk.
func newColumn(file *source, l *leaf, k *chunk) *column {
	return &column{file: file, leaf: l, codec: k.codec, pos: k.from, end: k.from + k.size, entriesLeft: k.entries}
}

// cells are entries of a column. A null has a zero value.
type cells struct {
	reps, defs []uint8 // nil where they can only be 0
	words      []int64
	bytes      [][]byte
	size       int // of all bytes
}

func (c *cells) clear() {
	clear(c.bytes) // nothing keeps their pages
	c.reps, c.defs, c.words, c.bytes, c.size = c.reps[:0], c.defs[:0], c.words[:0], c.bytes[:0], 0
}

// available is how many entries the chunk has left.
func (c *column) available() int64 { return int64(c.left) + c.entriesLeft }

// read appends up to n entries, fewer if their bytes are many.
func (c *column) read(n int, to *cells) (int, error) {
	done := 0
	for done < n && (done == 0 || to.size < batchBytesMax) {
		if c.left == 0 {
			if err := c.nextPage(); err != nil {
				return done, err
			}
			c.entriesLeft -= int64(c.left)
		}
		k := min(n-done, c.left, c.step)
		if err := c.readInPage(k, to); err != nil {
			return done, err
		}
		c.left -= k
		done += k
	}
	return done, nil
}

func (c *column) readInPage(n int, to *cells) error {
	if c.leaf.maxRep > 0 {
		from := len(to.reps)
		to.reps = extend(to.reps, n)
		if err := readLevels(&c.reps, to.reps[from:], c.leaf.maxRep); err != nil {
			return err
		}
	}
	full := n
	var defs []uint8
	if c.leaf.maxDef > 0 {
		from := len(to.defs)
		to.defs = extend(to.defs, n)
		defs = to.defs[from:]
		if err := readLevels(&c.defs, defs, c.leaf.maxDef); err != nil {
			return err
		}
		full = 0
		for _, d := range defs {
			if d == c.leaf.maxDef {
				full++
			}
		}
	}
	if c.leaf.words() {
		from := len(to.words)
		to.words = extend(to.words, n)
		here := to.words[from:]
		if err := c.values.decodeWords(here[:full]); err != nil {
			return err
		}
		if c.leaf.kind == leafUint && c.leaf.physical == physicalInt32 {
			for i := range here[:full] {
				here[i] &= math.MaxUint32
			}
		}
		spread(here, full, defs, c.leaf.maxDef)
		return nil
	}
	from := len(to.bytes)
	to.bytes = extend(to.bytes, n)
	here := to.bytes[from:]
	if err := c.values.decodeBytes(here[:full]); err != nil {
		return err
	}
	for i, b := range here[:full] {
		if c.leaf.kind == leafDecimal && len(b) > decimalBytesMax {
			return fmt.Errorf("a decimal of %d bytes, where kelp reads up to %d: cast it to double or text", len(b), decimalBytesMax)
		}
		if len(b) > valueBytesMax {
			here[i] = b[:valueBytesMax]
		}
		to.size += len(here[i])
	}
	spread(here, full, defs, c.leaf.maxDef)
	return nil
}

// spread moves the first full values to the places that are not null.
func spread[T any](values []T, full int, defs []uint8, top uint8) {
	if full == len(values) {
		return
	}
	var null T
	for i := len(values) - 1; i >= 0; i-- {
		if defs[i] == top {
			full--
			values[i] = values[full]
		} else {
			values[i] = null
		}
	}
}

func readLevels(runs *hybrid, dst []uint8, top uint8) error {
	if err := decodeHybrid(runs, dst); err != nil {
		return err
	}
	if slices.Max(dst) > top {
		return errors.New("a level is higher than its column is deep")
	}
	return nil
}

func extend[T any](s []T, n int) []T {
	return slices.Grow(s, n)[:len(s)+n]
}
