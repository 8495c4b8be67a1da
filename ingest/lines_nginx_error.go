package ingest

import "bytes"

// nginxError reads nginx's error log:
//
//	2006/01/02 15:04:05 [error] 12#34: *56 message, client: 1.2.3.4, server: s, request: "GET / HTTP/1.1", host: "h"
func (p *LineParser) nginxError(line []byte) bool {
	if len(line) < 25 || line[4] != '/' {
		return false
	}
	c, rest, ok := isoTime(line)
	if !ok {
		return false
	}
	ns, ok := p.instant(c)
	if !ok || len(rest) == 0 || rest[0] != ' ' {
		return false
	}
	level, rest, ok := bracketed(rest[1:], '[', ']')
	if !ok {
		return false
	}
	process, rest := token(rest)
	pid, tid, ok := bytes.Cut(bytes.TrimSuffix(process, []byte(":")), []byte("#"))
	if !ok || !p.isNumber(pid) || !p.isNumber(tid) {
		return false
	}
	p.setTime(ns)
	p.set("level", level)
	p.setNumber("pid", pid)
	p.setNumber("tid", tid)
	if len(rest) > 1 && rest[0] == '*' {
		if connection, after := token(rest); p.isNumber(connection[1:]) {
			p.setNumber("connection", connection[1:])
			rest = after
		}
	}
	message := rest
	if i := bytes.Index(rest, []byte(", client: ")); i >= 0 {
		message = rest[:i]
		p.nginxContext(rest[i:])
	}
	p.set("message", message)
	return true
}

// nginxContext reads what nginx adds behind a message: `, key: value` for each
// of the keys it knows.
func (p *LineParser) nginxContext(rest []byte) {
	for len(rest) > 2 {
		key, value, ok := bytes.Cut(rest[2:], []byte(": "))
		if !ok || bytes.IndexByte(key, ' ') >= 0 {
			p.set("context", rest[2:])
			return
		}
		if text, after, ok := p.quotedToken(value); ok {
			p.set(string(key), text)
			rest = after
			continue
		}
		end := bytes.Index(value, []byte(", "))
		if end < 0 {
			end = len(value)
		}
		p.set(string(key), value[:end])
		rest = value[end:]
	}
}
