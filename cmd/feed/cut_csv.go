package feed

// csvCutter cuts behind records of CSV: newlines within quotes are part of a
// value. The first record is the header, which every body starts with.
type csvCutter struct {
	header  []byte
	taken   bool // the header was part of a body: later ones need it in front
	looked  int
	end     int // behind the last whole record
	quoted  bool
	atStart bool // of a field: only there a quote opens
	begun   bool
}

func (c *csvCutter) cut(buf []byte, final bool) int {
	if !c.begun {
		c.begun, c.atStart = true, true
	}
	for ; c.looked < len(buf); c.looked++ {
		b := buf[c.looked]
		switch {
		case c.quoted:
			// A doubled quote closes and opens again.
			c.quoted = b != '"'
			c.atStart = !c.quoted
		case b == '"' && c.atStart:
			c.quoted = true
		case b == '\n':
			c.end = c.looked + 1
			c.atStart = true
			if c.header == nil {
				c.header = append([]byte{}, buf[:c.end]...)
			}
		default:
			c.atStart = b == ',' || b == ';' || b == '\t'
		}
	}
	n := c.end
	if final {
		n = len(buf)
	}
	if !c.taken && !final && n == len(c.header) {
		return 0 // a header alone is not worth a body
	}
	c.looked -= n
	c.end = 0
	return n
}

// prefix is asked for before a body is made of what was cut.
func (c *csvCutter) prefix() []byte {
	if !c.taken {
		c.taken = true
		return nil
	}
	return c.header
}

func (c *csvCutter) suffix() []byte { return nil }
