package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	readToken   = "read-0123456789abcdefgh"
	ingestToken = "ingest-0123456789abcdef"
	adminToken  = "admin-0123456789abcdefg"
)

// fileOf writes a file of the test's own.
func fileOf(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func tokenFile(t *testing.T) string {
	t.Helper()
	return fileOf(t, "tokens", "ann read "+readToken+"\nshop ingest "+ingestToken+"\nops admin "+adminToken+"\n")
}

// commands runs kelp commands against a server.
type commands struct {
	t   *testing.T
	url string
}

// as runs one with a token and wants its exit status, and a text in what it printed.
func (c commands) as(token string, status int, says string, args ...string) {
	c.t.Helper()
	out, errs, got := run(c.t, strings.NewReader(`{"a":1} {"a":2}`), append(args, "--server", c.url, "--token", token)...)
	if got != status || !strings.Contains(out+errs, says) {
		c.t.Errorf("kelp %s with token %q: status %d, want %d and %q:\n%s%s", strings.Join(args, " "), token, got, status, says, out, errs)
	}
}

// TestTokens: a server with tokens takes nothing from strangers, and each role what
// is its own; one without takes no address that others reach.
func TestTokens(t *testing.T) {
	dir, shm := t.TempDir(), shmDir(t)
	p := start(t, "serve", "--listen", "127.0.0.1:0", "--data", dir, "--memory-dir", shm, "--memory", "64MiB", "--token-file", tokenFile(t))
	c := commands{t, p.http}
	const count = "SELECT count() FROM t"
	c.as("", 1, "needs a token of role ingest", "ingest", "t")
	c.as(readToken, 1, "needs a token of role ingest", "ingest", "t")
	c.as(ingestToken, 0, `"accepted":2`, "ingest", "t")
	c.as("", 1, "KELP_TOKEN", "query", count)
	c.as(adminToken+"x", 1, "does not know the token", "query", count)
	c.as(ingestToken, 1, "needs a token of role read", "query", count)
	c.as(readToken, 0, `{"count()":2}`, "query", count)
	c.as(readToken, 0, "leaf", "status")
	c.as("", 0, "", "ready")
	until(t, 20*time.Second, "the log of queries names who asked", func() bool {
		out, _, _ := run(t, nil, "query", "SELECT user FROM _kelp.queries WHERE table = 't' LIMIT 1", "--server", p.http, "--token", adminToken)
		return strings.Contains(out, `{"user":"ann"}`)
	})
	p.terminate()
	for _, secret := range []string{readToken, ingestToken, adminToken} {
		if strings.Contains(p.log.String(), secret) {
			t.Errorf("the log tells a token:\n%s", p.log)
		}
	}
	if out, errs, status := run(t, nil, "serve", "--listen", "0.0.0.0:0", "--data", t.TempDir(), "--memory-dir", shm); status != 2 || !strings.Contains(errs, "--token-file") {
		t.Errorf("without tokens on all addresses: status %d\n%s%s", status, out, errs)
	}
}

// certificate writes a self-signed certificate of 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kelp"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return fileOf(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		fileOf(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
}

// TestClusterTokensTLS: members find each other over TLS by the cluster's key, with
// tokens or without; who has another key is no member.
func TestClusterTokensTLS(t *testing.T) {
	dir, shm := t.TempDir(), shmDir(t)
	cert, key := certificate(t)
	t.Setenv("SSL_CERT_FILE", cert) // for the processes that this test starts
	guarded := []string{"--token-file", tokenFile(t), "--tls-cert", cert, "--tls-key", key, "--cluster-key-file", fileOf(t, "cluster", "the key of this cluster")}
	agg := start(t, append([]string{"aggregator", "--bootstrap", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "agg"), "--name", "agg-1"}, guarded...)...)
	url := "https://" + strings.TrimPrefix(agg.http, "http://")
	leaf := func(name string, more ...string) *process {
		t.Helper()
		return start(t, append([]string{"leaf", "--listen", "127.0.0.1:0", "--join", url, "--name", name,
			"--data", filepath.Join(dir, name), "--memory-dir", filepath.Join(shm, name), "--memory", "64MiB"}, more...)...)
	}
	member := leaf("leaf-1", guarded...)
	c := commands{t, url}
	isUp := func(name string) bool {
		status, _, _ := run(t, nil, "status", "--server", url, "--token", readToken)
		for line := range strings.Lines(status) {
			if strings.Contains(line, name) && strings.Contains(line, `"up"`) {
				return true
			}
		}
		return false
	}
	until(t, 20*time.Second, "the leaf is up", func() bool { return isUp("leaf-1") })
	c.as(ingestToken, 0, `"accepted":2`, "ingest", "t")
	c.as(readToken, 0, `{"count()":2}`, "query", "SELECT count() FROM t")
	c.as("", 1, "needs a token", "status")
	commands{t, "https://" + strings.TrimPrefix(member.http, "http://")}.as("", 1, "needs a token", "status")
	commands{t, "https://" + strings.TrimPrefix(member.http, "http://")}.as(readToken, 0, "agg-1", "status")
	commands{t, agg.http}.as(readToken, 1, "HTTPS", "status")

	stranger := leaf("stranger", "--tls-cert", cert, "--tls-key", key, "--cluster-key-file", fileOf(t, "other", "the key of another cluster"))
	until(t, 20*time.Second, "the stranger is refused", func() bool { return strings.Contains(stranger.log.String(), "401") })
	if out, _, _ := run(t, nil, "status", "--server", url, "--token", adminToken); strings.Contains(out, "stranger") || !strings.Contains(out, "leaf-1") {
		t.Errorf("a stranger is a member:\n%s", out)
	}
}
