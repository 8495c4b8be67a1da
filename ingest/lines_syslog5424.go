package ingest

import "bytes"

// syslog5424 reads RFC 5424:
//
//	<165>1 2003-10-11T22:14:15.003Z host app procid msgid [id name="value" ...]... message
//
// A parameter of structured data becomes the column id.name.
func (p *LineParser) syslog5424(line []byte) bool {
	n, rest, ok := p.priority(line)
	if !ok {
		return false
	}
	version, rest := token(rest)
	if string(version) != "1" {
		return false
	}
	stamp, rest := token(rest)
	ns, timed := parseTime(stamp)
	if !timed && string(stamp) != "-" {
		return false
	}
	var words [4][]byte // host, app, procid, msgid
	for i := range words {
		if words[i], rest = token(rest); len(words[i]) == 0 {
			return false
		}
	}
	if timed {
		p.setTime(ns)
	}
	p.setPriority(n)
	p.setDashed("host", words[0])
	p.setDashed("app", words[1])
	p.setNumber("pid", words[2])
	p.setDashed("msgid", words[3])
	if len(rest) > 0 && rest[0] == '-' {
		rest = rest[1:]
	} else if rest, ok = p.structuredData(rest); !ok {
		return false
	}
	rest = bytes.TrimPrefix(rest, []byte(" "))
	p.set("message", bytes.TrimPrefix(rest, []byte("\xEF\xBB\xBF")))
	return true
}

// structuredData reads [id name="value" ...] as often as it comes.
func (p *LineParser) structuredData(text []byte) (rest []byte, ok bool) {
	for len(text) > 0 && text[0] == '[' {
		end := bytes.IndexAny(text, " ]")
		if end < 2 {
			return nil, false
		}
		id := text[1:end]
		text = text[end:]
		for len(text) > 0 && text[0] == ' ' {
			name, value, ok := bytes.Cut(text[1:], []byte("="))
			if !ok || len(name) == 0 || bytes.ContainsAny(name, " \"]") {
				return nil, false
			}
			n := parameterEnd(value)
			if n < 0 {
				return nil, false
			}
			column := append(append(append([]byte(nil), id...), '.'), name...)
			p.name(column)
			p.out = appendJSONString(p.out, unescapeParameter(value[1:n]))
			text = value[n+1:]
		}
		if len(text) == 0 || text[0] != ']' {
			return nil, false
		}
		text = text[1:]
	}
	return text, true
}

// parameterEnd returns where the closing quote of a value stands, or -1.
func parameterEnd(value []byte) int {
	if len(value) == 0 || value[0] != '"' {
		return -1
	}
	for i := 1; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// unescapeParameter drops the backslash before a quote, a backslash and a
// closing bracket.
func unescapeParameter(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && bytes.IndexByte([]byte(`"\]`), text[i+1]) >= 0 {
			i++
		}
		out = append(out, text[i])
	}
	return out
}
