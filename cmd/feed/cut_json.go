package feed

// jsonCutter cuts JSON whose rows may stand on many lines, or in arrays. The
// brackets and commas of an array of rows are blanked out, which leaves objects
// one after another: any run of them is a body.
type jsonCutter struct {
	plain
	looked  int // how far buf was looked at
	depth   int // of objects, and of arrays within them
	end     int // behind the last whole row
	quoted  bool
	escaped bool
}

func (c *jsonCutter) cut(buf []byte, final bool) int {
	for ; c.looked < len(buf); c.looked++ {
		b := buf[c.looked]
		switch {
		case c.escaped:
			c.escaped = false
		case c.quoted:
			c.escaped = b == '\\'
			c.quoted = b != '"'
		case b == '"':
			c.quoted = true
		case c.depth == 0 && (b == '[' || b == ']' || b == ','):
			buf[c.looked] = ' '
		case b == '{' || b == '[':
			c.depth++
		case (b == '}' || b == ']') && c.depth > 0:
			if c.depth--; c.depth == 0 {
				c.end = c.looked + 1
			}
		}
	}
	n := c.end
	if final {
		n = len(buf) // an object that does not end is for the server to judge
	}
	c.looked -= n
	c.end = 0
	return n
}
