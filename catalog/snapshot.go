package catalog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/hashicorp/raft"
)

// A snapshot of the state:
//
//	┌───────────┬─────────────────┬─────────────────┬────────────────┬────────────┐
//	│ version 1 │ applied uvarint │ entries uvarint │ entries        │ CRC-32C, 4 │
//	└───────────┴─────────────────┴─────────────────┴────────────────┴────────────┘
//	entry: text kind, text id, version uvarint, changed varint, text value
//
// Entries stand in the order of kind and id, so equal states are equal bytes. The
// checksum, little-endian, is of all before it.

// snapshot is an encoded state on its way into a store.
type snapshot struct{ text []byte }

func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	if _, err := sink.Write(s.text); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

func (s *snapshot) Release() {}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendSum appends the checksum of what dst has from a place on.
func appendSum(dst []byte, from int) []byte {
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[from:], castagnoli))
}

var errDamaged = errors.New("its checksum is wrong")

// withoutSum checks and cuts off the checksum at the end.
func withoutSum(src []byte) ([]byte, error) {
	at := len(src) - 4
	if at < 0 {
		return nil, errCut
	}
	if crc32.Checksum(src[:at], castagnoli) != binary.LittleEndian.Uint32(src[at:]) {
		return nil, errDamaged
	}
	return src[:at], nil
}

func appendSnapshot(dst []byte, applied uint64, entries []Entry) []byte {
	from := len(dst)
	dst = binary.AppendUvarint(append(dst, commandVersion), applied)
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	for i := range entries {
		e := &entries[i]
		dst = appendText(appendText(dst, e.Kind), e.ID)
		dst = binary.AppendVarint(binary.AppendUvarint(dst, e.Version), e.Changed)
		dst = appendText(dst, e.Value)
	}
	return appendSum(dst, from)
}

func decodeSnapshot(src []byte) (applied uint64, entries []Entry, err error) {
	src, err = withoutSum(src)
	if err != nil {
		return 0, nil, err
	}
	r := &reader{src: src}
	if v := r.byte(); r.err == nil && v != commandVersion {
		return 0, nil, &newerError{v}
	}
	applied = r.uvarint()
	for range r.uvarint() {
		e := Entry{Kind: Kind(r.text()), ID: string(r.text())}
		e.Version, e.Changed = r.uvarint(), r.varint()
		e.Value = r.text()
		if r.err != nil {
			break
		}
		entries = append(entries, e)
	}
	return applied, entries, r.end()
}
