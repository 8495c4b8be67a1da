package catalog

import (
	"crypto/rand"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/raft"
)

// Each catalog has an id, made where it begins and kept by all who take part. A
// node that lost its file and begins another catalog has the same name, address,
// terms and indexes as before; the id alone tells the two apart. Every message
// between nodes carries it. A node without one takes that of the first leader that
// speaks to it.

// id is that of the catalog; "": none is known yet.
func (s *store) id() string {
	if s == nil { // in memory: it begins anew each time
		return ""
	}
	id, _ := s.Get(keyCatalog)
	return string(id)
}

// identify makes the id where this node is the only voter and there is none.
func (s *store) identify(self raft.ServerID) error {
	if s == nil || s.id() != "" {
		return nil
	}
	sole, err := s.soleVoter()
	if err != nil || sole != self {
		return err
	}
	return s.Set(keyCatalog, []byte(rand.Text()))
}

// foreign refuses what another catalog's node asks for.
func (s *store) foreign(theirs string) error {
	ours := s.id()
	if ours == "" || theirs == "" || ours == theirs {
		return nil
	}
	return &Refused{fmt.Sprintf("this node's catalog is %s, the other's is %s: one of the two began anew without its file; stop it, move its %s away, and start it with --join (see docs/operations.md)",
		ours, theirs, storeFile)}
}

// adopt takes the id of the leader that has this node follow.
func (s *store) adopt(theirs string) error {
	if s == nil || theirs == "" || s.id() != "" {
		return nil
	}
	return s.Set(keyCatalog, []byte(theirs))
}

// withCatalog adds the catalog's id to one of Raft's requests, an object in JSON.
func withCatalog(text []byte, id string) []byte {
	if id == "" {
		return text
	}
	name, err := json.Marshal(id)
	if err != nil {
		panic("BUG: a text is not JSON: " + err.Error())
	}
	out := append([]byte(`{"Catalog":`), name...)
	if len(text) > len("{}") {
		out = append(out, ',')
	}
	return append(out, text[1:]...)
}

// catalogOf reads it again.
func catalogOf(text []byte) (id string, err error) {
	var from struct{ Catalog string }
	err = json.Unmarshal(text, &from)
	return from.Catalog, err
}

// tellForeign tells once of each other catalog that is met.
func (c *Catalog) tellForeign(err error) {
	if err == nil {
		return
	}
	if last := c.foreign.Swap(&failure{err}); last == nil || last.err.Error() != err.Error() {
		c.cfg.Log.Error("two catalogs meet", "error", err)
	}
}
