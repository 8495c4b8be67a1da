package storage

// varKind says how the values of a variable are written out.
type varKind uint8

const (
	varText    varKind = iota // text
	varFixed                  // affix: decimal digits alone, as many in all
	varDecimal                // affix: decimal digits alone, as many as needed
	varHex                    // affix: hexadecimal digits alone
	varAffix                  // affix
	varCodes                  // codes
	varHexID                  // hex
)

// variable reads the values of one place. One of the readers is set, as the kind
// says.
type variable struct {
	kind    varKind
	digits  int
	affix   *affixReader
	codes   *codesReader
	hex     *hexIDReader
	text    plainText
	textMax int
	index   int // among all variables of the column
}

// open opens the section of a variable, which has rows.
func (v *variable) open(s section) error {
	switch s.enc {
	case EncConstant, EncDict, EncAffix, EncHexID, EncText:
	default:
		return errMismatch
	}
	if s.rows == 0 {
		return errTemplates
	}
	o, err := s.open()
	if err != nil {
		return err
	}
	if o.codes != nil {
		v.kind, v.codes = varCodes, o.codes
		for i := range o.codes.entries {
			v.textMax = max(v.textMax, len(o.codes.entryText(i)))
		}
		return nil
	}
	switch r := o.text.(type) {
	case *affixReader:
		v.kind, v.affix, v.digits, v.textMax = varAffix, r, r.digits, r.textMax()
		switch {
		case len(r.prefix)+len(r.suffix) > 0:
		case r.base != baseDecimal:
			v.kind = varHex
		case r.digits > 0:
			v.kind = varFixed
		default:
			v.kind = varDecimal
		}
	case *hexIDReader:
		v.kind, v.hex, v.textMax = varHexID, r, len(r.form)
	case plainText:
		v.text = r
		for i := range r.ends {
			v.textMax = max(v.textMax, len(textAt(r.bytes, r.ends, i)))
		}
	}
	return nil
}

// appendAt appends value i.
func (v *variable) appendAt(dst []byte, i int) ([]byte, error) {
	switch v.kind {
	case varCodes:
		return append(dst, v.codes.entryText(codeAt(v.codes.packed, v.codes.width, i))...), nil
	case varHexID:
		return v.hex.appendAt(dst, i)
	case varText:
		return v.text.appendAt(dst, i)
	}
	return v.affix.appendAt(dst, i)
}

// number returns the nth value, a number.
func (v *variable) number(nth int, s *templateScratch) uint64 {
	at := nth - s.from[v.index]
	ints := s.ints[v.index*runRows : v.index*runRows+runRows]
	if uint(at) >= runRows {
		v.affix.decode(nth/runRows, ints)
		s.from[v.index] = nth &^ (runRows - 1)
		at = nth & (runRows - 1)
	}
	return uint64(ints[at])
}
