package ingest

import "github.com/kelpdb/kelp/storage"

// The functions here read the bytes in p.buf, which ends with windowSlack zero
// bytes: a zero is in no token, so a scan ends there without asking for the
// end. They return the index behind what they read, or -1 after fail.

// fail notes why and where the row cannot be read. Behind the end of the
// buffer that means: not yet.
func (p *jsonRows) fail(f failure, at int) int {
	if at >= p.w.end {
		f, at = failEnd, p.w.end
		if !p.w.eof {
			f = failMore
		}
	}
	p.why, p.whyAt = f, at
	return -1
}

func skipSpace(buf []byte, i int) int {
	for buf[i] <= ' ' && (buf[i] == ' ' || buf[i] == '\n' || buf[i] == '\r' || buf[i] == '\t') {
		i++
	}
	return i
}

// object reads an object whose brace stands before i, and sets its fields.
func (p *jsonRows) object(i int, o *jsonObject, depth int) int {
	buf := p.buf
	if i = skipSpace(buf, i); buf[i] == '}' {
		return i + 1
	}
	link := &o.first
	for {
		f := *link
		if f != nil && f.matchHead(buf, i) && (f.short || f.matchLong(buf[i:])) && p.names.meet(f) {
			i += len(f.quoted)
		} else if f, i = p.name(i, o, f); i < 0 {
			return -1
		}
		*link, link = f, &f.next
		if buf[i] == ' ' {
			i = skipSpace(buf, i)
		}
		// Nearly every value is a text without escapes, or a number.
		switch c := buf[i]; {
		case c == '"' && f.rank == 0 && f.gen == p.names.gen:
			if end := p.plainEnd(i + 1); buf[end] == '"' && end-i <= ValueBytesMax {
				p.c.batch.SetString(f.slot, buf[i+1:end])
				i = end + 1
				break
			}
			i = p.value(i, f, depth)
		case isDigit(c):
			i = p.numberField(i, f)
		default:
			i = p.value(i, f, depth)
		}
		if i < 0 {
			return -1
		}
		if buf[i] <= ' ' {
			i = skipSpace(buf, i)
		}
		switch buf[i] {
		case ',':
			if i++; buf[i] != '"' {
				i = skipSpace(buf, i)
			}
		case '}':
			return i + 1
		default:
			return p.fail(failComma, i)
		}
	}
}

// name reads a name and its colon where the guess was wrong.
func (p *jsonRows) name(i int, o *jsonObject, guess *jsonField) (f *jsonField, end int) {
	if guess != nil && guess.next != nil && guess.next.match(p.buf, i) && p.names.meet(guess.next) {
		// The guess was a field that not every row has.
		return guess.next, i + len(guess.next.quoted)
	}
	buf := p.buf
	if buf[i] != '"' {
		if buf[i] == '/' {
			return nil, p.fail(failComment, i)
		}
		return nil, p.fail(failName, i)
	}
	text, end := p.text(i+1, p.plainEnd(i+1))
	if end < 0 {
		return nil, -1
	}
	var quoted []byte
	if len(text) > 0 && &text[0] == &buf[i+1] {
		quoted = buf[i:end] // it has neither escapes nor repairs
	}
	f, why := p.names.field(o, text, quoted, p.c)
	if f == nil {
		return nil, p.fail(why, i)
	}
	if end = skipSpace(buf, end); buf[end] != ':' {
		return nil, p.fail(failColon, end)
	}
	return f, end + 1
}

