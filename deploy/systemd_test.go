package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// exposureMax is the exposure that systemd's own rating may find in a service, in
// tenths. The units have 11 in version 252; a service without any hardening has 96.
const exposureMax = "20"

// need ends the test where a program is missing: as a failure where everything is
// demanded, else as a skip that says how to get it.
func need(t *testing.T, program, install string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("KELP_TEST_STRICT") == "1" {
		t.Fatalf("KELP_TEST_STRICT=1 and there is no %s; %s", program, install)
	}
	t.Skipf("there is no %s; %s", program, install)
	return ""
}

// units writes the units into a directory of the test's, with a program that every
// machine has instead of kelp, since systemd looks for it. change alters the text.
func units(t *testing.T, change func(string) string) (paths []string) {
	t.Helper()
	files, err := Files("systemd")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range files {
		if strings.HasSuffix(f.Name, ".conf") {
			continue
		}
		text := strings.ReplaceAll(string(f.Text), "/usr/local/bin/kelp", program)
		path := filepath.Join(dir, f.Name)
		if err := os.WriteFile(path, []byte(change(text)), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	if len(paths) < 4 {
		t.Fatalf("only %d units", len(paths))
	}
	return paths
}

// verify is what systemd has to say about the units, and its error.
func verify(t *testing.T, paths []string) (string, error) {
	t.Helper()
	tool := need(t, "systemd-analyze", "apt-get install systemd")
	for i, path := range paths { // a template is looked at as one of its instances
		paths[i] = strings.Replace(path, "@.service", "@7421.service", 1)
	}
	out, err := exec.Command(tool, append([]string{"verify", "--man=no"}, paths...)...).CombinedOutput()
	return string(out), err
}

// TestUnits: systemd finds nothing to say about the units. Three that are wrong show
// that it would.
func TestUnits(t *testing.T) {
	same := func(s string) string { return s }
	if said, err := verify(t, units(t, same)); err != nil || said != "" {
		t.Errorf("%v\n%s", err, said)
	}
	f := func(old, wrong string) {
		t.Helper()
		if said, err := verify(t, units(t, func(s string) string { return strings.ReplaceAll(s, old, wrong) })); err == nil && said == "" {
			t.Errorf("systemd-analyze verify does not mind %q", wrong)
		}
	}
	f("TimeoutStopSec=", "TimeoutStopSecs=")
	f("Where=/mnt/kelp", "Where=/mnt/kelp2")
	f("Restart=always", "Restart=sometimes")
}

// TestUnitsAreStartedAgain: however often a service ends. Below [Service] systemd would
// not know the setting.
func TestUnitsAreStartedAgain(t *testing.T) {
	services := 0
	for _, path := range units(t, func(s string) string { return s }) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		head, service, ok := strings.Cut(string(text), "[Service]")
		if !ok {
			continue
		}
		services++
		if !strings.Contains(head, "\nStartLimitIntervalSec=0\n") || !strings.Contains(service, "\nRestart=always\n") {
			t.Errorf("%s is given up after a few ends", filepath.Base(path))
		}
	}
	if services != 3 {
		t.Errorf("%d services", services)
	}
}

// TestUnitsAreHardened: by systemd's own rating.
func TestUnitsAreHardened(t *testing.T) {
	tool := need(t, "systemd-analyze", "apt-get install systemd")
	rate := func(path string) (string, error) {
		out, err := exec.Command(tool, "security", "--offline=yes", "--no-pager", "--threshold="+exposureMax, path).CombinedOutput()
		return string(out), err
	}
	for _, path := range units(t, func(s string) string { return s }) {
		if !strings.HasSuffix(path, ".service") {
			continue
		}
		if said, err := rate(path); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(path), err, said)
		}
	}
	soft := func(s string) string { return strings.ReplaceAll(s, "CapabilityBoundingSet=\n", "") }
	for _, path := range units(t, soft) {
		if filepath.Base(path) != "kelp.service" {
			continue
		}
		if said, err := rate(path); err == nil {
			t.Errorf("with all capabilities it passes as well:\n%s", said)
		}
	}
}
