package storage

import (
	"encoding/binary"
	"time"
)

// editDumper writes the fields of an edit one after another, by the reader that
// decodes them.
type editDumper struct {
	d   *dumper
	r   editReader
	end int // where the body ends in d.data
}

// dumpEdit writes the body of an edit, which begins at d.at.
func dumpEdit(d *dumper, body []byte) {
	e := &editDumper{d: d, r: editReader{src: body}, end: d.at + len(body)}
	seq := e.r.uvarint()
	d.note("edit %d", seq)
	e.say("sequence %d", seq)
	for e.r.err == nil && len(e.r.src) > 0 {
		e.change(e.r.take(1)[0])
	}
	if e.r.err != nil {
		d.note("not readable: %v", e.r.err)
		d.field(e.end-d.at, "rest of the edit")
	}
}

// say writes what was read since it was last called. Its arguments do the reading.
func (e *editDumper) say(format string, args ...any) {
	if e.r.err == nil {
		e.d.field(e.end-len(e.r.src)-e.d.at, format, args...)
	}
}

// change writes one change, in the order in which decodeEdit reads its fields.
func (e *editDumper) change(op byte) {
	r := &e.r
	switch op {
	case opBlocks:
		e.say("blocks: numbers up to %d are used", r.uvarint())
	case opTable:
		e.say("table: incarnation %d", r.uvarint())
		e.say("  name %q", r.text(TableNameBytesMax, "bytes of a table's name"))
	case opSettings:
		e.say("settings of table %d", r.uvarint())
		e.settings()
	case opAdd:
		e.say("add to table %d", r.uvarint())
		e.say("  block %v", r.id())
		kind := blockKind(r.atMost(kindMax, "as kind of a block"))
		e.say("  level %d, class %d, thinned %d", kind.level(), kind.class()>>2, kind.thinned()>>4)
		e.place()
		e.meta()
	case opPlace:
		e.say("place of a block of table %d", r.uvarint())
		e.say("  block %v", r.id())
		e.place()
	case opDrop:
		e.say("drop from table %d", r.uvarint())
		e.say("  block %v", r.id())
	case opKey:
		e.say("key of table %d", r.uvarint())
		e.key()
	case opMark:
		e.say("mark of table %d", r.uvarint())
		e.say("  %d rows ever added", r.uvarint())
		e.say("  horizon %s", dumpTime(r.varint()))
	case opGone:
		e.say("gone: table %d", r.uvarint())
	default:
		r.fail(errUnknownEdit(op))
	}
}

func (e *editDumper) place() {
	e.say("  file %d", e.r.atMost(segmentsMax, "as number of a file"))
	e.say("  at byte %d", e.r.atMost(1<<62, "as offset"))
}

func (e *editDumper) settings() {
	names := [settingsFields]string{
		"version", "retention_age", "retention_bytes", "durability", "thin_after", "thin_keep", "quota_rows_s", "quota_bytes_s", "replicas",
	}
	n := e.r.atMost(64, "settings")
	e.say("  %d settings", n)
	for i := range n {
		v := e.r.varint()
		switch {
		case i >= settingsFields:
			e.say("  %d, of a newer version", v)
		case names[i] == "durability":
			if v < 0 || v >= int64(len(durabilities)) {
				e.r.fail(errUnknownDurability(v))
				return
			}
			e.say("  durability %q", durabilities[v])
		case names[i] == "retention_age" || names[i] == "thin_after":
			e.say("  %s %v", names[i], time.Duration(v))
		default:
			e.say("  %s %d", names[i], v)
		}
	}
}

func (e *editDumper) meta() {
	r := &e.r
	e.say("  %d rows", r.atMost(RowsPerBlockMax, "rows of a block"))
	low := r.varint()
	e.say("  smallest time %s", dumpTime(low))
	high := int64(uint64(low) + r.uvarint())
	e.say("  largest time %s", dumpTime(high))
	e.say("  arrival %s", dumpTime(high+r.varint()))
	e.say("  weight %d", r.uvarint())
	e.say("  %d bytes of block", r.atMost(1<<40, "bytes of a block"))
	e.say("  checksum of its head %08x", binary.LittleEndian.Uint32(r.take(4)))
	n := r.atMost(histBucketsMax, "buckets of a block")
	e.say("  %d buckets", n)
	widths, from := TimeWidths(), int64(0)
	for range n {
		width := r.take(1)[0]
		if int(width) >= len(widths) {
			r.fail(errBucketWidth(width))
			return
		}
		from += r.varint()
		rows := r.uvarint()
		e.say("  %d rows in %v from %s", rows, time.Duration(widths[width]), dumpTime(from))
	}
}

func (e *editDumper) key() {
	r := &e.r
	e.say("  key %q", r.text(KeyBytesMax, "bytes of a key"))
	e.say("  chunk %d", r.atMost(1<<32-1, "as number of a chunk"))
	e.say("  digest %016x", binary.LittleEndian.Uint64(r.take(8)))
	e.say("  of edit %d", r.uvarint())
	e.say("  at %s", dumpTime(r.varint()))
	e.say("  %d rows accepted", r.atMost(1<<32-1, "accepted rows"))
	e.say("  %d rows rejected", r.atMost(1<<32-1, "rejected rows"))
	n := r.atMost(RowErrorsMax, "errors of a receipt")
	e.say("  %d errors", n)
	for range n {
		row := r.uvarint()
		e.say("  row %d: %q", row, r.text(ReceiptTextMax, "bytes of an error"))
	}
	n = r.atMost(ReceiptWarningsMax, "warnings of a receipt")
	e.say("  %d warnings", n)
	for range n {
		e.say("  %q", r.text(ReceiptTextMax, "bytes of a warning"))
	}
}
