package query

import "time"

// parseTime reads a time as RFC 3339, PostgreSQL and loggers write it; false if
// it is none or beyond int64 nanoseconds.
//
//	2026-11-22                          midnight
//	2026-11-22T10:00  2026-11-22 10:00  T or a space, seconds or none
//	          ...:00.123456789          digits past the ninth are dropped
//	          ...Z  +02  +0200  +02:00  UTC without; a space may stand before it
//
// Every part has all of its digits.
func parseTime(s string) (int64, bool) { return parseTimeIn(s, time.UTC) }

// parseTimeIn is parseTime where a text without a zone is in the one given.
func parseTimeIn(s string, zone *time.Location) (int64, bool) {
	p := timeText{rest: s, ok: true}
	year := p.digits(4)
	p.skip('-')
	month := p.digits(2)
	p.skip('-')
	day := p.digits(2)
	var hour, minute, second, nano, offset int
	if p.ok && p.rest != "" {
		p.oneOf('T', 't', ' ')
		hour = p.digits(2)
		p.skip(':')
		minute = p.digits(2)
		if p.at(':') {
			p.skip(':')
			second = p.digits(2)
			nano = p.fraction()
		}
		if p.rest != "" {
			offset, zone = p.zone(), time.UTC
		}
	}
	if !p.ok || p.rest != "" || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nano, time.UTC)
	if t.Month() != time.Month(month) || t.Day() != day { // there is no such day
		return 0, false
	}
	if zone != time.UTC {
		t = time.Date(year, time.Month(month), day, hour, minute, second, nano, zone)
	}
	return timeToNs(t.Add(-time.Duration(offset) * time.Minute))
}

// timeText is what is left of a text; ok turns false where it is not as it
// should be.
type timeText struct {
	rest string
	ok   bool
}

func (p *timeText) at(c byte) bool { return p.rest != "" && p.rest[0] == c }

func (p *timeText) skip(c byte) { p.oneOf(c) }

// oneOf reads one of some characters.
func (p *timeText) oneOf(cs ...byte) byte {
	for _, c := range cs {
		if p.at(c) {
			p.rest = p.rest[1:]
			return c
		}
	}
	p.ok = false
	return 0
}

// digits reads a number of n digits.
func (p *timeText) digits(n int) int {
	if digitsLen(p.rest[:min(n, len(p.rest))]) < n {
		p.ok = false
		return 0
	}
	v := 0
	for i := range n {
		v = v*10 + int(p.rest[i]-'0')
	}
	p.rest = p.rest[n:]
	return v
}

// fraction reads what may follow seconds: a point and digits, as nanoseconds.
func (p *timeText) fraction() int {
	if !p.at('.') {
		return 0
	}
	n := digitsLen(p.rest[1:])
	p.ok = p.ok && n > 0
	nano := 0
	for i := range 9 {
		nano *= 10
		if i < n {
			nano += int(p.rest[1+i] - '0')
		}
	}
	p.rest = p.rest[1+n:]
	return nano
}

// zone reads the offset from UTC in minutes.
func (p *timeText) zone() int {
	if p.at(' ') {
		p.skip(' ')
	}
	sign := p.oneOf('Z', 'z', '+', '-')
	if sign == 'Z' || sign == 'z' {
		return 0
	}
	hours, minutes := p.digits(2), 0
	if p.at(':') {
		p.skip(':')
		minutes = p.digits(2)
	} else if p.rest != "" {
		minutes = p.digits(2)
	}
	if p.ok = p.ok && hours <= 23 && minutes <= 59; sign == '-' {
		return -hours*60 - minutes
	}
	return hours*60 + minutes
}
