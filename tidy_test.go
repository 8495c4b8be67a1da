package kelp

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The house rules that a machine can check. Each check is a function of one
// file or one package; TestChecksBite shows each of them a breach.

// source is one file of the project.
type source struct {
	path string // relative, with slashes
	text []byte
	tree *ast.File // nil if it is no Go file
	fset *token.FileSet
}

func (s *source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }
func (s *source) dir() string  { return path.Dir(s.path) }

func (s *source) at(p token.Pos) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(p).Line)
}

func parse(name string, text []byte) (*source, error) {
	s := &source{path: name, text: text, fset: token.NewFileSet()}
	if strings.HasSuffix(name, ".go") {
		var err error
		if s.tree, err = parser.ParseFile(s.fset, name, text, parser.ParseComments); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func TestTidy(t *testing.T) {
	sources := project(t)
	for _, s := range sources {
		for _, check := range fileChecks() {
			for _, problem := range check.run(s) {
				t.Errorf("%s: %s", check.name, problem)
			}
		}
	}
	for _, files := range packages(sources) {
		for _, check := range packageChecks() {
			for _, problem := range check.run(files) {
				t.Errorf("%s: %s", check.name, problem)
			}
		}
	}
}

// project reads every text file of the working tree that is, or would be, in git.
func project(t *testing.T) []*source {
	t.Helper()
	var sources []*source
	for _, name := range paths(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // deleted, not yet committed
		}
		if bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0 {
			continue // binary
		}
		s, err := parse(filepath.ToSlash(name), text)
		if err != nil {
			t.Errorf("cannot parse: %v", err)
			continue
		}
		sources = append(sources, s)
	}
	if len(sources) < 10 {
		t.Fatalf("only %d files found: the checks would check nothing", len(sources))
	}
	return sources
}

func paths(t *testing.T) []string {
	out, err := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err == nil && len(out) > 0 {
		names := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		slices.Sort(names)
		return slices.Compact(names)
	}
	var names []string // a copy without git
	err = filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "bin", "node_modules", "kelp-data", "dist"}, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// packages groups the Go files outside of testdata by their folder.
func packages(sources []*source) map[string][]*source {
	byDir := map[string][]*source{}
	for _, s := range sources {
		if s.tree != nil && !inTestdata(s.path) {
			byDir[s.dir()] = append(byDir[s.dir()], s)
		}
	}
	return byDir
}

func inTestdata(name string) bool {
	return strings.HasPrefix(name, "testdata/") || strings.Contains(name, "/testdata/")
}

// The script that fuzzes must see every target that the compiler sees.
func TestFuzzTargetsAreRun(t *testing.T) {
	cmd := exec.Command(".ci/fuzz", "1", "1")
	cmd.Env = append(os.Environ(), "KELP_FUZZ_LIST=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf(".ci/fuzz: %v", err)
	}
	listed := strings.Fields(string(out))
	for _, s := range project(t) {
		if !s.isTest() || inTestdata(s.path) {
			continue
		}
		for _, d := range s.tree.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") && !slices.Contains(listed, f.Name.Name) {
				t.Errorf("%s: %s is not in the list of .ci/fuzz", s.at(f.Pos()), f.Name.Name)
			}
		}
	}
}

// TestChecksBite: a check that finds nothing in a breach would check nothing.
func TestChecksBite(t *testing.T) {
	f := func(check, name, text string) {
		t.Helper()
		s, err := parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		problems := 0
		found := false
		for _, c := range fileChecks() {
			if c.name == check {
				found = true
				problems += len(c.run(s))
			}
		}
		for _, c := range packageChecks() {
			if c.name == check {
				found = true
				problems += len(c.run([]*source{s}))
			}
		}
		if !found {
			t.Fatalf("no check is named %q", check)
		}
		if problems == 0 {
			t.Errorf("%s lets this pass in %s:\n%.300s", check, name, text)
		}
	}
	long := "package storage\n\nfunc f() {\n" + strings.Repeat("\tprintln()\n", functionLinesMax) + "}\n"
	f("imports", "storage/x.go", "package storage\n\nimport _ \"github.com/kelpdb/kelp/query\"\n")
	f("imports", "leaf/x.go", "package leaf\n\nimport _ \"github.com/kelpdb/kelp/aggregator\"\n")
	f("imports", "novelty/x.go", "package novelty\n")
	f("doc.go", "storage/x.go", "package storage\n")
	f("doc.go", "storage/doc.go", "package storage\n")
	f("file size", "storage/x.go", "package storage\n"+strings.Repeat("\n", fileLinesMax))
	f("function size", "storage/x.go", long)
	f("function size", "storage/x_test.go", "package storage\n\nvar f = func() {\n"+strings.Repeat("\tprintln()\n", testLinesMax)+"}\n")
	f("names", "storage/util/x.go", "package util\n")
	f("names", "storage/x.go", "package helpers\n")
	f("init", "storage/x.go", "package storage\n\nfunc init() { println() }\n")
	f("globals", "storage/x.go", "package storage\n\nvar count int\n\nfunc f() { count++ }\n")
	f("globals", "storage/x.go", "package storage\n\nvar all map[string]int\n\nfunc f() { all = nil }\n")
	f("globals", "storage/x.go", "package storage\n\nvar all = map[string]int{}\n\nfunc f() { all[\"x\"] = 1 }\n")
	f("skips", "storage/x_test.go", "package storage\n\nfunc f(t *testing.T) { t.Skip() }\n")
	f("skips", "storage/x_test.go", "package storage\n\nfunc f(t *testing.T) { t.SkipNow() }\n")
	f("text", "docs/x.md", "trailing \n")
	f("text", "docs/x.md", "see /"+"home/me/kelp\n")
	f("text", "docs/x.md", "no newline at the end")
	f("unfinished", "storage/x.go", "package storage\n\n// TO"+"DO: the rest\n")
}
