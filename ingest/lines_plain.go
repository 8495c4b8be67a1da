package ingest

import "bytes"

// plain takes any line: the whole of it is the message. A time at its start,
// or behind one word (a file name, a flag), and a level near it are recognised
// and kept as well; so is the host of lines that supercomputers write
// (flag, seconds, date, host).
func (p *LineParser) plain(line []byte) {
	text := bytes.TrimLeft(line, " \t")
	ns, rest, ok := p.leadingTime(text)
	letter := []byte(nil)
	switch {
	case ok && !isDigit(text[0]) && len(text) > 1 && isDigit(text[1]) && text[0] != '[':
		letter = text[:1] // klog's level stands before the time
	case ok:
	default:
		word, after := token(text)
		if ns, rest, ok = p.leadingTime(after); ok && (len(word) > 80 || !isStrictTime(after)) {
			ok = false
		}
	}
	if !ok {
		p.setLevel(text, false)
		p.set("message", line)
		return
	}
	p.setTime(ns)
	rest = bytes.TrimLeft(rest, " \t],|")
	if date, after := token(rest); isDottedDate(date) {
		host, _ := token(after)
		p.set("host", host)
	}
	if letter != nil {
		p.set("level", letter)
	} else if level := logcatLevel(rest); level != nil {
		p.set("level", level)
	} else {
		p.setLevel(rest, true)
	}
	p.set("message", line)
}

// isStrictTime tells whether a text starts with a time that is hardly anything
// else: with a year, or seconds before a date.
func isStrictTime(text []byte) bool {
	if _, _, ok := isoTime(text); ok {
		return true
	}
	first, rest := token(text)
	date, _ := token(rest)
	return len(first) == 10 && isDottedDate(date)
}

// isDottedDate recognises 2006.01.02.
func isDottedDate(word []byte) bool {
	return len(word) == 10 && word[4] == '.' && word[7] == '.' && isDigit(word[0]) && isDigit(word[5]) && isDigit(word[8])
}

// logcatLevel returns the letter of a line of Android: pid tid letter tag.
func logcatLevel(text []byte) []byte {
	pid, rest := token(text)
	tid, rest := token(rest)
	letter, _ := token(rest)
	if len(letter) != 1 || bytes.IndexByte([]byte("VDIWEFA"), letter[0]) < 0 || !allDigits(pid) || !allDigits(tid) {
		return nil
	}
	return letter
}

func allDigits(word []byte) bool {
	for _, c := range word {
		if !isDigit(c) {
			return false
		}
	}
	return len(word) > 0
}

// levelWords is how many words behind the time a level may stand.
const levelWords = 8

// setLevel looks for a level at the start of a text: in any case as the first
// word or in brackets, else in capitals. Without a time before it, it must be
// the first word and be marked as a level by its capitals, brackets or a colon.
func (p *LineParser) setLevel(text []byte, timed bool) {
	words := 1
	if timed {
		words = levelWords
	}
	for i := range words {
		var word []byte
		if word, text = token(text); len(word) == 0 {
			if len(text) == 0 {
				return
			}
			continue
		}
		core := bytes.Trim(word, "[]()<>:,|")
		marked := len(core) < len(word)
		if isLevel(core, marked || i == 0 && timed) {
			p.set("level", core)
			return
		}
		if word[len(word)-1] == ':' {
			return // the message begins
		}
	}
}

// isLevel tells whether a word names a level: in capitals, or in any case.
func isLevel(word []byte, anyCase bool) bool {
	if len(word) < 3 || len(word) > 11 {
		return false
	}
	upper := bytes.ToUpper(word)
	if !anyCase && !bytes.Equal(upper, word) {
		return false
	}
	switch string(upper) {
	case "TRACE", "VERBOSE", "DEBUG", "INFO", "INFORMATION", "NOTICE", "WARN", "WARNING", "ERR", "ERROR", "FAILURE", "SEVERE",
		"CRIT", "CRITICAL", "ALERT", "EMERG", "EMERGENCY", "FATAL", "PANIC":
		return true
	}
	return false
}
