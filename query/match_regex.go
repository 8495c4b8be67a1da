package query

import (
	"regexp"
	"regexp/syntax"
)

// CompileRegex compiles an unanchored RE2 expression; fold makes it ignore
// case. What the expression must contain literally is searched for first.
func CompileRegex(expr string, fold bool) (*Matcher, error) {
	if fold {
		expr = "(?i)" + expr
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	m := &Matcher{kind: matchRegex, re: re}
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	tree = tree.Simplify()
	if lit, whole := requiredLiteral(tree); len(lit) > 0 {
		m.literal = []byte(lit)
		m.sought = newSought(m.literal)
		if whole {
			m.kind = matchContains
		}
	}
	if prog, err := syntax.Compile(tree); err == nil && len(prog.Inst) <= dfaInstructionsMax {
		m.prog, m.begins = prog, len(m.literal) > 0 && m.kind == matchRegex && beginsWith(tree, m.literal)
	}
	return m, nil
}

// dfaInstructionsMax bounds the work of making one state of an automaton.
const dfaInstructionsMax = 10_000

// beginsWith tells whether every match begins with the literal: the expression is
// it, and then something.
func beginsWith(re *syntax.Regexp, literal []byte) bool {
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	if re.Op != syntax.OpConcat {
		return false
	}
	run := ""
	for _, sub := range re.Sub {
		lit, whole := requiredLiteral(sub)
		if !whole {
			break
		}
		run += lit
	}
	return run == string(literal)
}

// requiredLiteral returns the longest text found that every match contains;
// whole is true if the expression matches just where that text is.
func requiredLiteral(re *syntax.Regexp) (lit string, whole bool) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if r == '\uFFFD' { // it also matches bytes that are not UTF-8
				return "", false
			}
		}
		if re.Flags&syntax.FoldCase != 0 {
			return "", false
		}
		return string(re.Rune), true
	case syntax.OpCapture:
		return requiredLiteral(re.Sub[0])
	case syntax.OpPlus:
		lit, _ = requiredLiteral(re.Sub[0])
		return lit, false
	case syntax.OpRepeat:
		if re.Min > 0 {
			lit, _ = requiredLiteral(re.Sub[0])
		}
		return lit, false
	case syntax.OpConcat:
		return requiredOfConcat(re.Sub)
	}
	return "", false
}

// requiredOfConcat joins neighbours that are wholly literal and returns the
// longest such run, or the longest literal within one of the parts.
func requiredOfConcat(subs []*syntax.Regexp) (best string, whole bool) {
	run, allWhole := "", true
	for _, sub := range subs {
		lit, whole := requiredLiteral(sub)
		if whole {
			run += lit
			lit = run
		} else {
			run, allWhole = "", false
		}
		if len(lit) > len(best) {
			best = lit
		}
	}
	return best, allWhole
}
