package ingest

import (
	"bytes"
	"time"
)

// zoneCache keeps the offset of the day that was converted last: a log stays
// within a day for long, and looking a zone up is slow.
type zoneCache struct {
	location *time.Location
	from, to int64 // seconds since 1970 of local clocks, between which offset holds
	offset   int64 // seconds east of UTC
}

// clock is a time as a line has it.
type clock struct {
	year              int64 // 0: not said
	month, day        int64
	seconds, fraction int64 // of the day; fraction in ns
	offset            int64 // seconds east of UTC
	zoned             bool  // offset was said
}

// instant returns the time of a clock.
func (p *LineParser) instant(c clock) (ns int64, ok bool) {
	if c.year == 0 {
		return p.yearless(c)
	}
	day, ok := dateSeconds(c.year, c.month, c.day)
	if !ok {
		return 0, false
	}
	seconds := day + c.seconds
	if c.zoned {
		return instant(seconds-c.offset, c.fraction)
	}
	return instant(seconds-p.offset(seconds), c.fraction)
}

// offset returns how far local clocks are east of UTC when they show seconds.
func (p *LineParser) offset(seconds int64) int64 {
	z := &p.zone
	if z.location == nil {
		z.location = p.now().Location()
	}
	if z.location == time.UTC {
		return 0
	}
	if seconds < z.from || seconds >= z.to {
		hour := floorDiv(seconds, 3600) * 3600
		t := time.Unix(hour, 0).UTC()
		local := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), 0, 0, 0, z.location)
		_, offset := local.Zone()
		z.from, z.to, z.offset = hour, hour+3600, int64(offset)
	}
	return z.offset
}

// aheadMax is how far a clock without a year may run ahead of ours.
const aheadMax = 24 * time.Hour

// yearless takes the year that puts the clock nearest before now.
func (p *LineParser) yearless(c clock) (ns int64, ok bool) {
	now := p.now()
	limit := now.Add(aheadMax).UnixNano()
	// 29 February may be eight years back.
	for year := int64(now.Year()) + 1; year > int64(now.Year())-9; year-- {
		c.year = year
		if ns, ok := p.instant(c); ok && ns <= limit {
			return ns, true
		}
	}
	return 0, false
}

// leadingTime reads a time at the start of a line, also in brackets. rest is
// what follows it.
func (p *LineParser) leadingTime(line []byte) (ns int64, rest []byte, ok bool) {
	if len(line) == 0 || line[0] != '[' {
		return p.bareTime(line)
	}
	if ns, rest, ok = p.bareTime(line[1:]); !ok {
		ns, rest, ok = p.clfTime(line[1:])
	}
	if !ok || len(rest) == 0 || rest[0] != ']' {
		return 0, nil, false
	}
	return ns, rest[1:], true
}

func (p *LineParser) bareTime(line []byte) (ns int64, rest []byte, ok bool) {
	if len(line) < 10 {
		return 0, nil, false
	}
	var c clock
	switch {
	case isDigit(line[0]):
		return p.digitsTime(line)
	case isDigit(line[1]):
		c, rest, ok = klogTime(line)
	default:
		if c, rest, ok = asctime(line); !ok {
			c, rest, ok = monthTime(line)
		}
	}
	if !ok {
		return 0, nil, false
	}
	ns, ok = p.instant(c)
	return ns, rest, ok
}

// digitsTime reads a time that starts with a digit.
func (p *LineParser) digitsTime(line []byte) (ns int64, rest []byte, ok bool) {
	for _, read := range []func([]byte) (clock, []byte, bool){isoTime, shortDateTime, packedTime, monthDayTime, healthTime} {
		if c, rest, ok := read(line); ok {
			ns, ok := p.instant(c)
			return ns, rest, ok
		}
	}
	return unixTime(line)
}

// clockAt reads hh:mm:ss[.fraction] into c.
func (c *clock) clockAt(t []byte) (rest []byte, ok bool) {
	if len(t) < 8 || t[5] != ':' {
		return nil, false
	}
	c.seconds, c.fraction, rest, ok = parseClock(t)
	return rest, ok
}

