package ingest

import (
	"bytes"
	"strconv"
)

var syslogSeverities = [8]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

var syslogFacilities = [24]string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}

// priority reads <n>: eight times the facility, plus the severity.
func (p *LineParser) priority(line []byte) (n int, rest []byte, ok bool) {
	inside, rest, ok := bracketed(line, '<', '>')
	if !ok || len(inside) > 3 {
		return 0, nil, false
	}
	n, err := strconv.Atoi(string(inside))
	if err != nil || n < 0 || n > 191 {
		return 0, nil, false
	}
	return n, rest, true
}

func (p *LineParser) setPriority(n int) {
	p.set("facility", []byte(syslogFacilities[n>>3]))
	p.set("level", []byte(syslogSeverities[n&7]))
}

// syslog3164 reads what BSD's syslog writes, and rsyslog with a full date:
//
//	[<34>]Oct 11 22:14:15 host app[pid]: message
//	[<34>]2006-01-02T15:04:05.678901-07:00 host app[pid]: message
func (p *LineParser) syslog3164(line []byte) bool {
	n, rest, prioritized := p.priority(line)
	if !prioritized {
		rest = line
	}
	if len(rest) < 16 {
		return false
	}
	c, after, ok := monthTime(rest)
	full := !ok
	if full {
		if c, after, ok = isoTime(rest); !ok || rest[10] != 'T' || !c.zoned {
			return false
		}
	}
	ns, ok := p.instant(c)
	if !ok || len(after) == 0 || after[0] != ' ' {
		return false
	}
	host, message := token(bytes.TrimLeft(after, " "))
	if len(host) == 0 || host[len(host)-1] == ':' || host[0] == '[' {
		return false
	}
	// Without a priority, many a log of an application starts with such a time:
	// then what follows it must be a host, and behind a full date an app too,
	// and neither is called ERROR.
	app, pid, text := syslogTag(message)
	if !prioritized && (isLevel(host, full) || full && (len(app) == 0 || isLevel(app, true))) {
		return false
	}
	p.setTime(ns)
	if prioritized {
		p.setPriority(n)
	}
	p.set("host", host)
	p.set("app", app)
	p.setNumber("pid", pid)
	p.set("message", text)
	return true
}

// syslogTag reads app[pid]: before a message; app is empty if there is none.
// The name of an app may hold blanks, but not many: a colon far behind belongs
// to the message.
func syslogTag(message []byte) (app, pid, text []byte) {
	const tagMax = 64
	head := message[:min(len(message), tagMax)]
	i := bytes.Index(head, []byte(": "))
	if i < 0 && len(message) > 0 && len(message) <= tagMax && message[len(message)-1] == ':' {
		i = len(message) - 1
	}
	if i <= 0 {
		return nil, nil, message
	}
	app = message[:i]
	if open := bytes.IndexByte(app, '['); open > 0 && app[len(app)-1] == ']' {
		app, pid = app[:open], app[open+1:len(app)-1]
	}
	if pid == nil && bytes.IndexByte(app, ' ') >= 0 {
		return nil, nil, message
	}
	return app, pid, bytes.TrimLeft(message[i+1:], " ")
}
