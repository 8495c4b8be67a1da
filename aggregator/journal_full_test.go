package aggregator

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/wire"
)

// TestJournalTakesNoWrites: an aggregator whose journal cannot be written is ready
// and answers in full, and refuses rows with the reason, keyed ones too; when the
// journal can be written, rows go in.
func TestJournalTakesNoWrites(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "promises.journal.new") // a directory in the new journal's place
	if err := os.Mkdir(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	a, err := New(Config{Name: "agg", DataDir: dir, Now: time.Now, Log: slog.New(slog.DiscardHandler), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	l := &faultLeaf{name: "leaf-1", rows: 30, appends: func(*wire.Append) (*wire.Appended, error) { return &wire.Appended{}, nil }}
	a.Attach(l.name, "", l, true)
	until(t, a.Ready)
	if ans := ask(t, a, 1000); ans.Completeness.Ratio != 1 || ans.Completeness.RowsCovered != 30 {
		t.Errorf("the answer says %+v", ans.Completeness)
	}
	for _, key := range []string{"", "k"} {
		_, err := a.place(t.Context(), &wire.Append{Table: "t", Key: key})
		var journal *journalError
		if !errors.As(err, &journal) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "free the disk") {
			t.Fatalf("rows with key %q: %v", key, err)
		}
		if e := asAPIError(err); e.Status != http.StatusServiceUnavailable || !e.RetryAfter {
			t.Errorf("over HTTP: %+v", e)
		}
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { _, err := a.place(t.Context(), &wire.Append{Table: "t"}); return err == nil })
}