// zoneAt reads an offset behind a clock, if there is one: Z, +01:00, +0100,
// with or without a blank before, UTC or GMT.
func (c *clock) zoneAt(t []byte) (rest []byte) {
	u := t
	if len(u) > 1 && u[0] == ' ' && (u[1] == '+' || u[1] == '-' || u[1] == 'U' || u[1] == 'G') {
		u = u[1:]
	}
	n := 0
	switch {
	case len(u) == 0:
		return t
	case u[0] == 'Z' || u[0] == 'z':
		n = 1
	case bytes.HasPrefix(u, []byte("UTC")), bytes.HasPrefix(u, []byte("GMT")):
		n = 3
	case len(u) >= 6 && (u[0] == '+' || u[0] == '-') && u[3] == ':':
		n = 6
	case len(u) >= 5 && (u[0] == '+' || u[0] == '-') && isDigit(u[4]):
		n = 5
	default:
		return t
	}
	if n < len(u) && (isDigit(u[n]) || u[n]|0x20 >= 'a' && u[n]|0x20 <= 'z') {
		return t
	}
	offset, ok := parseOffset(u[:n])
	if !ok {
		return t
	}
	c.offset, c.zoned = offset, true
	return u[n:]
}

// isoTime reads 2006-01-02 15:04:05, also with T or / and a fraction behind a
// comma, and an offset.
func isoTime(t []byte) (c clock, rest []byte, ok bool) {
	if len(t) < 19 || t[4] != '-' && t[4] != '/' || t[7] != t[4] || t[10] != ' ' && t[10] != 'T' {
		return c, nil, false
	}
	high, ok1 := digits2(t)
	low, ok2 := digits2(t[2:])
	month, ok3 := digits2(t[5:])
	day, ok4 := digits2(t[8:])
	c = clock{year: high*100 + low, month: month, day: day}
	rest, ok5 := c.clockAt(t[11:])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || c.year == 0 {
		return c, nil, false
	}
	return c, c.zoneAt(rest), true
}

// shortDateTime reads 06/01/02 15:04:05.
func shortDateTime(t []byte) (c clock, rest []byte, ok bool) {
	if len(t) < 17 || t[2] != '/' || t[5] != '/' || t[8] != ' ' {
		return c, nil, false
	}
	year, ok1 := digits2(t)
	month, ok2 := digits2(t[3:])
	day, ok3 := digits2(t[6:])
	c = clock{year: 2000 + year, month: month, day: day}
	rest, ok4 := c.clockAt(t[9:])
	return c, rest, ok1 && ok2 && ok3 && ok4
}

// packedTime reads 060102 150405.
func packedTime(t []byte) (c clock, rest []byte, ok bool) {
	if len(t) < 14 || t[6] != ' ' || t[13] != ' ' {
		return c, nil, false
	}
	var n [6]int64
	for i, at := range [6]int{0, 2, 4, 7, 9, 11} {
		if n[i], ok = digits2(t[at:]); !ok {
			return c, nil, false
		}
	}
	if n[3] > 23 || n[4] > 59 || n[5] > 60 {
		return c, nil, false
	}
	c = clock{year: 2000 + n[0], month: n[1], day: n[2], seconds: n[3]*3600 + n[4]*60 + n[5]}
	return c, t[13:], true
}

// monthDayTime reads 01-02 15:04:05.000 and 01.02 15:04:05.
func monthDayTime(t []byte) (c clock, rest []byte, ok bool) {
	if len(t) < 14 || t[2] != '-' && t[2] != '.' || t[5] != ' ' {
		return c, nil, false
	}
	month, ok1 := digits2(t)
	day, ok2 := digits2(t[3:])
	c = clock{month: month, day: day}
	rest, ok3 := c.clockAt(t[6:])
	return c, rest, ok1 && ok2 && ok3
}

