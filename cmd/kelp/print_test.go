package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/cmd/client/clienttest"
	"github.com/kelpdb/kelp/deploy"
)

// TestPrint: the files come out byte for byte, all, one, or into a directory, where
// nothing is written over.
func TestPrint(t *testing.T) {
	for _, kind := range deploy.Kinds() {
		files, err := deploy.Files(kind)
		if err != nil {
			t.Fatal(err)
		}
		all, dir := "", t.TempDir()
		for _, f := range files {
			all += string(f.Text)
			if got := kelp(t, "", "print", kind, f.Name).want(t, 0).stdout; got != string(f.Text) {
				t.Errorf("print %s %s is not the file", kind, f.Name)
			}
		}
		if got := kelp(t, "", "print", kind).want(t, 0).stdout; got != all {
			t.Errorf("print %s is not its files", kind)
		}
		kelp(t, "", "print", kind, "--into", dir).want(t, 0, filepath.Join(dir, files[0].Name))
		for _, f := range files {
			got, err := os.ReadFile(filepath.Join(dir, f.Name))
			if err != nil || string(got) != string(f.Text) {
				t.Errorf("print %s --into: %s is not the file: %v", kind, f.Name, err)
			}
		}
		kelp(t, "", "print", kind, "--into", dir).want(t, 1, "cannot write", files[0].Name, "move an older one away")
	}
	kelp(t, "", "print", "initd").want(t, 2, "systemd", "k8s")
	kelp(t, "", "print", "systemd", "kelp.timer").want(t, 2, "kelp.timer", "mnt-kelp.mount")
	kelp(t, "", "print", "systemd", "--into", filepath.Join(t.TempDir(), "none")).want(t, 2, "--into")
}

// TestCommandsOfTheFiles: what the files have kelp run is a command line that kelp
// takes, and every variable that they set is the name of one of its flags.
func TestCommandsOfTheFiles(t *testing.T) {
	line := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/kelp (.*)$`)
	list := regexp.MustCompile(`(?:command|args|test): \[((?:"CMD", "/kelp", |"/kelp", )?"[^\]]*)\]`)
	variable := regexp.MustCompile(`\bKELP_[A-Z_]+\b`)
	compose := regexp.MustCompile(`\$\{KELP_(IMAGE|SHM)\b`) // Compose's own
	commands := 0
	for _, kind := range deploy.Kinds() {
		files, err := deploy.Files(kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text := strings.ReplaceAll(string(f.Text), "%i", "7421")
			var lines [][]string
			for _, m := range line.FindAllStringSubmatch(text, -1) {
				lines = append(lines, strings.Fields(m[1]))
			}
			for _, m := range list.FindAllStringSubmatch(text, -1) {
				args := strings.Split(strings.ReplaceAll(m[1], `"`, ""), ", ")
				for len(args) > 0 && (args[0] == "CMD" || args[0] == "/kelp") {
					args = args[1:]
				}
				lines = append(lines, args)
			}
			for _, args := range lines {
				commands++
				if err := takes(args); err != nil {
					t.Errorf("%s: kelp does not take %q: %v", f.Name, args, err)
				}
			}
			for _, name := range variable.FindAllString(compose.ReplaceAllString(text, ""), -1) {
				help := kelp(t, "", "serve", "--help").want(t, 0).stdout
				if !strings.Contains(help, "$"+name+")") {
					t.Errorf("%s: %s is no variable of kelp serve", f.Name, name)
				}
			}
		}
	}
	if commands < 7 {
		t.Errorf("only %d commands were found: the test shows little", commands)
	}
	if takes([]string{"serve", "--memory-directory", "x"}) == nil {
		t.Error("a flag that there is not is taken")
	}
}

// takes is the error of a command line that kelp does not take; nothing is run.
func takes(args []string) error {
	var out strings.Builder
	return run(context.Background(), append(args, "--help"), strings.NewReader(""), &out, &out)
}

// TestTimeToStop: every kind gives a server longer to stop than it may take.
func TestTimeToStop(t *testing.T) {
	// Connections fall quiet, requests finish or say that they do not, then calls of
	// other nodes do; half as much again for the disk.
	least := (quietTime + drainTime + lastWordTime + drainTime) * 3 / 2
	given := regexp.MustCompile(`(?m)^\s*(?:TimeoutStopSec=|stop_grace_period: |terminationGracePeriodSeconds: )(\d+s?)$`)
	for _, kind := range deploy.Kinds() {
		files, err := deploy.Files(kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			runs := regexp.MustCompile(`(?m)^ExecStart=|^\s+image: `).Match(f.Text)
			m := given.FindSubmatch(f.Text)
			if m == nil {
				if runs {
					t.Errorf("%s runs kelp and does not say how long it may take to stop", f.Name)
				}
				continue
			}
			d, err := time.ParseDuration(strings.TrimSuffix(string(m[1]), "s") + "s")
			if err != nil || d < least {
				t.Errorf("%s gives %v to stop; a server may take %v: %v", f.Name, d, least, err)
			}
		}
	}
}

// TestProbesEndByThemselves: what Kubernetes gives a probe is what the probe waits for,
// less a second to start: otherwise the shorter of the two is the one that holds.
func TestProbesEndByThemselves(t *testing.T) {
	files, err := deploy.Files("k8s")
	if err != nil {
		t.Fatal(err)
	}
	given := regexp.MustCompile(`(?s)"ready"([^\]]*)\].*?timeoutSeconds: (\d+)`).FindAllStringSubmatch(string(files[0].Text), -1)
	if len(given) != 3 {
		t.Fatalf("%d probes", len(given))
	}
	for _, probe := range given {
		waits := "2s" // as kelp ready --help says
		if _, own, ok := strings.Cut(probe[1], "--timeout="); ok {
			waits = strings.Trim(own, `"`)
		}
		d, err := time.ParseDuration(waits)
		if most, _ := time.ParseDuration(probe[2] + "s"); err != nil || d+time.Second != most {
			t.Errorf("%s waits %v and is given %v: %v", probe[1], d, most, err)
		}
	}
	if o := kelp(t, "", "ready", "--help").want(t, 0); !strings.Contains(strings.Join(strings.Fields(o.stdout), " "), "--timeout=2s") {
		t.Error(o.stdout)
	}
}

// TestReady: the exit status says whether a server is ready, or alive.
func TestReady(t *testing.T) {
	s := clienttest.New(t)
	s.Get["/readyz"], s.Get["/healthz"] = "ready\n", "ok\n"
	if o := kelp(t, "", "ready", "--server", s.URL).want(t, 0); o.stdout != "" {
		t.Errorf("it prints %q", o.stdout)
	}
	kelp(t, "", "ready", "--alive", "--server", s.URL).want(t, 0)
	delete(s.Get, "/readyz")
	kelp(t, "", "ready", "--server", s.URL).want(t, 1)
	kelp(t, "", "ready", "--alive", "--server", s.URL).want(t, 0)
	kelp(t, "", "ready", "--server", "http://127.0.0.1:1").want(t, 1, "cannot reach")
	kelp(t, "", "ready", "--alive", "--timeout", "1ns", "--server", s.URL).want(t, 1)
	kelp(t, "", "ready", "--server", "ftp://x").want(t, 2, "want a URL")
}