// value reads the value of a field.
func (p *jsonRows) value(i int, f *jsonField, depth int) int {
	buf := p.buf
	if buf[i] <= ' ' {
		i = skipSpace(buf, i)
	}
	switch c := buf[i]; c {
	case '"':
		end := p.plainEnd(i + 1)
		text := buf[i+1 : end]
		if buf[end] == '"' {
			end++
		} else if text, end = p.text(i+1, end); end < 0 {
			return -1
		}
		if len(text) > ValueBytesMax {
			return p.fail(failValueLong, i)
		}
		slot := p.names.slotOf(f, p.c)
		if f.rank == 0 || p.timeText(f, slot, text) {
			p.c.batch.SetString(slot, text)
		}
		return end
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return p.numberField(i, f)
	case 't', 'f':
		end := p.literal(i)
		if end < 0 {
			return -1
		}
		slot := p.names.slotOf(f, p.c)
		if f.rank != 0 {
			p.c.timeUnread(f.rank, slot)
		}
		p.c.batch.SetBool(slot, c == 't')
		return end
	case 'n':
		end := p.literal(i)
		if end < 0 {
			return -1
		}
		// Another path may have led to the same column before.
		p.c.batch.Unset(p.names.slotOf(f, p.c))
		if f.rank != 0 {
			p.c.timeNull(f.rank)
		}
		return end
	case '{':
		if depth >= DepthMax {
			return p.fail(failDepth, i)
		}
		return p.object(i+1, f.objectOf(), depth+1)
	case '[':
		return p.array(i, f, depth+1)
	}
	return p.fail(failValue, i)
}

func (p *jsonRows) numberField(i int, f *jsonField) int {
	n, end, at, bad := scanNumber(p.buf, i)
	switch {
	case end < 0:
		return p.fail(failNumber, at)
	case end >= p.w.end:
		return p.fail(failEnd, end) // more digits may come
	case bad:
		return p.fail(failNumberRange, i)
	}
	slot := p.names.slotOf(f, p.c)
	if f.rank != 0 {
		ns, ok := timeOfInt(n.i), true
		if n.float {
			ns, ok = timeOfNumber(p.buf[i:end])
		}
		if !ok {
			p.c.timeUnread(f.rank, slot)
		} else if !p.c.timeRead(f.rank, slot, ns) {
			return end
		}
	}
	if n.float {
		p.c.batch.SetFloat(slot, n.f)
	} else {
		p.c.batch.SetInt(slot, n.i)
	}
	return end
}

// timeText reads the text of a time field; it returns whether the text must be
// stored as well.
func (p *jsonRows) timeText(f *jsonField, slot int, text []byte) (store bool) {
	ns, ok := parseTime(text)
	if !ok {
		p.c.timeUnread(f.rank, slot)
		return true
	}
	return p.c.timeRead(f.rank, slot, ns)
}

// literal reads true, false or null by its first letter.
func (p *jsonRows) literal(i int) int {
	word := "null"
	switch p.buf[i] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	}
	for k := range len(word) {
		if p.buf[i+k] != word[k] {
			return p.fail(failValue, max(i, min(i+k, p.w.end)))
		}
	}
	return i + len(word)
}

// array reads the array at buf[i]: a list if it holds only strings, else the
// JSON text.
func (p *jsonRows) array(i int, f *jsonField, depth int) int {
	b := p.c.batch
	slot := p.names.slotOf(f, p.c)
	if f.rank != 0 {
		p.c.timeUnread(f.rank, slot)
	}
	end := p.list(i, slot)
	if end != listNot {
		return end
	}
	b.Unset(slot)
	if end = p.skipArray(i, depth); end < 0 {
		return -1
	}
	if end-i > ValueBytesMax {
		return p.fail(failValueLong, i)
	}
	b.SetString(slot, p.valid(p.buf[i:end]))
	return end
}

// listNot is returned where an array holds something else than strings.
const listNot = -2

// list reads the array of strings at buf[i].
func (p *jsonRows) list(start, slot int) int {
	buf, b := p.buf, p.c.batch
	b.SetList(slot)
	i := skipSpace(buf, start+1)
	if buf[i] == ']' {
		return i + 1
	}
	for items, bytes := 0, 0; ; items++ {
		if buf[i] != '"' {
			if i >= p.w.end {
				return p.fail(failEnd, i)
			}
			return listNot
		}
		text, end := p.text(i+1, p.plainEnd(i+1))
		switch bytes += len(text); {
		case end < 0:
			return -1
		case items >= storage.ListItemsMax:
			return p.fail(failListLong, start)
		case bytes > ValueBytesMax:
			return p.fail(failValueLong, start)
		}
		b.AppendItem(slot, text)
		i = skipSpace(buf, end)
		switch buf[i] {
		case ',':
			i = skipSpace(buf, i+1)
		case ']':
			return i + 1
		default:
			return p.fail(failArrayComma, i)
		}
	}
}