// healthTime reads 20060102-15:4:5:678, whose parts are not padded.
func healthTime(t []byte) (c clock, rest []byte, ok bool) {
	if len(t) < 16 || t[8] != '-' {
		return c, nil, false
	}
	var n [4]int64
	for i := range n {
		if n[i], ok = digits2(t[2*i:]); !ok {
			return c, nil, false
		}
	}
	c = clock{year: n[0]*100 + n[1], month: n[2], day: n[3]}
	t = t[9:]
	var parts [4]int64
	for i, limit := range [4]int64{23, 59, 59, 999} {
		k := 0
		for ; k < len(t) && k < 3 && isDigit(t[k]); k++ {
			parts[i] = parts[i]*10 + int64(t[k]-'0')
		}
		if k == 0 || parts[i] > limit {
			return c, nil, false
		}
		if t = t[k:]; i < 3 {
			if len(t) == 0 || t[0] != ':' {
				return c, nil, false
			}
			t = t[1:]
		}
	}
	c.seconds = parts[0]*3600 + parts[1]*60 + parts[2]
	c.fraction = parts[3] * 1e6
	return c, t, true
}

// unixTime reads seconds, ms, us or ns since 1970 of today's length.
func unixTime(t []byte) (ns int64, rest []byte, ok bool) {
	i := 0
	for i < len(t) && (isDigit(t[i]) || t[i] == '.' && i > 0) {
		i++
	}
	if i < len(t) && t[i] != ' ' && t[i] != '\t' && t[i] != ']' && t[i] != ',' && t[i] != '|' {
		return 0, nil, false
	}
	ns, ok = timeOfDigits(bytes.TrimSuffix(t[:i], []byte(".")))
	return ns, t[i:], ok
}

// monthOf reads the name of a month.
func monthOf(t []byte) (month int64, ok bool) {
	const names = "JanFebMarAprMayJunJulAugSepOctNovDec"
	for i := 0; i < len(names); i += 3 {
		if string(t[:3]) == names[i:i+3] {
			return int64(i/3 + 1), true
		}
	}
	return 0, false
}

// monthTime reads Jan _2 15:04:05, as syslog writes it.
func monthTime(t []byte) (c clock, rest []byte, ok bool) {
	if len(t) < 14 || t[3] != ' ' {
		return c, nil, false
	}
	month, ok := monthOf(t)
	if !ok {
		return c, nil, false
	}
	t = t[4:]
	if t[0] == ' ' {
		t = t[1:]
	}
	day := int64(0)
	for len(t) > 0 && isDigit(t[0]) && day < 32 {
		day = day*10 + int64(t[0]-'0')
		t = t[1:]
	}
	if len(t) == 0 || t[0] != ' ' {
		return c, nil, false
	}
	c = clock{month: month, day: day}
	rest, ok = c.clockAt(t[1:])
	return c, rest, ok
}

// asctime reads Mon Jan _2 15:04:05[.000000] 2006.
func asctime(t []byte) (c clock, rest []byte, ok bool) {
	if len(t) < 24 || t[3] != ' ' {
		return c, nil, false
	}
	c, rest, ok = monthTime(t[4:])
	if !ok || len(rest) < 5 || rest[0] != ' ' {
		return c, nil, false
	}
	high, ok1 := digits2(rest[1:])
	low, ok2 := digits2(rest[3:])
	c.year = high*100 + low
	return c, rest[5:], ok1 && ok2 && c.year > 0
}

// klogTime reads I0102 15:04:05.000000.
func klogTime(t []byte) (c clock, rest []byte, ok bool) {
	if len(t) < 14 || t[5] != ' ' {
		return c, nil, false
	}
	month, ok1 := digits2(t[1:])
	day, ok2 := digits2(t[3:])
	c = clock{month: month, day: day}
	rest, ok3 := c.clockAt(t[6:])
	return c, rest, ok1 && ok2 && ok3
}

// clfTime reads 02/Jan/2006:15:04:05 -0700, as access logs write it.
func (p *LineParser) clfTime(t []byte) (ns int64, rest []byte, ok bool) {
	if len(t) < 20 || t[2] != '/' || t[6] != '/' || t[11] != ':' {
		return 0, nil, false
	}
	day, ok1 := digits2(t)
	month, ok2 := monthOf(t[3:])
	high, ok3 := digits2(t[7:])
	low, ok4 := digits2(t[9:])
	c := clock{year: high*100 + low, month: month, day: day}
	rest, ok5 := c.clockAt(t[12:])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || c.year == 0 {
		return 0, nil, false
	}
	rest = c.zoneAt(rest)
	ns, ok = p.instant(c)
	return ns, rest, ok
}
