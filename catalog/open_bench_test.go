package catalog

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkOpen is what a start waits for, with as many entries as a busy
// installation has.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	c := Open(Config{Dir: dir, Name: "a", Now: time.Now, Log: quiet()})
	for i := range 200 {
		if _, err := c.Propose(b.Context(), Change{Kind: KindTable, ID: fmt.Sprint(i), Value: []byte(`{"retention_age": 1}`)}); err != nil {
			b.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c := Open(Config{Dir: dir, Name: "a", Now: time.Now, Log: quiet()})
		b.StopTimer()
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
