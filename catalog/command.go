package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A command, as it lies in Raft's log:
//
//	┌───────────┬───────────┬─────────────────┬──────────────────────────────┐
//	│ version 1 │ at varint │ changes uvarint │ changes, one behind the other│
//	└───────────┴───────────┴─────────────────┴──────────────────────────────┘
//	change: flags 1 (1: delete), expect varint, text kind, text id, text value
//	text:   uvarint length, bytes
//
// at is ns since 1970, by the clock of the proposer. A version that is not known
// is no damage: a newer kelp wrote it, and who cannot read it must not go on, since
// its state would be another.
const (
	commandVersion = 1
	flagDelete     = 1
)

// command is a list of changes that are made together.
type command struct {
	at      int64 // ns since 1970
	changes []Change
}

// newerError says that bytes are of a version that is not known.
type newerError struct{ version byte }

func (e *newerError) Error() string {
	return fmt.Sprintf("it is of version %d, this kelp knows %d: finish the upgrade of this node", e.version, commandVersion)
}

var errCut = errors.New("it is cut short")

func appendText[T ~string | []byte](dst []byte, text T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// appendCommand encodes a command.
func appendCommand(dst []byte, c *command) []byte {
	dst = binary.AppendVarint(append(dst, commandVersion), c.at)
	dst = binary.AppendUvarint(dst, uint64(len(c.changes)))
	for i := range c.changes {
		ch := &c.changes[i]
		flags := byte(0)
		if ch.Delete {
			flags |= flagDelete
		}
		dst = binary.AppendVarint(append(dst, flags), ch.Expect)
		dst = appendText(dst, ch.Kind)
		dst = appendText(dst, ch.ID)
		dst = appendText(dst, ch.Value)
	}
	return dst
}

// decodeCommand decodes a whole command. Its values are parts of src.
func decodeCommand(src []byte) (*command, error) {
	r := &reader{src: src}
	if v := r.byte(); r.err == nil && v != commandVersion {
		return nil, &newerError{v}
	}
	c := &command{at: r.varint()}
	for range r.uvarint() {
		ch := Change{}
		flags := r.byte()
		ch.Delete = flags&flagDelete != 0
		ch.Expect = r.varint()
		ch.Kind, ch.ID = Kind(r.text()), string(r.text())
		ch.Value = r.text()
		if r.err != nil {
			break
		}
		if flags&^flagDelete != 0 {
			return nil, fmt.Errorf("a change has flags %#x", flags)
		}
		c.changes = append(c.changes, ch)
	}
	return c, r.end()
}

// reader reads fields until the first error, which it keeps.
type reader struct {
	src []byte
	err error
}

func (r *reader) fail() { r.src, r.err = nil, errCut }

func (r *reader) byte() byte {
	if len(r.src) == 0 {
		r.fail()
		return 0
	}
	b := r.src[0]
	r.src = r.src[1:]
	return b
}

func (r *reader) uvarint() uint64 { return number(r, binary.Uvarint) }

func (r *reader) varint() int64 { return number(r, binary.Varint) }

// number reads a number of either form.
func number[T int64 | uint64](r *reader, read func([]byte) (T, int)) T {
	v, n := read(r.src)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.src = r.src[n:]
	return v
}

// text returns a part of src, nil if it is empty.
func (r *reader) text() []byte {
	n := r.uvarint()
	if n > uint64(len(r.src)) {
		r.fail()
		return nil
	}
	if n == 0 {
		return nil
	}
	b := r.src[:n:n]
	r.src = r.src[n:]
	return b
}

// end returns the error of the reading, also of bytes that are left.
func (r *reader) end() error {
	if r.err == nil && len(r.src) > 0 {
		return fmt.Errorf("%d bytes follow its end", len(r.src))
	}
	return r.err
}
