package ingest

import "bytes"

// logfmt reads key=value pairs: a value may stand in quotes, a key without a
// value is true. The first word must be a pair, and no more than half of the
// words may be bare, or it is prose.
func (p *LineParser) logfmt(line []byte) bool {
	pairs, bare := 0, 0
	for rest := bytes.TrimLeft(line, " \t"); len(rest) > 0; rest = bytes.TrimLeft(rest, " \t") {
		end := bytes.IndexAny(rest, "= \t\"")
		if end == 0 {
			return false
		}
		if end < 0 || rest[end] == ' ' || rest[end] == '\t' {
			if end < 0 {
				end = len(rest)
			}
			if bare++; pairs == 0 {
				return false
			}
			p.setTyped(rest[:end], []byte("true"))
			rest = rest[end:]
			continue
		}
		if rest[end] == '"' {
			return false
		}
		key, after := rest[:end], rest[end+1:]
		var ok bool
		if rest, ok = p.logfmtValue(key, after); !ok {
			return false
		}
		pairs++
	}
	return pairs > 0 && bare <= pairs
}

// logfmtValue appends the field whose value starts the text, and returns what
// follows.
func (p *LineParser) logfmtValue(key, text []byte) (rest []byte, ok bool) {
	if len(text) > 0 && text[0] == '"' {
		value, rest, ok := p.quotedToken(text)
		if !ok {
			return nil, false
		}
		p.name(key)
		p.out = appendJSONString(p.out, unescapeControls(value))
		return rest, true
	}
	end := bytes.IndexAny(text, " \t")
	if end < 0 {
		end = len(text)
	}
	p.setTyped(key, text[:end])
	return text[end:], true
}

// unescapeControls puts in what \n, \r and \t stand for.
func unescapeControls(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			if c := bytes.IndexByte([]byte("nrt"), text[i+1]); c >= 0 {
				out = append(out, "\n\r\t"[c])
				i++
				continue
			}
		}
		out = append(out, text[i])
	}
	return out
}
