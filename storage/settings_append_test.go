package storage

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestAppendBringsSettings: settings that come with rows are in force before them, in
// the edit that makes the table too, and never go back.
func TestAppendBringsSettings(t *testing.T) {
	cfg := testDiskConfig(t)
	s := testOpen(t, cfg)
	add := func(table string, from int64, rows int, settings Settings) {
		t.Helper()
		testAppend(t, s, Append{Table: table, Batch: testBatch(from, rows, time.Now().UnixNano()), Settings: settings})
	}
	sync := Settings{Version: 5, Durability: DurabilitySync}
	for _, rows := range []int{3, richRowsMin} { // by the committer, and by the caller
		table := map[bool]string{true: "few", false: "many"}[rows == 3]
		add(table, 0, rows, sync)
		tab, _ := s.Table(table)
		if got := tab.Settings(); got != sync {
			t.Fatalf("%s: settings %+v", table, got)
		}
		for _, r := range tab.refs {
			if _, ok := s.disk.find(r.ID); !ok {
				t.Errorf("%s: rows of a table of durability sync are acknowledged and not on disk", table)
			}
		}
		add(table, 10, rows, Settings{Version: 4, Durability: DurabilityMemory})
		if got := tab.Settings(); got != sync {
			t.Errorf("%s: older settings came into force: %+v", table, got)
		}
		add(table, 20, rows, Settings{Version: 6, RetentionAge: time.Hour})
		if got := tab.Settings(); got.RetentionAge != time.Hour {
			t.Errorf("%s: newer settings did not come into force: %+v", table, got)
		}
	}
	_, err := s.Append(context.Background(), Append{Table: "x", Batch: testBatch(0, 1, 1), Settings: Settings{Version: 1, RetentionAge: -1}})
	if _, ok := s.Table("x"); err == nil || ok {
		t.Errorf("settings that cannot be: %v, table made: %v", err, ok)
	}
	testClose(t, s)
	s = testOpen(t, cfg)
	if tab, _ := s.Table("few"); tab.Settings().Version != 6 {
		t.Errorf("after a restart: %+v", tab.Settings())
	}

	volatile := testOpen(t, testConfig(t, testShm(t)))
	_, err = volatile.Append(context.Background(), Append{Table: "t", Batch: testBatch(0, 1, 1), Settings: sync})
	if !errors.Is(err, ErrNoDisk) {
		t.Errorf("sync without a data directory: %v", err)
	}
}
