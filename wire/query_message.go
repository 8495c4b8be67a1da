package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// appendQuery encodes a query and the time left to answer it (0: no deadline).
// Deadlines travel as a duration: clocks differ.
func appendQuery(dst []byte, q *query.Query, left time.Duration) []byte {
	dst = binary.AppendUvarint(dst, uint64(left))
	dst = appendText(dst, q.SQL)
	dst = binary.AppendVarint(dst, q.Now)
	dst = appendText(dst, q.Zone)
	dst = appendSchema(dst, q.Schema)
	dst = binary.AppendVarint(dst, q.DataFrom)
	dst = binary.AppendVarint(dst, q.DataTo)
	dst = append(dst, queryFlags(q))
	dst = binary.AppendUvarint(dst, uint64(len(q.Shards)))
	for _, s := range q.Shards {
		dst = binary.AppendUvarint(dst, s)
	}
	if q.InRange > 0 { // a peer that does not know it, knows no SAMPLE
		dst = binary.AppendUvarint(dst, q.InRange)
	}
	if q.Tail.ID != "" { // a peer that does not know it, knows no tails: none was released
		dst = appendText(dst, q.Tail.ID)
		dst = binary.AppendUvarint(dst, q.Tail.Round)
	}
	return dst
}

// What a query's flags say. A peer from before the second reads any flag as the
// first; it knows no text that sets the second.
const (
	queryHasShards = 1 << iota
	queryIsEarlier
	queryHasInRange
	queryHasTail
)

func queryFlags(q *query.Query) byte {
	flags := byte(0)
	if q.Shards != nil {
		flags |= queryHasShards
	}
	if q.IsEarlier {
		flags |= queryIsEarlier
	}
	if q.InRange > 0 {
		flags |= queryHasInRange
	}
	if q.Tail.ID != "" {
		flags |= queryHasTail
	}
	return flags
}

// decodeQuery decodes what appendQuery wrote.
func decodeQuery(src []byte) (q *query.Query, left time.Duration, err error) {
	r := &reader{src: src}
	q = &query.Query{}
	left = time.Duration(r.uvarint())
	q.SQL = r.text()
	q.Now = r.varint()
	q.Zone = r.text()
	q.Schema = readSchema(r)
	q.DataFrom = r.varint()
	q.DataTo = r.varint()
	flags := r.byte()
	q.IsEarlier = flags&queryIsEarlier != 0
	shards := make([]uint64, r.count(reportsMax, 1))
	for i := range shards {
		shards[i] = r.uvarint()
	}
	if flags&queryHasShards != 0 {
		q.Shards = shards
	}
	if flags&queryHasInRange != 0 {
		q.InRange = r.uvarint()
	}
	if flags&queryHasTail != 0 {
		q.Tail.ID, q.Tail.Round = r.text(), r.uvarint()
		if r.err == nil && q.Tail.ID == "" {
			r.fail()
		}
	}
	if r.err == nil && left < 0 {
		r.fail()
	}
	if r.err != nil {
		return nil, 0, fmt.Errorf("cannot read the query: %w", r.err)
	}
	return q, left, nil
}

// appendSchema encodes a schema, by name.
func appendSchema(dst []byte, s query.Schema) []byte {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, name := range names {
		dst = appendText(dst, name)
		dst = append(dst, byte(s[name]))
	}
	return dst
}

// schemaTypes is every type a column can have.
const schemaTypes = storage.TypeSet(1<<(storage.TypeList+1) - 1)

// readSchema decodes what appendSchema wrote. No columns is nil.
func readSchema(r *reader) query.Schema {
	n := r.count(len(r.src), 2)
	if n == 0 {
		return nil
	}
	s := make(query.Schema, min(n, 1<<16))
	for range n {
		name := r.text()
		types := storage.TypeSet(r.byte())
		if types&^schemaTypes != 0 {
			r.fail()
		}
		if r.err != nil {
			return nil
		}
		s[name] = types
	}
	return s
}
