package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// ResolveSeeds asks members at their HTTP addresses (host:port, or a URL) for
// the gossip addresses of all members they see, and returns these, each once.
// All are asked at the same time; one answer is enough, and the error says why
// there was none. It sends GET /v1/cluster?gossip=1 and reads "gossip" and
// "state" of "members". client may be nil.
func ResolveSeeds(ctx context.Context, client *http.Client, addrs []string) ([]string, error) {
	if client == nil {
		client = http.DefaultClient
	}
	type answer struct {
		gossip []string
		err    error
	}
	answers := make(chan answer, len(addrs))
	for _, addr := range addrs {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, seedTimeout)
			defer cancel()
			gossip, err := askSeed(ctx, client, addr)
			answers <- answer{gossip, err}
		}()
	}
	var all []string
	var errs []error
	seen := make(map[string]bool)
	for range addrs {
		a := <-answers
		if a.err != nil {
			errs = append(errs, a.err)
		}
		for _, g := range a.gossip {
			if !seen[g] && len(all) < seedsMax {
				seen[g] = true
				all = append(all, g)
			}
		}
	}
	if len(all) == 0 && len(errs) > 0 {
		return nil, fmt.Errorf("no member to join answered: %w", errors.Join(errs...))
	}
	return all, nil
}

// askSeed asks one member.
func askSeed(ctx context.Context, client *http.Client, addr string) ([]string, error) {
	url := addr
	if !strings.Contains(addr, "://") {
		url = "http://" + addr
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/v1/cluster?gossip=1", nil)
	if err != nil {
		return nil, fmt.Errorf("cannot ask %q: %w", addr, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot ask %q: %w", addr, err)
	}
	defer resp.Body.Close()
	body := io.LimitReader(resp.Body, seedAnswerBytesMax)
	if resp.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, io.LimitReader(body, 1<<16)) // so that the connection can be used again
		return nil, fmt.Errorf("%q answered %s to GET /v1/cluster", addr, resp.Status)
	}
	var answer struct {
		Members []struct {
			State  string `json:"state"`
			Gossip string `json:"gossip"`
		} `json:"members"`
	}
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("cannot read the members from %q: %w", addr, err)
	}
	var gossip []string
	for _, m := range answer.Members {
		if m.State == StateDown.String() || m.State == StateLeft.String() {
			continue
		}
		if _, _, err := net.SplitHostPort(m.Gossip); err == nil {
			gossip = append(gossip, m.Gossip)
		}
	}
	if len(gossip) == 0 {
		return nil, fmt.Errorf("%q names no gossip address: it is not part of a cluster (kelp serve opens only its HTTP port)", addr)
	}
	return gossip, nil
}
