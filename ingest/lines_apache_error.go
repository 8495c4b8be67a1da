package ingest

import "bytes"

// apacheError reads Apache's error log of 2.2 and of 2.4:
//
//	[Mon Jan 02 15:04:05 2006] [error] [client 1.2.3.4] message
//	[Mon Jan 02 15:04:05.678901 2006] [core:error] [pid 12:tid 34] [client 1.2.3.4:56] AH00035: message
func (p *LineParser) apacheError(line []byte) bool {
	inside, rest, ok := bracketed(line, '[', ']')
	if !ok {
		return false
	}
	c, after, ok := asctime(inside)
	if !ok || len(after) > 0 {
		return false
	}
	ns, ok := p.instant(c)
	if !ok {
		return false
	}
	level, rest, ok := bracketed(rest, '[', ']')
	if !ok || bytes.IndexByte(level, ' ') >= 0 {
		return false
	}
	p.setTime(ns)
	if module, l, ok := bytes.Cut(level, []byte(":")); ok {
		p.set("module", module)
		level = l
	}
	p.set("level", level)
	for {
		inside, after, ok := bracketed(rest, '[', ']')
		if !ok {
			break
		}
		key, value, ok := bytes.Cut(inside, []byte(" "))
		if !ok || string(key) != "pid" && string(key) != "client" && string(key) != "remote" {
			break
		}
		if pid, tid, ok := bytes.Cut(value, []byte(":tid ")); ok && string(key) == "pid" {
			p.setNumber("tid", tid)
			value = pid
		}
		p.setNumber(string(key), value)
		rest = after
	}
	p.set("message", rest)
	return true
}
