//go:build peers

package side

import "testing"

// The peers' answers are kelp's answers, on every question. `make test-peers`
// installs them, 600 MB, and runs this; it is no part of make test.
func TestSmokeWithPeers(t *testing.T) { smoke(t, Systems()...) }
