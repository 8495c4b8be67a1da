package wire

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/kelpdb/kelp/storage"
)

// An Update is encoded as a whole and sent in pieces of about pieceBytes: each
// frame says whether it is the last. The subscriber confirms the whole by the
// number of the Update in its stream.

// AppendUpdate encodes an Update. Its buckets of time must be ones of storage.
func AppendUpdate(dst []byte, u *Update) []byte {
	dst = appendText(dst, u.Leaf)
	dst = appendText(dst, u.ID)
	dst = binary.AppendUvarint(dst, u.Shard)
	dst = binary.AppendVarint(dst, u.Born)
	dst = binary.AppendUvarint(dst, u.Epoch)
	dst = binary.AppendUvarint(dst, u.Seq)
	dst = appendBool(dst, u.Full)
	dst = binary.AppendUvarint(dst, uint64(len(u.Tables)))
	for i := range u.Tables {
		dst = appendTableUpdate(dst, &u.Tables[i])
	}
	return dst
}

// DecodeUpdate is the inverse of AppendUpdate. It returns an error for bytes that are
// something else, and takes no more memory than they claim in good order.
func DecodeUpdate(src []byte) (*Update, error) {
	u := new(Update)
	if err := DecodeUpdateInto(u, src); err != nil {
		return nil, err
	}
	return u, nil
}

// DecodeUpdateInto is DecodeUpdate for one Update after the other: the list of tables
// of the one before is used again, so nobody may keep that, and so are its texts where
// they are the same. After an error u holds nothing that may be read.
func DecodeUpdateInto(u *Update, src []byte) error {
	r, was := &reader{src: src}, *u
	*u = Update{
		Leaf: r.textLike(was.Leaf), ID: r.textLike(was.ID), Shard: r.uvarint(), Born: r.varint(), Epoch: r.uvarint(), Seq: r.uvarint(),
		Full: r.bool(), Tables: was.Tables[:0],
	}
	for i := range r.count(len(r.src), 16) {
		name := ""
		if i < len(was.Tables) {
			name = was.Tables[i].Table
		}
		u.Tables = append(u.Tables, readTableUpdate(r, name))
		if r.err != nil {
			break
		}
	}
	if r.err != nil {
		return fmt.Errorf("cannot read an update of a leaf: %w", r.err)
	}
	return nil
}

func appendTableUpdate(dst []byte, t *TableUpdate) []byte {
	dst = appendText(dst, t.Table)
	dst = binary.AppendUvarint(dst, t.Incarnation)
	dst = appendBool(dst, t.Dropped)
	dst = binary.AppendUvarint(dst, t.Added)
	dst = binary.AppendUvarint(dst, t.TableChange.Seq)
	dst = appendBool(dst, t.TableChange.Full)
	dst = appendCounts(dst, t.Buckets)
	dst = binary.AppendVarint(dst, t.Horizon)
	dst = binary.AppendVarint(dst, t.Newest)
	dst = appendSchema(dst, t.Schema)
	dst = appendSettings(dst, &t.Settings)
	dst = binary.AppendVarint(dst, t.OldestKey)
	dst = binary.AppendUvarint(dst, t.Rows)
	return binary.AppendUvarint(dst, t.Bytes)
}

// readTableUpdate reads a table's part. name is what it is probably called.
func readTableUpdate(r *reader, name string) TableUpdate {
	return TableUpdate{
		TableChange: storage.TableChange{
			Table: r.textLike(name), Incarnation: r.uvarint(), Dropped: r.bool(), Added: r.uvarint(), Seq: r.uvarint(), Full: r.bool(),
			Buckets: readCounts(r), Horizon: r.varint(), Newest: r.varint(),
		},
		Schema: readSchema(r), Settings: readSettings(r), OldestKey: r.varint(), Rows: r.uvarint(), Bytes: r.uvarint(),
	}
}

// appendSettings encodes a table's settings.
func appendSettings(dst []byte, s *storage.Settings) []byte {
	dst = binary.AppendUvarint(dst, s.Version)
	dst = appendText(dst, string(s.Durability))
	for _, n := range []int64{
		int64(s.RetentionAge), s.RetentionBytes, int64(s.ThinAfter), s.ThinKeep, s.QuotaRows, s.QuotaBytes, s.Replicas,
	} {
		dst = binary.AppendVarint(dst, n)
	}
	return dst
}

func readSettings(r *reader) storage.Settings {
	return storage.Settings{
		Version: r.uvarint(), Durability: storage.Durability(r.text()),
		RetentionAge: time.Duration(r.varint()), RetentionBytes: r.varint(),
		ThinAfter: time.Duration(r.varint()), ThinKeep: r.varint(),
		QuotaRows: r.varint(), QuotaBytes: r.varint(), Replicas: r.varint(),
	}
}
