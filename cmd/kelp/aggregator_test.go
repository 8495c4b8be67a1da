package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/aggregator"
	"github.com/kelpdb/kelp/cluster"
	"github.com/kelpdb/kelp/wire"
)

// newAggregator starts the parts of an aggregator process, and its API.
func newAggregator(t *testing.T) (*aggregatorNode, string) {
	t.Helper()
	cmd := aggregatorCmd{Listen: "127.0.0.1:0", Data: t.TempDir()}
	ports, err := cmd.listen(cmd.Listen)
	if err != nil {
		t.Fatal(err)
	}
	var handler lateHandler
	web := startHTTP(ports.http, nil, &handler, slog.New(slog.DiscardHandler))
	node, err := cmd.start(ports, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	handler.set(node.agg.Handler(aggregator.HTTPConfig{
		Members: func() []aggregator.MemberInfo { return memberList(node.members) }, Forget: node.forget,
	}))
	t.Cleanup(func() {
		web.stop()
		if err := node.close(); err != nil {
			t.Error(err)
		}
	})
	return node, "http://" + ports.http.Addr().String()
}

// serveLeaf serves a new leaf's calls and returns their address.
func serveLeaf(t *testing.T, name string) string {
	t.Helper()
	flags := storeFlags{Data: t.TempDir(), MemoryDir: shmDir(t), Memory: 64 << 20}
	pool := newPool()
	l, store, err := flags.openLeaf(name, 1, int64(flags.Memory), pool, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server, err := wire.NewServer(wire.ServerConfig{Log: slog.New(slog.DiscardHandler)}, l)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		server.Stop(time.Second)
		<-served
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		pool.Close()
	})
	return ln.Addr().String()
}

// shmDir is a directory on tmpfs that the test removes.
func shmDir(t *testing.T) string {
	t.Helper()
	all := filepath.Join("/dev/shm", fmt.Sprintf("kelp-test-%d", os.Getpid()))
	if err := os.MkdirAll(all, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(all, "cmd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		os.RemoveAll(dir)
		os.Remove(all) // succeeds when the last directory has gone
	})
	return dir
}

// call makes a request and returns the status and the body.
func call(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text.String()
}

// ratioOf asks for all rows of a table; -1 if there is no answer.
func ratioOf(t *testing.T, url, table string) float64 {
	t.Helper()
	var a struct{ Completeness struct{ Ratio float64 } }
	status, body := call(t, "POST", url+"/v1/query", "SELECT count() FROM "+table)
	if status != http.StatusOK {
		return -1
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatal(err)
	}
	return a.Completeness.Ratio
}

// stateOf is a leaf's state in /v1/cluster; "" where it is not listed.
func stateOf(t *testing.T, url, leaf string) string {
	t.Helper()
	var list struct{ Members []aggregator.MemberInfo }
	if _, body := call(t, "GET", url+"/v1/cluster", ""); json.Unmarshal([]byte(body), &list) != nil {
		t.Fatal(body)
	}
	for _, m := range list.Members {
		if m.Name == leaf {
			return m.State
		}
	}
	return ""
}

// TestLeafMetDeadAndBack: a leaf known only as dead is missing from answers; one
// that dies is let go of, and is met anew when the same process is back.
func TestLeafMetDeadAndBack(t *testing.T) {
	node, _ := newAggregator(t)
	web := httptest.NewServer(node.agg.Handler(aggregator.HTTPConfig{}))
	defer web.Close()
	meet := func(m cluster.Member) {
		node.mu.Lock()
		defer node.mu.Unlock()
		node.meetLocked(m)
	}
	leaf := cluster.Member{Name: "leaf-1", Role: cluster.RoleLeaf, State: cluster.StateUp, Alive: true,
		HTTPAddr: "127.0.0.1:1", RPCAddr: serveLeaf(t, "leaf-1"), Epoch: 7, LeafID: "a"}
	dead := leaf
	dead.Alive, dead.State = false, cluster.StateDown

	meet(dead)
	if s := stateOf(t, web.URL, "leaf-1"); s != "down" {
		t.Errorf("a leaf that was dead from the start is %q, want down", s)
	}
	if r := ratioOf(t, web.URL, "t"); r > 0 {
		t.Errorf("ratio %v while the only leaf is dead and was never heard", r)
	}
	meet(leaf)
	until(t, func() bool {
		status, _ := call(t, "POST", web.URL+"/v1/ingest/t", `{"a":1}`)
		return status == http.StatusOK
	})
	first := node.leaves["leaf-1"].client
	meet(dead)
	if len(node.leaves) != 0 {
		t.Error("the connection to a dead leaf is kept")
	}
	if r := ratioOf(t, web.URL, "t"); r > 0 {
		t.Errorf("ratio %v while the leaf is dead", r)
	}
	meet(leaf) // the same process, thawed
	if l := node.leaves["leaf-1"]; l == nil || l.client == first {
		t.Error("a leaf that is back is not met anew")
	}
	until(t, func() bool { return ratioOf(t, web.URL, "t") == 1 })
}

