package cluster

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestMetaRoundTrip(t *testing.T) {
	long := strings.Repeat("x", textBytesMax)
	f := func(m meta) {
		t.Helper()
		buf := appendMeta(nil, &m)
		if len(buf) > metaBytesMax {
			t.Fatalf("%d bytes of metadata", len(buf))
		}
		got, err := decodeMeta(buf)
		if err != nil || got != m {
			t.Fatalf("%+v came back as %+v, %v", m, got, err)
		}
		// A later version adds behind.
		later := append([]byte{metaVersion + 1}, buf[1:]...)
		if len(later) < metaBytesMax {
			later = append(later, 99)
		}
		if got, err := decodeMeta(later); err != nil || got != m {
			t.Fatalf("a later version came back as %+v, %v", got, err)
		}
		for n := range len(buf) {
			if _, err := decodeMeta(buf[:n]); err == nil {
				t.Fatalf("%d of %d bytes were taken", n, len(buf))
			}
		}
	}
	f(meta{role: RoleLeaf, state: StateUp})
	f(meta{
		role: RoleAggregator, state: StateLeft, epoch: 1<<64 - 1, free: 2, shard: 1 << 63, born: -5,
		leafID: long, version: long, host: long, http: long, rpc: long,
	})
}

func TestShortAddresses(t *testing.T) {
	f := func(addr, host, short, back string) {
		t.Helper()
		got, err := shortAddr(addr, host)
		if err != nil || got != short {
			t.Errorf("shortAddr(%q, %q) = %q, %v", addr, host, got, err)
		}
		if got := longAddr(short, host); got != back {
			t.Errorf("longAddr(%q, %q) = %q", short, host, got)
		}
	}
	f("127.0.0.1:7411", "127.0.0.1", ":7411", "127.0.0.1:7411")
	f("0.0.0.0:7411", "10.0.0.7", ":7411", "10.0.0.7:7411")
	f("[::]:7411", "fd00::1", ":7411", "[fd00::1]:7411")
	f(":7411", "10.0.0.7", ":7411", "10.0.0.7:7411")
	f("10.0.0.8:7411", "10.0.0.7", "10.0.0.8:7411", "10.0.0.8:7411")
	f("", "10.0.0.7", "", "")
	for _, bad := range []string{"10.0.0.8", "10.0.0.8:0", "a:b:c"} {
		if got, err := shortAddr(bad, "10.0.0.7"); err == nil {
			t.Errorf("shortAddr(%q) = %q", bad, got)
		}
	}
}

func FuzzMeta(f *testing.F) {
	f.Add(appendMeta(nil, &meta{role: RoleLeaf, state: StateUp, leafID: "a", http: ":1"}))
	f.Fuzz(func(t *testing.T, src []byte) {
		m, err := decodeMeta(src)
		if err != nil {
			return
		}
		if again, err := decodeMeta(appendMeta(nil, &m)); err != nil || again != m {
			t.Fatalf("%+v came back as %+v, %v", m, again, err)
		}
	})
}

func TestFreeMoved(t *testing.T) {
	f := func(from, to uint64, want bool) {
		t.Helper()
		if got := freeMoved(from, to); got != want {
			t.Errorf("freeMoved(%d, %d) = %v", from, to, got)
		}
	}
	f(0, 0, false)
	f(0, 1, true)
	f(1600, 1590, false)
	f(1600, 1400, true)
	f(1400, 1600, true)
	f(1<<63, 1<<63+1, false)
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		a, b := rnd.Uint64(), rnd.Uint64()
		if freeMoved(a, b) != freeMoved(b, a) {
			t.Fatalf("freeMoved(%d, %d) depends on the direction", a, b)
		}
	}
}
