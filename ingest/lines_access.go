package ingest

import (
	"bytes"
	"strconv"
)

// access reads the common and combined formats of access logs:
//
//	[vhost ]addr ident user [02/Jan/2006:15:04:05 -0700] "GET /p?q HTTP/1.1" 200 512[ "referer" "agent"[ extras]]
//
// Extras are kept: key=value under the key; a first quoted text as
// x_forwarded_for, as nginx's own main format has it; a first and second
// number with a point as request_time and upstream_response_time; all else
// under extra_1, extra_2, ...
func (p *LineParser) access(line []byte) bool {
	open := bytes.IndexByte(line, '[')
	if open < 6 {
		return false
	}
	words := bytes.Fields(line[:open])
	if len(words) < 3 || len(words) > 8 {
		return false
	}
	ns, rest, ok := p.clfTime(line[open+1:])
	if !ok || len(rest) == 0 || rest[0] != ']' {
		return false
	}
	request, rest, ok := p.quotedToken(bytes.TrimLeft(rest[1:], " "))
	if !ok {
		return false
	}
	status, rest := token(rest)
	if n, err := strconv.Atoi(string(status)); err != nil || n < 0 || n > 999 {
		return false
	}
	p.setTime(ns)
	if len(words) > 3 && looksLikeHost(words[0], words[1]) {
		p.set("vhost", words[0])
		words = words[1:]
	}
	p.set("remote_addr", words[0])
	p.setDashed("ident", words[1])
	p.setDashed("remote_user", bytes.Join(words[2:], []byte(" ")))
	p.request(request)
	p.setNumber("status", status)
	size, rest := token(rest)
	p.setNumber("bytes", size)
	if referer, after, ok := p.quotedToken(rest); ok {
		p.setDashed("referer", referer)
		rest = after
		if agent, after, ok := p.quotedToken(rest); ok {
			p.setDashed("user_agent", agent)
			rest = after
		}
	}
	p.accessExtras(rest)
	return true
}

// looksLikeHost tells a virtual host before the address: a user with blanks in
// the name would come behind it.
func looksLikeHost(first, second []byte) bool {
	return string(second) != "-" && (bytes.IndexByte(second, '.') >= 0 || bytes.IndexByte(second, ':') >= 0) && string(first) != "-"
}

// request takes a request line apart. What is none is kept whole.
func (p *LineParser) request(line []byte) {
	method, rest := token(line)
	target, protocol := token(rest)
	if !isMethod(method) || len(target) == 0 || bytes.IndexByte(protocol, ' ') >= 0 {
		p.setDashed("request", line)
		return
	}
	p.set("method", method)
	path, query, _ := bytes.Cut(target, []byte("?"))
	p.set("path", path)
	p.set("query", query)
	p.set("protocol", protocol)
}

func isMethod(word []byte) bool {
	for _, c := range word {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(word) > 2 && len(word) < 20
}

func (p *LineParser) accessExtras(rest []byte) {
	texts, numbers, others := 0, 0, 0
	other := func(text []byte) {
		others++
		p.setTyped([]byte("extra_"+strconv.Itoa(others)), text)
	}
	for len(rest) > 0 {
		if text, after, ok := p.quotedToken(rest); ok {
			if rest = after; string(text) == "-" {
				texts++
			} else if texts++; texts == 1 {
				p.set("x_forwarded_for", text)
			} else if len(text) > 0 {
				other(text)
			}
			continue
		}
		word := rest
		key, value, ok := bytes.Cut(rest, []byte("="))
		if ok && len(key) > 0 && !bytes.ContainsAny(key, " \"") {
			if text, after, ok := p.quotedToken(value); ok {
				rest = after
				p.setNumber(string(key), text)
				continue
			}
			value, rest = token(value)
			p.setNumber(string(key), value)
			continue
		}
		word, rest = token(word)
		point := bytes.IndexByte(word, '.') >= 0 && p.isNumber(word)
		switch {
		case string(word) == "-":
			numbers++ // an upstream time where there was no upstream
		case point && numbers == 0:
			numbers++
			p.setNumber("request_time", word)
		case point && numbers == 1:
			numbers++
			p.setNumber("upstream_response_time", word)
		default:
			other(word)
		}
	}
}
