package main

import "strings"

// statements splits SQL at semicolons outside of strings, quoted names and
// comments. Empty statements are left out; the last needs no semicolon.
func statements(text string) []string {
	var found []string
	for text != "" {
		end, _ := endOfStatement(text)
		if one := strings.TrimSpace(text[:end]); one != "" {
			found = append(found, one)
		}
		text = text[min(end+1, len(text)):]
	}
	return found
}

// endOfStatement returns the index of the semicolon that ends the first
// statement, or the length of text and false if there is none yet.
func endOfStatement(text string) (int, bool) {
	for i := 0; i < len(text); {
		switch rest := text[i:]; {
		case rest[0] == ';':
			return i, true
		case rest[0] == '\'' || rest[0] == '"':
			i += skipPast(rest, 1, rest[:1])
		default:
			i += max(1, commentLength(rest))
		}
	}
	return len(text), false
}

// commentLength returns the length of the comment that text begins with; 0 if
// it begins with none.
func commentLength(text string) int {
	switch {
	case strings.HasPrefix(text, "--"):
		return skipPast(text, 2, "\n")
	case strings.HasPrefix(text, "/*"):
		return skipPast(text, 2, "*/")
	}
	return 0
}

// skipPast returns the length up to behind the next end, all of text if there
// is none.
func skipPast(text string, from int, end string) int {
	at := strings.Index(text[from:], end)
	if at < 0 {
		return len(text)
	}
	return from + at + len(end)
}
