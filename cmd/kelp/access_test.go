package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/aggregator"
)

const (
	testRead  = "read-0123456789abcdefgh"
	testWrite = "ingest-0123456789abcdef"
	testAdmin = "admin-0123456789abcdefg"
)

// tokenFile is a file with a token of each role.
func tokenFile(t *testing.T) string {
	t.Helper()
	return write(t, "tokens", "ann read "+testRead+"\nshop ingest "+testWrite+"\nops admin "+testAdmin+"\n")
}

// TestFence: which port may be reached from outside hangs on what guards it.
func TestFence(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	flags := accessFlags{TokenFile: tokenFile(t)}
	open, err := new(accessFlags).front("127.0.0.1:0", nil)
	f(err, "")
	closed, err := flags.front("127.0.0.1:0", nil)
	f(err, "")
	for _, address := range []string{"0.0.0.0:7411", "192.0.2.7:7411", "[::]:7411", ":7411", "kelp.example:7411"} {
		f(open.fenceHTTP(address), "--token-file")
		f(closed.fenceHTTP(address), "")
		f(fenceNodes(address, "--rpc", nil), "--cluster-key-file")
		f(fenceNodes(address, "--rpc", []byte("0123456789abcdef")), "")
	}
	for _, address := range []string{"127.0.0.1:7411", "localhost:7411", "[::1]:0"} {
		f(open.fenceHTTP(address), "")
		f(fenceNodes(address, "--gossip", nil), "")
	}
	f(closed.fenceHTTP("0.0.0.0"), "HOST:PORT")
	named, err := flags.front("kelp.example:7411", nil)
	if f(err, ""); len(named.hosts) != 1 || named.hosts[0] != "kelp.example" {
		t.Errorf("it is called %q", named.hosts)
	}
}

// TestAccessFlags: what can not be meant is refused before anything is opened.
func TestAccessFlags(t *testing.T) {
	tokens, key := tokenFile(t), write(t, "key", "0123456789abcdef\n")
	kelp(t, "", "serve", "--token-file", "/no/such/file").want(t, 2, "--token-file")
	bad := kelp(t, "", "serve", "--token-file", write(t, "bad", "# names\n"+testAdmin+" admin ops\n")).want(t, 2, "--token-file", "line 2")
	if strings.Contains(bad.err.Error(), testAdmin) {
		t.Errorf("the error tells the token: %v", bad.err)
	}
	kelp(t, "", "serve", "--tls-cert", tokens).want(t, 2, "--tls-cert and --tls-key go together")
	kelp(t, "", "serve", "--tls-key", tokens).want(t, 2, "--tls-cert and --tls-key go together")
	kelp(t, "", "serve", "--tls-cert", tokens, "--tls-key", key).want(t, 2, "cannot use --tls-cert")
	kelp(t, "", "serve", "--allowed-hosts", "http://kelp.example").want(t, 2, "--allowed-hosts", "without scheme")
	leaf := func(more ...string) outcome {
		return kelp(t, "", append([]string{"leaf", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--memory-dir", t.TempDir()}, more...)...)
	}
	leaf("--join", "127.0.0.1:1", "--token-file", tokens).want(t, 2, "needs --cluster-key-file")
	leaf("--join", "127.0.0.1:1", "--rpc", "0.0.0.0:0").want(t, 2, "--rpc", "loopback", "--cluster-key-file")
	leaf("--join", "127.0.0.1:1", "--gossip", "0.0.0.0:0").want(t, 2, "--gossip", "loopback", "--cluster-key-file")
	leaf("--join", "https://127.0.0.1:1", "--cluster-key-file", key).want(t, 2, "--join", "--tls-cert and --tls-key, or none")
	kelp(t, "", "aggregator", "--listen", "0.0.0.0:0", "--cluster-key-file", key, "--data", t.TempDir()).want(t, 2, "--listen", "--token-file")
}

// TestCommandsWithTokens: each command says what it lacks, and passes with it.
func TestCommandsWithTokens(t *testing.T) {
	url, stop := serve(t, "--token-file", tokenFile(t))
	as := func(token string, args ...string) outcome {
		return kelp(t, `{"a":1}`, append(args, "--server", url, "--token", token)...)
	}
	count := []string{"query", "SELECT count() FROM t"}
	as(testRead, "ingest", "t").want(t, 1, "needs a token of role ingest; ann has the role read")
	as(testWrite, "ingest", "t").want(t, 0, `"accepted":1`)
	as(testWrite, count...).want(t, 1, "needs a token of role read; shop has the role ingest")
	as("", count...).want(t, 1, "needs a token of role read", "--token", "KELP_TOKEN")
	as("wrong", count...).want(t, 1, "does not know the token")
	as(testRead, count...).want(t, 0, `{"count()":1}`)
	as(testAdmin, count...).want(t, 0, `{"count()":1}`)
	as(testRead, "status").want(t, 0, "leaf-1")
	as("", "status").want(t, 1, "needs a token")
	as("", "ready").want(t, 0)
	as(testRead, "catalog", "export").want(t, 1, "needs a token of role admin")
	as(testAdmin, "catalog", "export").want(t, 0)
	stdout, stderr := stop()
	for _, secret := range []string{testRead, testWrite, testAdmin} {
		if strings.Contains(stdout+stderr, secret) {
			t.Errorf("the server tells a token:\n%s%s", stdout, stderr)
		}
	}
}

// TestNodesAsk: an aggregator with tokens tells its promises to who has the cluster's
// key, and the proof of the key goes to no other server.
func TestNodesAsk(t *testing.T) {
	key := []byte("0123456789abcdef")
	text, err := os.ReadFile(tokenFile(t))
	if err != nil {
		t.Fatal(err)
	}
	access, err := aggregator.ParseTokens(text, key)
	if err != nil {
		t.Fatal(err)
	}
	node, _ := newAggregator(t)
	closed := httptest.NewServer(node.agg.Handler(aggregator.HTTPConfig{Access: access}))
	defer closed.Close()
	astray := make(chan string, 9)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { astray <- r.Header.Get("Authorization") }))
	defer other.Close()
	away := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer away.Close()
	f := func(key []byte, server *httptest.Server, want string) {
		t.Helper()
		asking := aggregatorNode{web: (&memberPorts{key: key}).web(), agg: node.agg}
		err := asking.learnFrom(t.Context(), server.Listener.Addr().String())
		if want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("key %q: error %v, want %q", key, err, want)
		}
	}
	f(key, closed, "")
	f([]byte("another key of a cluster"), closed, "401")
	f(nil, closed, "401")
	f(key, away, "307")
	if len(astray) > 0 {
		t.Errorf("another server was shown %q", <-astray)
	}
}
