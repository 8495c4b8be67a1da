package storage

import (
	"fmt"
	"math"
	"math/bits"
)

// thinRows appends to dst the rows, of the first n of a block, that thinning by keep
// leaves: each with a chance of 1 in keep, by a hash of the block's shard and id and the
// row. So whoever thins the block, however often it is begun anew, keeps the same rows,
// and blocks of leaves that were born in the same second, whose ids are alike, do not.
func thinRows(dst []uint32, shard ShardID, id BlockID, n int, keep uint64) []uint32 {
	seed := mix64(mix64(mix64(uint64(shard))+id.Epoch) + id.Seq)
	for row := range uint64(n) {
		// A hash that is uniform in 64 bits times keep has the high word 0 for one
		// in keep of all hashes.
		if high, _ := bits.Mul64(mix64(seed+row*golden64), keep); high == 0 {
			dst = append(dst, uint32(row))
		}
	}
	return dst
}

// golden64 is 2^64 over the golden ratio, the step between the rows' inputs.
const golden64 = 0x9e3779b97f4a7c15

// mix64 is a permutation of 64 bits of which every bit of the result depends on
// every bit of x: the finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable
// Pseudorandom Number Generators, 2014).
func mix64(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Thinned returns one in keep rows of the block (at least 2), each with its weight
// times keep as its sample_rate. Whatever stood there instead, no number or a null,
// weighed 1. The rows are chosen by the block's shard and id; there may be none. Errors are
// *DamageError.
func (b *Block) Thinned(keep uint64) (*Batch, error) {
	dst := NewBatch()
	rows := thinRows(nil, b.header.Shard, b.header.ID, b.header.Rows, keep)
	if len(rows) == 0 {
		return dst, nil
	}
	t := thinner{appender: appenders.Get().(*appender), rows: rows, to: make([]int32, b.header.Rows)}
	defer appenders.Put(t.appender)
	for row := range t.to {
		t.to[row] = -1
	}
	for i, row := range rows {
		t.to[row] = int32(i)
	}
	weights := make([]uint64, len(rows))
	for i := range weights {
		weights[i] = 1
	}
	for _, c := range b.Columns() {
		var err error
		switch c.name {
		case TimeColumn:
			err = t.times(dst, c)
		case SampleRateColumn:
			err = t.weigh(weights, c)
		default:
			err = t.column(dst, c)
		}
		if err != nil {
			return nil, err
		}
	}
	dst.rows = len(rows)
	rates := dst.vector(SampleRateColumn, TypeInt64)
	for i, w := range weights {
		high, product := bits.Mul64(w, keep)
		if high != 0 || product > math.MaxInt64 {
			product = math.MaxInt64
		}
		rates.Rows, rates.Ints = append(rates.Rows, uint32(i)), append(rates.Ints, int64(product))
	}
	return dst, nil
}

// thinner reads columns of a block, one at a time, and passes some rows on.
type thinner struct {
	*appender
	rows []uint32 // of the block
	to   []int32  // their new numbers, by row of the block; -1: not kept
	all  Vector   // the column that is being read
}

func (t *thinner) times(dst *Batch, c *Column) error {
	if c.typ != TypeTime {
		return c.damaged(fmt.Errorf("times of rows are of type %v", c.typ))
	}
	times, err := c.Ints(t.ints)
	if err != nil {
		return err
	}
	for _, row := range t.rows {
		dst.times = append(dst.times, times[row])
	}
	return nil
}

// column passes the values of the rows on.
func (t *thinner) column(dst *Batch, c *Column) error {
	v, err := t.load(&t.all, c.typ, []part{{col: c}})
	if err != nil {
		return err
	}
	var to *Vector // made with the first value: the rows may have none
	for j, row := range v.Rows {
		if t.to[row] < 0 {
			continue
		}
		if to == nil {
			to = dst.vector(c.name, c.typ)
		}
		to.appendValue(v, j, uint32(t.to[row]))
	}
	return nil
}

// weigh takes the weights of the rows from a column of sample_rate.
func (t *thinner) weigh(weights []uint64, c *Column) error {
	if c.typ != TypeInt64 && c.typ != TypeFloat64 {
		return nil
	}
	v, err := t.load(&t.all, c.typ, []part{{col: c}})
	if err != nil {
		return err
	}
	for j, row := range v.Rows {
		if i := t.to[row]; i >= 0 {
			weights[i] = Weight(v.Value(j))
		}
	}
	return nil
}
