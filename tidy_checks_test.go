package kelp

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	module = "github.com/kelpdb/kelp"

	// fileLinesMax and functionLinesMax are the caps; most are much smaller.
	fileLinesMax     = 800
	functionLinesMax = 70

	// testLinesMax is the cap of functions in tests, whose lists of cases are
	// better read in one piece.
	testLinesMax = 160
)

type fileCheck struct {
	name string
	run  func(*source) []string
}

type packageCheck struct {
	name string
	run  func([]*source) []string
}

func fileChecks() []fileCheck {
	return []fileCheck{
		{"imports", checkImports}, {"file size", checkFileSize}, {"function size", checkFunctionSize}, {"names", checkNames},
		{"init", checkInit}, {"skips", checkSkips}, {"text", checkText}, {"unfinished", checkUnfinished},
	}
}

func packageChecks() []packageCheck {
	return []packageCheck{{"doc.go", checkDoc}, {"globals", checkGlobals}}
}

// mayImport says which packages of ours a package may import. What is not
// listed is a new direction: think first, then add it here and to
// ARCHITECTURE.md.
func mayImport() map[string][]string {
	anything := []string{"*"}
	return map[string][]string{
		".":          {},
		"storage":    {},
		"query":      {"storage"},
		"query/exec": {"query", "storage"},
		"ingest":     {"storage"},
		"wire":       {"storage", "query"},
		"leaf":       {"storage", "query", "query/exec", "wire"},
		"cluster":    {},
		"catalog":    {},
		"aggregator": {"storage", "query", "ingest", "cluster", "catalog", "wire"},
		"ui":         {},
		"deploy":     {},
		"cmd":        anything,
		"bench":      anything,
		"e2e":        anything,
	}
}

// checkImports holds the import directions. Tests may look sideways: an oracle
// or a whole cluster in one test needs it.
func checkImports(s *source) []string {
	if s.tree == nil || s.isTest() || inTestdata(s.path) {
		return nil
	}
	home := s.dir()
	allowed, ok := mayImport()[home]
	for !ok && home != "." { // a folder within a package follows its rule
		home = path.Dir(home)
		allowed, ok = mayImport()[home]
	}
	if !ok || home == "." && s.dir() != "." {
		return []string{s.path + ": this folder is not in the list of import directions"}
	}
	var problems []string
	for _, i := range s.tree.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil || !strings.HasPrefix(name, module+"/") {
			continue
		}
		name = strings.TrimPrefix(name, module+"/")
		within := name == home || strings.HasPrefix(name, home+"/") && home != "query" // query does not import exec
		if !within && !slices.Contains(allowed, name) && !slices.Contains(allowed, "*") {
			problems = append(problems, fmt.Sprintf("%s: %s must not import %s", s.at(i.Pos()), home, name))
		}
	}
	return problems
}

func checkDoc(files []*source) []string {
	if slices.ContainsFunc(files, func(s *source) bool { return !s.isTest() }) {
		for _, s := range files {
			if path.Base(s.path) == "doc.go" && s.tree.Doc != nil {
				return nil
			}
		}
		return []string{files[0].dir() + ": no doc.go with a comment on the package"}
	}
	return nil
}

func checkFileSize(s *source) []string {
	if s.tree == nil || inTestdata(s.path) || ast.IsGenerated(s.tree) {
		return nil
	}
	if n := bytes.Count(s.text, []byte{'\n'}); n > fileLinesMax {
		return []string{fmt.Sprintf("%s: %d lines; the cap is %d", s.path, n, fileLinesMax)}
	}
	return nil
}

func checkFunctionSize(s *source) []string {
	if s.tree == nil || inTestdata(s.path) || ast.IsGenerated(s.tree) {
		return nil
	}
	linesMax := functionLinesMax
	if s.isTest() {
		linesMax = testLinesMax
	}
	var problems []string
	measure := func(what string, n ast.Node) {
		lines := s.fset.Position(n.End()).Line - s.fset.Position(n.Pos()).Line + 1
		if lines > linesMax {
			problems = append(problems, fmt.Sprintf("%s: %s has %d lines; the cap is %d", s.at(n.Pos()), what, lines, linesMax))
		}
	}
	for _, d := range s.tree.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			measure(f.Name.Name, f)
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool { // function values of package variables
			if f, ok := n.(*ast.FuncLit); ok {
				measure("a function value", f)
			}
			return true
		})
	}
	return problems
}

