package deploy

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesAreTheFolders: every file of a folder is handed out as it stands, and its
// first line says where it belongs or what to do with it.
func TestFilesAreTheFolders(t *testing.T) {
	for _, kind := range Kinds() {
		entries, err := os.ReadDir(kind)
		if err != nil {
			t.Fatal(err)
		}
		files, err := Files(kind)
		if err != nil || len(files) != len(entries) || len(files) == 0 {
			t.Fatalf("%s: %d files of %d, %v", kind, len(files), len(entries), err)
		}
		for _, f := range files {
			want, err := os.ReadFile(filepath.Join(kind, f.Name))
			if err != nil || !bytes.Equal(f.Text, want) {
				t.Errorf("%s/%s is not handed out as it stands: %v", kind, f.Name, err)
			}
			if first, _, _ := strings.Cut(string(f.Text), "\n"); !strings.HasPrefix(first, "# ") || !strings.Contains(first, ": ") && kind == "systemd" {
				t.Errorf("%s/%s begins with %q", kind, f.Name, first)
			}
		}
	}
	for _, kind := range []string{"", ".", "..", "systemd/kelp.service", "initd"} {
		if _, err := Files(kind); err == nil || !strings.Contains(err.Error(), "systemd, compose, k8s") {
			t.Errorf("%q: %v", kind, err)
		}
	}
}
