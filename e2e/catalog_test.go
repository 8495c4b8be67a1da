package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSettingsSurvive: settings that were acknowledged are there after kill -9, also
// where the leaf that had them is gone: a table born again has them.
func TestSettingsSurvive(t *testing.T) {
	memory, data := shmDir(t), t.TempDir()
	p := start(t, "serve", "--listen", "127.0.0.1:0", "--data", data, "--memory-dir", memory, "--memory", "32MiB")
	p.ingest("t", []byte(`{"a": 1}`))
	p.set("t", `{"retention_age": "7d", "quota_rows_s": 5000}`)
	p.kill()
	p = p.again()
	if got := p.settings("t"); got["retention_age"] != "7d" || got["quota_rows_s"] != 5000.0 {
		t.Fatalf("after kill -9: %v", got)
	}
	p.kill()
	for _, dir := range []string{filepath.Join(memory, "leaf-1"), filepath.Join(data, "leaf-1")} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	p = p.again()
	p.ingest("t", []byte(`{"a": 1}`))
	if got := p.settings("t"); got["retention_age"] != "7d" || got["quota_rows_s"] != 5000.0 {
		t.Errorf("with a new leaf: %v", got)
	}
}

// settings reads those of a table.
func (p *process) settings(table string) map[string]any {
	p.t.Helper()
	var detail struct{ Settings map[string]any }
	getJSON(p.t, p.http+"/v1/tables/"+table, &detail)
	return detail.Settings
}
