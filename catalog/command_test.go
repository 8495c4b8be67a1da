package catalog

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"testing"
)

func stateText(t *testing.T, s *state) []byte {
	t.Helper()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return snap.(*snapshot).text
}

func restore(t *testing.T, s *state, text []byte) {
	t.Helper()
	if err := s.Restore(io.NopCloser(bytes.NewReader(text))); err != nil {
		t.Fatal(err)
	}
}

// TestCommandBytes: the bytes of a command, which lie in logs, stay the same.
func TestCommandBytes(t *testing.T) {
	cmd := &command{at: 5, changes: []Change{
		{Kind: KindTable, ID: "t", Value: []byte(`{}`), Expect: ExpectAny},
		{Kind: KindSaved, ID: "q", Delete: true, Expect: 9},
	}}
	const want = "01" + // version
		"0a" + // at, zigzag
		"02" + // changes
		"00" + "01" + "057461626c65" + "0174" + "027b7d" + // put, any version, table, t, {}
		"01" + "12" + "057361766564" + "0171" + "00" // delete, version 9, saved, q, no value
	got := appendCommand(nil, cmd)
	if hex.EncodeToString(got) != want {
		t.Errorf("%x\n%s", got, want)
	}
	back, err := decodeCommand(got)
	if err != nil || len(back.changes) != 2 || back.at != 5 || back.changes[1].Expect != 9 || !back.changes[1].Delete || back.changes[0].Expect != ExpectAny {
		t.Errorf("%+v, %v", back, err)
	}
	var newer *newerError
	if _, err := decodeCommand([]byte{2, 0, 0}); !errors.As(err, &newer) {
		t.Errorf("a newer command: %v", err)
	}
	for n := range got {
		if _, err := decodeCommand(got[:n]); err == nil {
			t.Errorf("the first %d bytes are a command", n)
		}
	}
	if _, err := decodeCommand(append(got, 0)); err == nil {
		t.Error("a byte behind the end is let pass")
	}
}

// FuzzCommand: whatever bytes come, reading them ends, and what is read is written
// as something that reads the same.
func FuzzCommand(f *testing.F) {
	f.Add(appendCommand(nil, &command{at: -1, changes: []Change{{Kind: KindTable, ID: "t", Value: []byte("1"), Expect: ExpectAny}}}))
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, src []byte) {
		cmd, err := decodeCommand(src)
		if err != nil {
			return
		}
		text := appendCommand(nil, cmd)
		again, err := decodeCommand(text)
		if err != nil || !bytes.Equal(appendCommand(nil, again), text) {
			t.Fatalf("%x reads as %+v, which does not read: %v", src, cmd, err)
		}
	})
}

// FuzzSnapshot: the same of snapshots; damaged ones do not read at all.
func FuzzSnapshot(f *testing.F) {
	f.Add(appendSnapshot(nil, 7, []Entry{{KindTable, "t", 3, -4, []byte("1")}})[:20])
	f.Fuzz(func(t *testing.T, src []byte) {
		if _, _, err := decodeSnapshot(src); err == nil && len(src) < 7 {
			t.Fatalf("%x is a snapshot", src)
		}
		applied, entries, err := decodeSnapshot(appendSum(bytes.Clone(src), 0))
		if err != nil {
			return
		}
		text := appendSnapshot(nil, applied, entries)
		if _, again, err := decodeSnapshot(text); err != nil || len(again) != len(entries) {
			t.Fatalf("%x: %v", src, err)
		}
	})
}
