package query

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestLike(t *testing.T) {
	f := func(pattern, text string, fold, want bool) {
		t.Helper()
		m, err := CompileLike(pattern, '\\', fold)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.MatchString(text); got != want {
			t.Errorf("%q LIKE %q (fold %v) is %v", text, pattern, fold, got)
		}
	}
	f("", "", false, true)
	f("", "a", false, false)
	f("%", "", false, true)
	f("a%", "abc", false, true)
	f("%c", "abc", false, true)
	f("%b%", "abc", false, true)
	f("abc", "abc", false, true)
	f("_", "é", false, true) // one code point
	f("_", "éé", false, false)
	f("a_c%e", "abcde", false, true)
	f("%ab%ab", "abab", false, true)
	f("%aab", "aaab", false, true)
	f("%aab_", "aaabx", false, true)
	f(`100\%`, "100%", false, true)
	f(`100\%`, "1000", false, false)
	f(`\a`, "a", false, true)
	f("%É%", "xéx", true, true)
	f("ab%ab", "ab", false, false)
	f("%ab%ab%", "xabx", false, false)
	f("ab%ab", "abab", false, true)
	f("a%b%c", "axbxc", false, true)
	f("a%bb%c", "abxbc", false, false)
	f("%Key%", "monKEY", true, true)
	f("%Key%", "mon\u212aey", true, true) // the Kelvin sign folds to k
	f("%Key%", "monke", true, false)
	f("straße", "STRASSE", true, false) // simple mapping only
	f("σ", "Σ", true, true)
	f("a%", "ABC", false, false)
	f("�", "\xff", false, true) // bytes that are not UTF-8 are U+FFFD

	if _, err := CompileLike(`a\`, '\\', false); err == nil {
		t.Error("a pattern that ends with its escape is taken")
	}
	if m, err := CompileLike(`a\`, 0, false); err != nil || !m.MatchString(`a\`) {
		t.Error("without an escape, a backslash is not itself")
	}
	if m, _ := CompileLike(`a!%b`, '!', false); !m.MatchString("a%b") || m.MatchString("axb") {
		t.Error("ESCAPE '!' does not escape")
	}
}

// likeAsRegexp is LIKE in another way.
func likeAsRegexp(pattern string, fold bool) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%':
			b.WriteString(".*")
		case r == '_':
			b.WriteString(".")
		default:
			if fold {
				r = unicode.ToLower(r)
			}
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String())
}

func TestLikeAgainstRegexp(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "b", "k", "A", "%", "%", "_", `\%`, `\_`, `\\`, "é", "É", "\n", "."})
	char := rapid.SampledFrom([]string{"a", "b", "A", "K", "\u212a", "%", "_", `\`, "é", "É", "\n", "."})
	rapid.Check(t, func(t *rapid.T) {
		pattern := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pattern"), "")
		text := strings.Join(rapid.SliceOfN(char, 0, 10).Draw(t, "text"), "")
		fold := rapid.Bool().Draw(t, "fold")
		m, err := CompileLike(pattern, '\\', fold)
		if err != nil {
			t.Fatal(err)
		}
		subject := text
		if fold {
			subject = strings.Map(unicode.ToLower, text)
		}
		want := likeAsRegexp(pattern, fold).MatchString(subject)
		if got := m.MatchString(text); got != want {
			t.Fatalf("%q LIKE %q (fold %v) is %v, not %v", text, pattern, fold, got, want)
		}
		if want && !bytes.Contains([]byte(text), m.Literal()) {
			t.Fatalf("%q LIKE %q without its literal %q", text, pattern, m.Literal())
		}
	})
}

func TestRegexLiteral(t *testing.T) {
	f := func(expr, literal string) {
		t.Helper()
		m, err := CompileRegex(expr, false)
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Literal()) != literal {
			t.Errorf("the literal of %q is %q, not %q", expr, m.Literal(), literal)
		}
	}
	f("time ?out", "time")
	f("(GET|POST) /api/v[0-9]+/orders", " /api/v")
	f("abc+de", "ab")
	f("(abc){2,3}x", "abcabc")
	f("foo|bar", "")
	f("(?i)foo", "")
	f("plain", "plain")
	f("a(b)c", "abc")
	f("^start", "start")
	f("x*", "")
	f("[0-9]+", "")
}

func TestRegexLiteralNeverHides(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "b", "ab", "a?", "b+", "(ab)*", "(a|b)", "(ab|ba)", "[ab]", ".", "(ab){2}", "a{0,2}", "^", "$", "(?i:a)", `\b`, "(?:b)", "�"})
	char := rapid.SampledFrom([]string{"a", "b", "A", "B", " ", "é", "\xff", "\n"})
	rapid.Check(t, func(t *rapid.T) {
		expr := strings.Join(rapid.SliceOfN(piece, 1, 6).Draw(t, "expr"), "")
		text := strings.Join(rapid.SliceOfN(char, 0, 10).Draw(t, "text"), "")
		fold := rapid.Bool().Draw(t, "fold")
		m, err := CompileRegex(expr, fold)
		if err != nil {
			return // such as ^*
		}
		if fold {
			expr = "(?i)" + expr
		}
		if got, want := m.MatchString(text), regexp.MustCompile(expr).MatchString(text); got != want {
			t.Fatalf("%q ~ %q is %v, not %v; literal %q", text, expr, got, want, m.Literal())
		}
	})
}

func TestRegexErrors(t *testing.T) {
	for _, expr := range []string{"(", "a)(", `\1`, "a**"} {
		for _, fold := range []bool{false, true} {
			if _, err := CompileRegex(expr, fold); err == nil {
				t.Errorf("%q is taken (fold %v)", expr, fold)
			}
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	text := []byte("2026-11-22T10:00:00Z GET /api/v1/orders/123456 took 12 ms from 10.0.0.1 by user-000123")
	f := func(name string, m *Matcher, err error) {
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				m.Match(text)
			}
		})
	}
	m, err := CompileLike("%orders%", '\\', false)
	f("contains", m, err)
	m, err = CompileLike("%GET%orders%by%", '\\', false)
	f("parts", m, err)
	m, err = CompileLike("%orders_1%by%", '\\', false)
	f("like", m, err)
	m, err = CompileLike("%ORDERS%", '\\', true)
	f("ilike", m, err)
	m, err = CompileRegex("took [0-9]+ ms", false)
	f("regex", m, err)
	m, err = CompileRegex("failed [0-9]+ ms", false)
	f("regex-no-literal", m, err)
}
