package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/aggregator"
)

// TestServeMembers: the leaves of a serving process and its aggregator are
// members, at the address that it got.
func TestServeMembers(t *testing.T) {
	url := startServer(t)
	_, body := call(t, "GET", url+"/v1/cluster", "")
	var list struct{ Members []aggregator.MemberInfo }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	roles := map[string]string{"kelp": "aggregator", "leaf-1": "leaf", "leaf-2": "leaf"}
	if len(list.Members) != len(roles) {
		t.Errorf("members %s", body)
	}
	for _, m := range list.Members {
		if m.Role != roles[m.Name] || m.State != "up" || m.Address != strings.TrimPrefix(url, "http://") || m.Version == "" {
			t.Errorf("member %+v", m)
		}
	}
}
