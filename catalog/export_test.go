package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestExport: what is exported is imported into another catalog as it was, in as
// many commands as it takes, over what is there.
func TestExport(t *testing.T) {
	a, b := openAt(t, ""), openAt(t, "")
	large := `"` + strings.Repeat("x", valueBytesMax-2) + `"`
	for i := range 4 {
		put(t, a, KindBoard, fmt.Sprint(i), large, ExpectNone)
	}
	put(t, a, KindTable, "t", `{"a": [1, "ü"]}`, ExpectNone)
	put(t, b, KindTable, "t", `"older"`, ExpectNone)
	put(t, b, KindSaved, "own", `"stays"`, ExpectNone)
	text, err := json.Marshal(a.Export())
	if err != nil {
		t.Fatal(err)
	}
	var back Export
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Import(t.Context(), &back); err != nil || n != 5 {
		t.Fatalf("%d imported, %v", n, err)
	}
	if got := valueOf(b, KindTable, "t"); got != `{"a":[1,"ü"]}` {
		t.Errorf("%s", got)
	}
	if len(b.List(KindBoard)) != 4 || valueOf(b, KindBoard, "3") != large || valueOf(b, KindSaved, "own") != `"stays"` {
		t.Error("boards are missing, or what was there is")
	}
	refused := func(want string, e Export) {
		t.Helper()
		var no *Refused
		if n, err := b.Import(t.Context(), &e); !errors.As(err, &no) || n != 0 || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %d, %v", want, n, err)
		}
	}
	refused("no export", Export{Entries: back.Entries})
	refused("version 2", Export{Version: 2})
	refused("an id", Export{Version: 1, Entries: []ExportedEntry{{Kind: KindSaved, ID: "new", Value: []byte("1")}, {Kind: KindSaved, Value: []byte("1")}}})
	if got := valueOf(b, KindSaved, "new"); got != "none" {
		t.Error("a part of what was refused is there")
	}
}
