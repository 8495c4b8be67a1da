package ingest

import (
	"math/bits"

	"github.com/kelpdb/kelp/storage"
)

// timeRawColumn keeps what stood in a time field but is not a time.
const timeRawColumn = "time_raw"

// timeNames are the fields that hold a time if the caller names none, the
// preferred first.
func timeNames(field string) []string {
	switch field {
	case "":
		return []string{storage.TimeColumn, "timestamp", "ts", "@timestamp", "_time"}
	case storage.TimeColumn:
		return []string{storage.TimeColumn}
	}
	// `time` cannot be a column, so it is a time field in any case.
	return []string{field, storage.TimeColumn}
}

// timeFieldsMax is the most names timeNames returns.
const timeFieldsMax = 5

// rowTimes collects the time fields of the open row. A time field has a rank,
// 1 the most preferred; 0 is the rank of any other field. A value that is read
// as a time is also stored under its name, but for rank 1: only at the end of
// the row is it known which one gives the time, and that one is taken back.
type rowTimes struct {
	names    []string
	present  uint8 // bit rank-1: the row has the field
	readable uint8 // bit rank-1: and it is a time
	ns       [timeFieldsMax]int64
	slots    [timeFieldsMax]int // where the value is stored, if it is
	raw      int                // slot of time_raw in the batch, -1 not asked for yet
}

func (t *rowTimes) begin() {
	t.clear()
	t.raw = -1
}

func (t *rowTimes) clear() { t.present, t.readable = 0, 0 }

// rank returns the rank of a full name.
func (t *rowTimes) rank(name string) uint8 {
	for i, n := range t.names {
		if n == name {
			return uint8(i + 1)
		}
	}
	return 0
}

// slot returns the slot for a full name: time_raw stands in for `time`. A
// format asks once in a chunk for each name.
func (c *chunker) slot(name []byte) int {
	c.columns++
	if string(name) != storage.TimeColumn {
		return c.batch.Slot(name)
	}
	return c.rawSlot()
}

func (c *chunker) rawSlot() int {
	if c.times.raw < 0 {
		c.times.raw = c.batch.Slot([]byte(timeRawColumn))
	}
	return c.times.raw
}

// timeRead notes a time field that is a time. It returns whether the value
// must be stored in slot as well.
func (c *chunker) timeRead(rank uint8, slot int, ns int64) (store bool) {
	t, bit := &c.times, uint8(1)<<(rank-1)
	if rank == 1 && t.present&bit != 0 && t.readable&bit == 0 {
		c.batch.Unset(slot) // the name was given before, with something else
	}
	t.present |= bit
	t.readable |= bit
	t.ns[rank-1], t.slots[rank-1] = ns, slot
	return rank > 1
}

// timeUnread notes a time field that is not a time: the caller stores it.
func (c *chunker) timeUnread(rank uint8, slot int) {
	t, bit := &c.times, uint8(1)<<(rank-1)
	t.present |= bit
	t.readable &^= bit
	t.slots[rank-1] = slot
}

// timeNull takes a time field back.
func (c *chunker) timeNull(rank uint8) {
	t, bit := &c.times, uint8(1)<<(rank-1)
	t.present &^= bit
	t.readable &^= bit
}

// take returns the time of the open row and forgets its time fields.
func (t *rowTimes) take(c *chunker) int64 {
	if t.readable == 1 && t.present == 1 { // nearly every row
		t.clear()
		return t.ns[0]
	}
	return t.takeSlow(c)
}

func (t *rowTimes) takeSlow(c *chunker) int64 {
	present, readable := t.present, t.readable
	t.clear()
	if present == 0 {
		return c.nowNs
	}
	ns, best := c.nowNs, timeFieldsMax
	if readable != 0 {
		best = bits.TrailingZeros8(readable)
		ns = t.ns[best]
		if best > 0 {
			c.batch.Unset(t.slots[best])
		}
	} else if first := bits.TrailingZeros8(present); t.names[first] != storage.TimeColumn {
		c.moveValue(t.slots[first], c.rawSlot())
	}
	for rest := present; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros8(rest)
		name := t.names[i]
		switch {
		case i < best && (rest == present || readable != 0):
			c.warn("time:"+name, func() string { return t.warning(name, readable != 0) })
		case i > best && name == storage.TimeColumn:
			c.warn("time:both", func() string {
				return "the time is taken from " + t.names[best] + "; the field time is kept in the column time_raw"
			})
		}
	}
	return ns
}

func (t *rowTimes) warning(name string, other bool) string {
	text := "the field " + quote([]byte(name)) + " is not always a time (RFC 3339, or a number of s, ms, us or ns, years 1678 to 2261): "
	if other {
		return text + "such rows take the next time field"
	}
	return text + "such rows keep it in the column time_raw and get their time of arrival"
}

// moveValue moves what the open row has in one slot to another.
func (c *chunker) moveValue(from, to int) {
	row := uint32(c.batch.Rows())
	for _, v := range c.batch.Slots()[from].Vectors {
		if v != nil && v.Len() > 0 && v.Rows[v.Len()-1] == row {
			value := v.Value(v.Len() - 1)
			c.batch.Unset(from)
			c.batch.SetValue(to, value)
			return
		}
	}
}
