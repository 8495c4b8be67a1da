package side

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func fakePeer(t *testing.T) *peer {
	t.Helper()
	scripts, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPeer("duckdb-file", "/bin/sh", scripts, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p.program = []string{"fake.sh"}
	t.Cleanup(func() {
		if err := p.kill(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestPeer(t *testing.T) {
	ctx := context.Background()
	p := fakePeer(t)
	asked := time.Time{}
	begun, err := p.open(ctx, func() error { asked = time.Now(); return nil })
	if err != nil || p.version() != "Fake 1.0" || asked.IsZero() || begun.Before(asked) {
		t.Fatalf("open: %v, %q, began %v, ready %v", err, p.version(), begun, asked)
	}
	if took, client, err := p.load(ctx, "rows"); took != 2*time.Second || client != 0 || err != nil {
		t.Errorf("load: %v, %v, %v", took, client, err)
	}
	r, err := p.ask(ctx, "SELECT 1")
	if err != nil || r.took != 1500*time.Microsecond || r.whole != 1 {
		t.Fatalf("ask: %+v, %v", r, err)
	}
	kinds := []kind{kindText, kindInt, kindFloat, kindList, kindText}
	if a, err := normalise(kinds, r.rows); err != nil || !reflect.DeepEqual(a, answer{{"api", int64(9007199254740993), 2.5, `["x"]`, nil}}) {
		t.Errorf("rows: %#v, %v", a, err)
	}
	if c, err := p.sizes(ctx); err != nil || c.bytes != 1234 || c.columns["time"] != 34 {
		t.Errorf("sizes: %+v, %v", c, err)
	}
	if n, err := p.compress(ctx); n != 99 || err != nil {
		t.Errorf("compress: %d, %v", n, err)
	}
	if _, err := p.ask(ctx, "nonsense"); err == nil || !strings.Contains(err.Error(), "DuckDB file: no such column") {
		t.Errorf("a refused question: %v", err)
	}
	if _, err := p.ask(ctx, "rubbish"); err == nil || !strings.Contains(err.Error(), "not of the protocol") {
		t.Errorf("rubbish: %v", err)
	}
	if err := p.stop(ctx); err != nil {
		t.Error(err)
	}
	if err := p.remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(p.path)); !os.IsNotExist(err) {
		t.Errorf("its files are still there: %v", err)
	}
}

func TestPeerThatDies(t *testing.T) {
	ctx := context.Background()
	p := fakePeer(t)
	if _, err := p.open(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ask(ctx, "dies"); err == nil || !strings.Contains(err.Error(), "ended") || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("ask: %v", err)
	}
	if err := p.kill(); err != nil {
		t.Errorf("kill of a dead peer: %v", err)
	}
	// The next process is a new one.
	if _, err := p.open(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ask(ctx, "SELECT 1"); err != nil {
		t.Error(err)
	}
}

func TestUnknownPeer(t *testing.T) {
	if _, err := newPeer("excel", "node", ".", "."); err == nil || !strings.Contains(err.Error(), "clickhouse-zstd") {
		t.Errorf("%v", err)
	}
}
