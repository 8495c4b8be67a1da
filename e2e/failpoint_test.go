package e2e

import (
	"bytes"
	"os"
	"testing"
)

// TestFailpointsAreGone looks for the names of the failpoints in the binary that
// users get. A call that was left would bring its name along; the binary with
// failpoints shows that all of them would be found.
func TestFailpointsAreGone(t *testing.T) {
	bins := tortureBinaries(t)
	for i, bin := range bins {
		text, err := os.ReadFile(bin)
		if err != nil {
			t.Fatal(err)
		}
		armed := i == 1
		for _, name := range append(failpoints(t), "KELP_FAILPOINT") {
			if bytes.HasPrefix([]byte(name), []byte("checkpoint.")) && name != "checkpoint.switched" {
				continue // put together from a step, which a test has a hook for
			}
			if bytes.Contains(text, []byte(name)) != armed {
				t.Errorf("%q in %s: %v, want %v", name, bin, !armed, armed)
			}
		}
	}
}