// TestForgetLeaf: forgetting a leaf that has gone removes it on every
// aggregator; of one that is alive only the lost rows are forgotten.
func TestForgetLeaf(t *testing.T) {
	node, url := newAggregator(t)
	rpc := serveLeaf(t, "leaf-1")
	member, err := cluster.Join(cluster.Config{Name: "leaf-1", Role: cluster.RoleLeaf, State: cluster.StateUp, LeafID: "a",
		RPCAddr: rpc, GossipAddr: "127.0.0.1:0", Seeds: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	other := aggregatorCmd{Listen: "127.0.0.1:0", Data: t.TempDir()}
	other.Join = []string{url}
	ports, err := other.listen(other.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer ports.http.Close()
	second, err := other.start(ports, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := second.close(); err != nil {
			t.Error(err)
		}
	}()
	secondWeb := httptest.NewServer(second.agg.Handler(aggregator.HTTPConfig{}))
	defer secondWeb.Close()
	until(t, func() bool {
		status, _ := call(t, "POST", url+"/v1/ingest/t", `{"a":1}`)
		return status == http.StatusOK && ratioOf(t, secondWeb.URL, "t") == 1
	})
	if status, body := call(t, "POST", url+"/v1/cluster/leaf-1/forget", ""); status != http.StatusOK || !strings.Contains(body, "forgotten_lost_rows_of") {
		t.Errorf("forget of a living leaf: %d %s", status, body)
	}
	if s := stateOf(t, url, "leaf-1"); s != "up" {
		t.Errorf("after the forget of its lost rows the leaf is %q, want up", s)
	}
	if err := member.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return ratioOf(t, url, "t") < 1 && ratioOf(t, secondWeb.URL, "t") < 1 })
	if status, body := call(t, "POST", url+"/v1/cluster/leaf-1/forget", ""); status != http.StatusOK || !strings.Contains(body, `"forgotten":"leaf-1"`) {
		t.Errorf("forget of a leaf that left: %d %s", status, body)
	}
	if s := stateOf(t, url, "leaf-1"); s != "" {
		t.Errorf("the forgotten leaf is %q", s)
	}
	if len(node.leaves) != 0 {
		t.Error("the connection to a forgotten leaf is kept")
	}
	if status, _ := call(t, "POST", url+"/v1/cluster/leaf-1/forget", ""); status != http.StatusNotFound {
		t.Errorf("forgotten twice: %d", status)
	}
	until(t, func() bool { return stateOf(t, secondWeb.URL, "leaf-1") == "" })
}

// TestOldestRow: a row of the oldest time there is keeps a leaf's promises
// coming, and so the receipts for the rows after it.
func TestOldestRow(t *testing.T) {
	node, url := newAggregator(t)
	node.mu.Lock()
	node.meetLocked(cluster.Member{Name: "leaf-1", Role: cluster.RoleLeaf, State: cluster.StateUp, Alive: true,
		RPCAddr: serveLeaf(t, "leaf-1"), Epoch: 1, LeafID: "a"})
	node.mu.Unlock()
	until(t, func() bool {
		status, _ := call(t, "POST", url+"/v1/ingest/t", `{"a":0}`)
		return status == http.StatusOK
	})
	for _, row := range []string{`{"time":-9223372036.8,"a":1}`, `{"a":2}`} {
		if status, body := call(t, "POST", url+"/v1/ingest/t", row); status != http.StatusOK {
			t.Errorf("%s: %d %s", row, status, body)
		}
	}
	if status, body := call(t, "POST", url+"/v1/query", "SELECT count_if(a > 0) FROM t"); !strings.Contains(body, `"rows":[[2]]`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := call(t, "GET", url+"/v1/tables", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

// TestLeafPort: a leaf's own port tells what it holds.
func TestLeafPort(t *testing.T) {
	_, url := newAggregator(t)
	node, _ := newLeaf(t, url)
	defer func() {
		if err := node.close(); err != nil {
			t.Error(err)
		}
	}()
	node.members.SetState(cluster.StateUp)
	web := httptest.NewServer(node.handler(front{}))
	defer web.Close()
	until(t, func() bool {
		status, _ := call(t, "POST", url+"/v1/ingest/t", `{"a":1}`)
		return status == http.StatusOK
	})
	if status, body := call(t, "GET", web.URL+"/readyz", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	var list struct{ Members []aggregator.MemberInfo }
	if _, body := call(t, "GET", web.URL+"/v1/cluster", ""); json.Unmarshal([]byte(body), &list) != nil || len(list.Members) != 2 {
		t.Fatal(body)
	}
	for _, m := range list.Members {
		if own := m.Name == node.name; own != (m.Rows == 1 && m.MemoryUsed > 0 && m.MemoryBudget == 64<<20) {
			t.Errorf("member %+v", m)
		}
	}
}