func checkNames(s *source) []string {
	if s.tree == nil {
		return nil
	}
	says := regexp.MustCompile(`^(utils?|common|helpers?|misc|shared|base)$`)
	if name := strings.TrimSuffix(s.tree.Name.Name, "_test"); says.MatchString(name) {
		return []string{s.path + ": the package name " + name + " says nothing"}
	}
	return nil
}

func checkInit(s *source) []string {
	if s.tree == nil || inTestdata(s.path) {
		return nil
	}
	var problems []string
	for _, d := range s.tree.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			problems = append(problems, s.at(f.Pos())+": init runs before anybody can say no; let the caller construct it")
		}
	}
	return problems
}

// checkGlobals finds package variables that functions of the package change.
// Tables that nobody changes, and errors, are fine.
func checkGlobals(files []*source) []string {
	globals := map[string]bool{}
	for _, s := range files {
		for _, d := range s.tree.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR && !s.isTest() {
				for _, spec := range g.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						globals[name.Name] = true
					}
				}
			}
		}
	}
	var problems []string
	for _, s := range files {
		local := localNames(s.tree)
		changed := func(e ast.Expr) {
			if id := root(e); id != nil && id.Name != "_" && globals[id.Name] && !local[id.Name] {
				problems = append(problems, fmt.Sprintf("%s: the package variable %s is changed; give it an owner", s.at(id.Pos()), id.Name))
			}
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, e := range n.Lhs {
						changed(e)
					}
				}
			case *ast.IncDecStmt:
				changed(n.X)
			}
			return true
		})
	}
	return problems
}

// root returns the variable that an assignment to e changes.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// localNames are what the functions of a file declare. Such a name may hide a
// package variable, so nothing is said about it.
func localNames(tree *ast.File) map[string]bool {
	local := map[string]bool{}
	take := func(names ...*ast.Ident) {
		for _, id := range names {
			local[id.Name] = true
		}
	}
	for _, d := range tree.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				take(n.Names...)
			case *ast.ValueSpec:
				take(n.Names...)
			case *ast.RangeStmt:
				for _, e := range []ast.Expr{n.Key, n.Value} {
					if id, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
						take(id)
					}
				}
			case *ast.AssignStmt:
				for _, e := range n.Lhs {
					if id, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
						take(id)
					}
				}
			}
			return true
		})
	}
	return local
}

func checkSkips(s *source) []string {
	if s.tree == nil || !s.isTest() {
		return nil
	}
	var problems []string
	ast.Inspect(s.tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "SkipNow" || f.Sel.Name == "Skip" && len(call.Args) == 0) {
			problems = append(problems, s.at(call.Pos())+": a test skipped without a reason")
		}
		return true
	})
	return problems
}

// checkText: no blanks at the ends of lines, a newline at the end, and no path
// of somebody's machine. Licence and sample data stay as they came.
func checkText(s *source) []string {
	if inTestdata(s.path) || s.path == "LICENSE" || strings.HasSuffix(s.path, ".sum") || strings.Contains(s.path, "package-lock") {
		return nil
	}
	var problems []string
	machine := regexp.MustCompile(`(^|[^A-Za-z0-9_.\-/])/(work|farm|home|root|Users)/[A-Za-z]`)
	number := 0
	for line := range bytes.Lines(s.text) {
		number++
		body := bytes.TrimSuffix(line, []byte{'\n'})
		switch {
		case len(body) == len(line):
			problems = append(problems, fmt.Sprintf("%s: no newline at the end", s.path))
		case len(bytes.TrimRight(body, " \t\r")) < len(body):
			problems = append(problems, fmt.Sprintf("%s:%d: blanks at the end of the line", s.path, number))
		case machine.Match(body):
			problems = append(problems, fmt.Sprintf("%s:%d: a path of somebody's machine", s.path, number))
		}
	}
	return problems
}

func checkUnfinished(s *source) []string {
	if s.tree == nil {
		return nil
	}
	var problems []string
	mark := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	for _, group := range s.tree.Comments {
		for _, c := range group.List {
			if mark.MatchString(c.Text) {
				problems = append(problems, s.at(c.Pos())+": a promise of work; do it, or leave the comment out")
			}
		}
	}
	return problems
}
