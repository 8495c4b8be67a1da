package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/kelpdb/kelp/aggregator"
)

// accessFlags is how a server keeps strangers out.
type accessFlags struct {
	TokenFile    string   `help:"File of tokens, a line NAME ROLE TOKEN each; roles are read, ingest, admin. Calls without one are refused then, and --listen takes any address." type:"existingfile"`
	TLSCert      string   `name:"tls-cert" help:"File with the certificate (PEM) that HTTPS is served with; with --tls-key." type:"existingfile"`
	TLSKey       string   `name:"tls-key" help:"File with its private key (PEM)." type:"existingfile"`
	AllowedHosts []string `help:"Names that calls may use for this server, beside its addresses and the name in --listen." placeholder:"NAME"`
}

// front is what stands between the HTTP port and the world.
type front struct {
	access *aggregator.Access // nil: whoever reaches the port may do all
	tls    *tls.Config        // nil: plain HTTP
	hosts  []string           // names it is called by, beside addresses
}

// scheme is what an address of this server begins with.
func (f *front) scheme() string {
	if f.tls != nil {
		return "https://"
	}
	return "http://"
}

// front reads the files that the flags name. clusterKey may be nil.
func (f *accessFlags) front(listen string, clusterKey []byte) (out front, err error) {
	host, _, err := splitAddress(listen, "--listen")
	if err != nil {
		return out, err
	}
	if f.TokenFile != "" {
		text, err := os.ReadFile(f.TokenFile)
		if err != nil {
			return out, fmt.Errorf("cannot read the tokens: %w", err)
		}
		if out.access, err = aggregator.ParseTokens(text, clusterKey); err != nil {
			return out, usageError{fmt.Errorf("--token-file %s: %w", f.TokenFile, err)}
		}
	}
	out.hosts = f.AllowedHosts
	if host != "" && net.ParseIP(host) == nil {
		out.hosts = append(out.hosts, host)
	}
	for _, name := range out.hosts {
		if !hostName.MatchString(name) {
			return out, usageError{fmt.Errorf("--allowed-hosts %q is not the name of a machine: give it without scheme or port", name)}
		}
	}
	out.tls, err = f.certificate()
	return out, err
}

// certificate is nil where none is given.
func (f *accessFlags) certificate() (*tls.Config, error) {
	if f.TLSCert == "" && f.TLSKey == "" {
		return nil, nil
	}
	if f.TLSCert == "" || f.TLSKey == "" {
		return nil, usageError{errors.New("--tls-cert and --tls-key go together; give both, or neither")}
	}
	pair, err := tls.LoadX509KeyPair(f.TLSCert, f.TLSKey)
	if err != nil {
		return nil, usageError{fmt.Errorf("cannot use --tls-cert %s with --tls-key %s: %w", f.TLSCert, f.TLSKey, err)}
	}
	// HTTP/1.1 alone: a server that ends tells each of its connections so.
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}, nil
}

// fence refuses an address that others can reach where nothing would keep them out:
// without says what is missing, instead which flag gives it.
func fence(addr, what string, guarded bool, without, instead string) error {
	host, _, err := splitAddress(addr, what)
	if err != nil || guarded {
		return err
	}
	ip := net.ParseIP(host)
	if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return usageError{fmt.Errorf("%s %q is not a loopback address, and without %s; use 127.0.0.1, or give %s", what, addr, without, instead)}
	}
	return nil
}

// fenceHTTP is fence for the port that clients use.
func (f *front) fenceHTTP(addr string) error {
	return fence(addr, "--listen", f.access != nil, "tokens anyone could read and write", "--token-file")
}

// fenceNodes is fence for a port that nodes use among themselves. Tokens do not
// guard it, the cluster's key does.
func fenceNodes(addr, what string, key []byte) error {
	return fence(addr, what, key != nil, "the cluster's key anyone could pose as a node", "--cluster-key-file")
}

// nodeWeb is how a node calls others over HTTP: by the token that the cluster's key
// makes, and over TLS if it serves TLS itself.
type nodeWeb struct {
	token string // "": none
	tls   bool
}

// client follows no redirect: the token is for members alone.
func (n nodeWeb) client() *http.Client {
	return &http.Client{Transport: n, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (n nodeWeb) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if n.tls {
		r.URL.Scheme = "https"
	}
	if n.token != "" {
		r.Header.Set("Authorization", "Bearer "+n.token)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// checkMember refuses what works for one server and not in a cluster.
func (f *memberFlags) checkMember(p *memberPorts) error {
	if p.front.access != nil && p.key == nil {
		return usageError{errors.New("a member of a cluster with --token-file needs --cluster-key-file, too: by the key members ask each other who is in it")}
	}
	for _, join := range f.Join {
		scheme, _, has := strings.Cut(strings.TrimSpace(join), "://")
		if has && (scheme == "https") != (p.front.tls != nil) {
			return usageError{fmt.Errorf("--join %q: members call each other over TLS where they serve it, so all of a cluster have --tls-cert and --tls-key, or none", join)}
		}
	}
	return nil
}
