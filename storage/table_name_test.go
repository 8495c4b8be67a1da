package storage

import (
	"strings"
	"testing"
)

func TestIsTableName(t *testing.T) {
	f := func(name string, want bool) {
		t.Helper()
		if got := IsTableName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	for c := range 256 {
		want := strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-", rune(c))
		f(string([]byte{byte(c)}), want && c != '.')
		f("a"+string([]byte{byte(c)}), want)
	}
	f("", false)
	f("..", false)
	f("...", true)
	f(".a", true)
	f("a\n", false)
	f(strings.Repeat("a", TableNameBytesMax), true)
	f(strings.Repeat("a", TableNameBytesMax+1), false)
}
