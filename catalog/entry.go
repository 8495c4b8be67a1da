package catalog

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// Kind is what an entry is about. Kinds are names in files and on the wire:
// they never change meaning.
type Kind string

// The kinds.
const (
	KindTable      Kind = "table"      // settings of a table, by its name
	KindSuspension Kind = "suspension" // of a leaf, by its name
	KindSaved      Kind = "saved"      // saved queries
	KindBoard      Kind = "board"
	KindMarker     Kind = "marker"
	KindDerived    Kind = "derived" // columns
	KindToken      Kind = "token"   // hashed
)

// Entry is a value and what is known of it.
type Entry struct {
	Kind    Kind
	ID      string
	Version uint64 // grows with each change, of any entry
	Changed int64  // ns since 1970, by the clock of whoever changed it
	Value   []byte // JSON
}

// Expected versions that are none: see Change.
const (
	ExpectAny  = -1 // whatever is there
	ExpectNone = 0  // nothing is there
)

// Change is one part of a command. The zero Expect says that nothing is there yet.
type Change struct {
	Kind   Kind
	ID     string
	Delete bool
	Expect int64  // the version that it was made for, or ExpectAny, ExpectNone
	Value  []byte // JSON; nil with Delete
}

// Conflict says that an entry is not what a change was made for.
type Conflict struct {
	Kind    Kind
	ID      string
	Version uint64 // that it has; 0: it is not there
}

func (e *Conflict) Error() string {
	if e.Version == 0 {
		return fmt.Sprintf("there is no %s %q", e.Kind, e.ID)
	}
	return fmt.Sprintf("%s %q has been changed meanwhile: look at it again", e.Kind, e.ID)
}

// Refused says that a change is never taken as it is.
type Refused struct{ Reason string }

func (e *Refused) Error() string { return e.Reason }

// Unavailable says that the catalog takes no writes now. With FateUnknown this one
// may have been made all the same.
type Unavailable struct {
	Reason      string
	FateUnknown bool
	Wait        time.Duration // after which it may; 0: not known
}

func (e *Unavailable) Error() string {
	if e.FateUnknown {
		return "the catalog does not say whether it has made the change (" + e.Reason + "): look before you repeat it"
	}
	return "the catalog takes no changes: " + e.Reason + "; queries and rows go on"
}

// check refuses what no catalog takes.
func (c *Change) check() error {
	switch {
	case c.ID == "" || len(c.ID) > idBytesMax || !utf8.ValidString(c.ID):
		return &Refused{fmt.Sprintf("an id takes 1 to %d bytes of UTF-8", idBytesMax)}
	case c.Delete:
		return nil
	case len(c.Value) > valueBytesMax:
		return &Refused{fmt.Sprintf("%s %q takes %d bytes; at most %d", c.Kind, c.ID, len(c.Value), valueBytesMax)}
	case !json.Valid(c.Value):
		return &Refused{fmt.Sprintf("the value of %s %q is not JSON", c.Kind, c.ID)}
	}
	return nil
}
