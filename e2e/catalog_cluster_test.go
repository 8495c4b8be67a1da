package e2e

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// catalogState is the answer to GET /v1/catalog.
type catalogState struct {
	Leader    *string
	Voters    []struct{ Name string }
	Followers []struct{ Name string }
	Error     *string
}

func (p *process) catalog() (st catalogState) {
	p.t.Helper()
	getJSON(p.t, p.http+"/v1/catalog", &st)
	return st
}

// call sends a request and returns its answer.
func (p *process) call(method, path, body string) (status int, header http.Header, text string) {
	p.t.Helper()
	req, err := http.NewRequest(method, p.http+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := client().Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(all)
}

// TestCatalogOfThree: three aggregators agree on settings; the leader is killed, then
// the quorum lost, which stops nothing but changes, and comes back.
func TestCatalogOfThree(t *testing.T) {
	agg, _ := fleetOf(t, 1)
	all := []*process{agg}
	join := agg.http[len("http://"):]
	for i := 2; i <= 3; i++ {
		name := fmt.Sprintf("agg-%d", i)
		all = append(all, start(t, "aggregator", "--join", join, "--listen", freeAddress(t), "--data", filepath.Join(t.TempDir(), name), "--name", name))
		until(t, 20*time.Second, name+" follows", func() bool { return len(agg.catalog().Followers) == 1 })
		if status, _, text := all[1].call("POST", "/v1/catalog/voters/"+name, ""); status != http.StatusOK {
			t.Fatalf("%s gets no vote: %d %s", name, status, text)
		}
	}
	for _, p := range all {
		waitUp(t, p, 1)
		until(t, 20*time.Second, "all know three voters", func() bool { return len(p.catalog().Voters) == 3 })
	}
	agg.ingest("t", []byte(`{"a": 1}`))
	has := func(p *process, bytes float64) {
		t.Helper()
		until(t, 20*time.Second, "the settings are known", func() bool { return p.settings("t")["retention_bytes"] == bytes })
	}
	for i, p := range all {
		p.set("t", fmt.Sprintf(`{"retention_bytes": %d}`, 1000000+i))
		has(p, float64(1000000+i))
	}

	// The leader's death.
	leader := *all[0].catalog().Leader
	at := slices.IndexFunc(all, func(p *process) bool { return p.name == leader })
	all[at].kill()
	dead := []*process{all[at]}
	all = slices.Delete(all, at, at+1)
	began := time.Now()
	until(t, 30*time.Second, "a change is taken", func() bool {
		status, _, _ := all[0].call("PATCH", "/v1/tables/t", `{"retention_bytes": 2000000}`)
		return status == http.StatusOK
	})
	t.Logf("changes are taken %v after the leader's death", time.Since(began).Round(time.Millisecond))
	has(all[0], 2000000)
	has(all[1], 2000000)

	// The quorum's.
	all[1].kill()
	dead = append(dead, all[1])
	last := all[0]
	until(t, 20*time.Second, "there is no leader", func() bool { return last.catalog().Leader == nil })
	status, header, text := last.call("PATCH", "/v1/tables/t", `{"retention_bytes": 3000000}`)
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(text, "most of its voters (agg-1, agg-2, agg-3)") {
		t.Errorf("without a quorum: %d %v %s", status, header, text)
	}
	last.ingest("t", []byte(`{"a": 2}`))
	if a := last.query("SELECT count() FROM t"); asInt(t, a.Rows[0][0]) != 2 || a.Completeness.Ratio != 1 {
		t.Errorf("without a quorum: %+v", a)
	}
	has(last, 2000000)

	// And back.
	back := dead[0].again()
	until(t, 30*time.Second, "a change is taken", func() bool {
		status, _, _ := last.call("PATCH", "/v1/tables/t", `{"retention_bytes": 4000000}`)
		return status == http.StatusOK
	})
	has(back, 4000000)
}
