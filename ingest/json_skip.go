package ingest

// skip checks the value at buf[i] by JSON's grammar without storing it. depth
// is that of the value, if it is an object or array.
func (p *jsonRows) skip(i, depth int) int {
	switch c := p.buf[i]; c {
	case '"':
		_, end := p.text(i+1, p.plainEnd(i+1))
		return end
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		_, end, at, bad := scanNumber(p.buf, i)
		switch {
		case end < 0:
			return p.fail(failNumber, at)
		case end >= p.w.end && !p.w.eof:
			return p.fail(failEnd, end)
		case bad:
			return p.fail(failNumberRange, i)
		}
		return end
	case 't', 'f', 'n':
		return p.literal(i)
	case '{':
		return p.skipObject(i, depth)
	case '[':
		return p.skipArray(i, depth)
	}
	return p.fail(failValue, i)
}

func (p *jsonRows) skipArray(i, depth int) int {
	if depth > DepthMax {
		return p.fail(failDepth, i)
	}
	buf := p.buf
	if i = skipSpace(buf, i+1); buf[i] == ']' {
		return i + 1
	}
	for {
		if i = p.skip(i, depth+1); i < 0 {
			return -1
		}
		i = skipSpace(buf, i)
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

func (p *jsonRows) skipObject(i, depth int) int {
	if depth > DepthMax {
		return p.fail(failDepth, i)
	}
	buf := p.buf
	if i = skipSpace(buf, i+1); buf[i] == '}' {
		return i + 1
	}
	for {
		if buf[i] != '"' {
			return p.fail(failName, i)
		}
		if _, i = p.text(i+1, p.plainEnd(i+1)); i < 0 {
			return -1
		}
		if i = skipSpace(buf, i); buf[i] != ':' {
			return p.fail(failColon, i)
		}
		if i = p.skip(skipSpace(buf, i+1), depth+1); i < 0 {
			return -1
		}
		i = skipSpace(buf, i)
		switch buf[i] {
		case ',':
			i = skipSpace(buf, i+1)
		case '}':
			return i + 1
		default:
			return p.fail(failComma, i)
		}
	}
}
