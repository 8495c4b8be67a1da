package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/kelpdb/kelp/cluster"
)

const (
	// peersEvery is how often other aggregators are asked while a leaf is silent.
	peersEvery = 2 * time.Second

	// peersTimeout bounds one such question.
	peersTimeout = 2 * time.Second
)

// learnFromPeers asks the other aggregators what silent leaves have promised
// them, if it was not asked a moment ago.
func (n *aggregatorNode) learnFromPeers(ctx context.Context) {
	if !n.agg.Unheard() || time.Since(n.asked) < peersEvery {
		return
	}
	n.asked = time.Now()
	for _, m := range n.members.Members() {
		if m.Role != cluster.RoleAggregator || m.Self || !m.Alive {
			continue
		}
		if err := n.learnFrom(ctx, m.HTTPAddr); err != nil {
			n.log.Warn("another aggregator does not tell its promises", "aggregator", m.Name, "error", err)
		}
	}
}

func (n *aggregatorNode) learnFrom(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, peersTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/v1/cluster/promises", nil)
	if err != nil {
		return err
	}
	res, err := n.web.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", res.Status)
	}
	return n.agg.Adopt(res.Body)
}
