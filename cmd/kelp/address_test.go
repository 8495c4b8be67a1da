package main

import (
	"slices"
	"testing"
)

func TestSeeds(t *testing.T) {
	f := func(join, want []string) {
		t.Helper()
		if got, err := seeds(join); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q %v, want %q", join, got, err, want)
		}
	}
	f(nil, nil)
	f([]string{"127.0.0.1:7411", " leaf-1.kelp.svc:7411", "[::1]:80", "localhost:1", "http://10.0.0.1:7411/"},
		[]string{"127.0.0.1:7411", "leaf-1.kelp.svc:7411", "[::1]:80", "localhost:1", "10.0.0.1:7411"})
	f([]string{"a_b.c-d.:7"}, []string{"a_b.c-d.:7"})
}
