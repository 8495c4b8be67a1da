package storage

import (
	"errors"
	"testing"
	"time"
)

// testTable makes a table without rows.
func testTable(t *testing.T, s *Store, name string) {
	t.Helper()
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	e := &edit{}
	if _, err := s.tableForLocked(e, name); err != nil {
		t.Fatal(err)
	}
	if err := s.commitLocked(e, false); err != nil {
		t.Fatal(err)
	}
}

// TestSettingsVersions: later settings stay, whatever order they come in, and no
// table comes to be by its settings.
func TestSettingsVersions(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	if err := s.SetSettings("t", Settings{Version: 1}); !errors.Is(err, ErrUnknownTable) {
		t.Errorf("settings of no table: %v", err)
	}
	if _, ok := s.Table("t"); ok {
		t.Error("the settings made a table")
	}
	testTable(t, s, "t")
	table, _ := s.Table("t")
	for _, set := range []Settings{
		{Version: 5, RetentionAge: time.Hour}, {Version: 4, RetentionAge: time.Minute}, {RetentionAge: time.Second},
	} {
		if err := s.SetSettings("t", set); err != nil {
			t.Fatal(err)
		}
		if got := table.Settings(); got.Version != 5 || got.RetentionAge != time.Hour {
			t.Errorf("after version %d the settings are %+v", set.Version, got)
		}
	}
	if err := s.SetSettings("t", Settings{Version: 6}); err != nil || table.Settings().Version != 6 {
		t.Errorf("newer settings: %v, %+v", err, table.Settings())
	}
}
