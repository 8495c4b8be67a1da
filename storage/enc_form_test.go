package storage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// vectorOf makes a vector of texts.
func vectorOf(texts []string) *Vector {
	v := &Vector{Type: TypeString}
	for _, text := range texts {
		v.Bytes = append(v.Bytes, text...)
		v.Ends = append(v.Ends, uint32(len(v.Bytes)))
	}
	return v
}

// sourceOfTexts puts texts into some of the rows, in another order.
func sourceOfTexts(r *rand.Rand, texts []string, nulls int) (*source, []string) {
	n := len(texts)
	s := &source{vec: vectorOf(texts), n: n, rows: n + nulls}
	if nulls == 0 && r.IntN(2) == 0 {
		return s, texts
	}
	want := make([]string, s.rows)
	for i, row := range r.Perm(s.rows)[:n] {
		s.at = append(s.at, uint32(row))
		want[row] = texts[i]
	}
	return s, want
}

// checkTexts opens a section of texts and reads it in every way.
func checkTexts(t *testing.T, enc Encoding, data []byte, s *source, want []string) {
	t.Helper()
	size := len(data)
	// What lies behind a column is not always zero.
	data = append(data, bytes.Repeat([]byte{0xaa}, tailBytes)...)[:size]
	o, err := section{typ: TypeString, enc: enc, rows: s.rows, nulls: s.nulls(), data: data}.open()
	if err != nil {
		t.Fatalf("%v: %v", enc, err)
	}
	var buf TextBuf
	check := func(sel []uint64) {
		t.Helper()
		text, err := o.text.all(sel, &buf)
		if err != nil {
			t.Fatalf("%v: %v", enc, err)
		}
		for row, want := range want {
			if got := string(text.At(row)); got != want && (sel == nil || isIn(sel, row) || got != "") {
				t.Fatalf("%v: row %d of %d is %q, want %q", enc, row, s.rows, got, want)
			}
		}
	}
	check(nil)
	sel := make([]uint64, bitmapWords(s.rows))
	for row := range want {
		if row*2654435761>>3%7 == 0 {
			sel[row>>6] |= 1 << (row & 63)
		}
	}
	check(sel)
	check(sel[:len(sel)/2])
	check(nil)
	for row := 0; row < s.rows; row += 1 + s.rows/50 {
		if o.valid != nil && !bitSet(o.valid, row) {
			continue
		}
		got, err := o.text.appendAt([]byte("before "), row)
		if err != nil || string(got) != "before "+want[row] {
			t.Fatalf("%v: row %d alone is %q, %v, want %q", enc, row, got, err, want[row])
		}
	}
	checkEqual(t, &o, want)
	checkMayContain(t, &o, want)
	if r, ok := o.text.(*templateReader); ok {
		checkParts(t, r, want)
	}
}

// checkMayContain seeks parts of the texts.
func checkMayContain(t *testing.T, o *opened, want []string) {
	t.Helper()
	r, ok := o.text.(containReader)
	if !ok {
		return
	}
	dst := make([]uint64, bitmapWords(o.rows))
	for i := 0; i < len(want); i += 1 + len(want)/30 {
		for n := 1; n <= len(want[i]); n += 1 + n/2 {
			from := i * 7919 % (len(want[i]) - n + 1)
			literal := want[i][from : from+n]
			fillWords(dst)
			r.mayContain(dst, []byte(literal))
			for row, text := range want {
				if (o.valid == nil || bitSet(o.valid, row)) && !bitSet(dst, row) && strings.Contains(text, literal) {
					t.Fatalf("%q is in row %d, %q, but may not be", literal, row, text)
				}
			}
			if o.rows%64 != 0 && dst[len(dst)-1]>>(o.rows%64) != 0 {
				t.Fatal("bits past the last row are set")
			}
		}
	}
}

// TestManyVariables holds the bound on the variables of a column.
func TestManyVariables(t *testing.T) {
	texts := make([]string, 1200)
	for i := range texts {
		texts[i] = fmt.Sprint(strings.Repeat("a", i%64+1), strings.Repeat(fmt.Sprint(" ", i*7919), 1+i%60))
	}
	e := &encoder{rich: true}
	s := &source{vec: vectorOf(texts), n: len(texts), rows: len(texts)}
	data, _, ok := e.appendTemplates(nil, s)
	if vars := binary.LittleEndian.Uint16(data[6:]); !ok || vars > templateVariablesMax || vars < templateVariablesMax*9/10 {
		t.Errorf("%v, %d variables, at most %d are allowed", ok, vars, templateVariablesMax)
	}
	checkTexts(t, EncTemplate, data, s, texts)
}

// TestMayContain holds that templates without a literal are left out.
func TestMayContain(t *testing.T) {
	texts := make([]string, 400)
	for i := range texts {
		texts[i] = fmt.Sprintf("request to /api/%s took %d ms", []string{"orders", "items", "times"}[i%3], i*i)
		if i%4 == 0 {
			texts[i] = fmt.Sprintf("timeout after %d ms of 10.%d.%d.9, key %012x", i, i%9, i%7, i*i)
		}
	}
	e := &encoder{rich: true}
	s := &source{vec: vectorOf(texts), n: len(texts), rows: len(texts)}
	data, _, _ := e.appendTemplates(nil, s)
	size := len(data)
	o, err := section{typ: TypeString, enc: EncTemplate, rows: s.rows, data: appendZeros(data, tailBytes)[:size]}.open()
	if err != nil {
		t.Fatal(err)
	}
	f := func(literal string, requests, timeouts bool) {
		t.Helper()
		dst := make([]uint64, bitmapWords(s.rows))
		o.text.(containReader).mayContain(dst, []byte(literal))
		for row := range texts {
			want := requests
			if row%4 == 0 {
				want = timeouts
			}
			if bitSet(dst, row) != want {
				t.Fatalf("%q in %q: %v", literal, texts[row], bitSet(dst, row))
			}
		}
	}
	f("timeout", false, true)
	f("request", true, false)
	f("t", true, true)
	f("xyz", false, false)
	f("/times took 7", true, false)
	f("/times after", false, false)
	f("imes took", true, false)
	f("after 7", false, true)
	f("k 7", true, false)
	f("took 7x", false, false)
	f("of 10.", false, true)
	f("of 10.5.6.9, key", false, true)
	f("5.66666.9,", false, true)
	f("of 11.", false, false)
	f("abc", false, true)
	f("ABC", false, false)
	f("key 000", false, true)
}

// checkEqual seeks texts that are there, and some that nearly are.
func checkEqual(t *testing.T, o *opened, want []string) {
	t.Helper()
	r, ok := o.text.(equalReader)
	if !ok {
		return
	}
	dst := make([]uint64, bitmapWords(o.rows))
	for i := 0; i < len(want); i += 1 + len(want)/20 {
		for _, text := range []string{want[i], want[i] + "0", "0" + want[i], strings.ToUpper(want[i]), strings.TrimPrefix(want[i], "0"), want[i][:len(want[i])/2]} {
			fillWords(dst)
			r.equal(dst, []byte(text))
			for row, other := range want {
				if (o.valid == nil || bitSet(o.valid, row)) && bitSet(dst, row) != (other == text) {
					t.Fatalf("%q in row %d, which is %q: %v", text, row, other, bitSet(dst, row))
				}
			}
		}
	}
}

func fillWords(words []uint64) {
	for i := range words {
		words[i] = ^uint64(0)
	}
}

// TestForms encodes texts of every form, with and without nulls, in any order.
func TestForms(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	f := func(enc Encoding, text func() string) {
		t.Helper()
		for _, n := range []int{2, 65, 1024, 2500} {
			for _, nulls := range []int{0, 1, n} {
				texts := make([]string, n)
				for i := range texts {
					texts[i] = text()
				}
				e := &encoder{rich: true}
				s, want := sourceOfTexts(r, texts, nulls)
				before := []byte("12345678")
				var data []byte
				ok := false
				switch enc {
				case EncAffix:
					data, ok = e.appendAffix(before, s)
				case EncHexID:
					data, ok = e.appendHexID(before, s)
				case EncTemplate:
					data, _, ok = e.appendTemplates(before, s)
				}
				switch {
				case ok:
					checkTexts(t, enc, slices.Clone(data[8:]), s, want)
				case n > 2 && len(slices.Compact(slices.Sorted(slices.Values(texts)))) > 1:
					t.Errorf("no %v of texts like %q", enc, texts[:2])
				}
				if !ok && string(data) != "12345678" {
					t.Errorf("%v left %q behind", enc, data)
				}
			}
		}
	}
	f(EncAffix, func() string { return fmt.Sprintf("user-%06d", r.IntN(1e6)) })
	f(EncAffix, func() string { return fmt.Sprintf("%dms", r.Uint64N(1e18)>>r.IntN(60)) })
	f(EncAffix, func() string { return fmt.Sprintf("%018d", r.Uint64N(1e18)) })
	f(EncAffix, func() string { return fmt.Sprintf("key:%014x/", r.Uint64()>>8) })
	f(EncAffix, func() string { return fmt.Sprintf("%08X", r.Uint32()) })
	f(EncAffix, func() string { return fmt.Sprint(1000 * (1 + r.IntN(5))) })
	f(EncHexID, func() string { return fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()) })
	f(EncHexID, func() string { return fmt.Sprintf("%016x%01x", r.Uint64(), r.IntN(16)) })
	f(EncHexID, func() string { return strings.ToLower(randomUUID(r)) })
	f(EncHexID, func() string { return randomUUID(r) })
	f(EncHexID, func() string { return fmt.Sprintf("%04x:%02x:%02x/", r.IntN(1<<16), r.IntN(256), r.IntN(256)) })
	f(EncHexID, func() string { return fmt.Sprintf("%0128x", r.Uint64()) + fmt.Sprintf("%016x", r.Uint64()) })
	f(EncHexID, func() string { return fmt.Sprintf("%08x%08x", r.Uint32(), r.IntN(3)*0x11111111) })
	f(EncTemplate, func() string { return randomLine(r) })
	f(EncTemplate, func() string {
		return fmt.Sprintf("job %s of %d", []string{"9x9", fmt.Sprint(100 + r.IntN(900))}[min(1, r.IntN(300))], r.IntN(1e9))
	})
	f(EncTemplate, func() string { return randomMessage(r) })
	f(EncTemplate, func() string {
		return fmt.Sprintf("10.%d.%d.%d:%d", r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(1e5))
	})
	f(EncTemplate, func() string { return "a" + strings.Repeat(" 1x2y", r.IntN(3)) + " z\xff\x00 9" })
}

// TestFormsOfAnything holds that no text is changed by a form it nearly has.
func TestFormsOfAnything(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	parts := []string{"", "0", "00", "7", "12", "999999999999999999", "9999999999999999999", "a", "ff", "FF", "fF", "g", "-", " ", "  ", ".", "user-", "ab12", "v2", "é", "\x00", "\xff", "12345678", "deadbeef", "0x1f", "1:", "?0"}
	rounds := 3000
	if underRace {
		rounds = 300 // one goroutine: the run without the race detector does all
	}
	for range rounds {
		base := make([]string, 1+r.IntN(5))
		for i := range base {
			base[i] = parts[r.IntN(len(parts))]
		}
		texts := make([]string, 2+r.IntN(60))
		for i := range texts {
			text := slices.Clone(base)
			for range r.IntN(3) {
				text[r.IntN(len(text))] = parts[r.IntN(len(parts))]
			}
			texts[i] = strings.Join(text, "")
		}
		checkEveryForm(t, r, texts)
	}
}

// checkEveryForm encodes texts in every way that takes them.
func checkEveryForm(t *testing.T, r *rand.Rand, texts []string) {
	t.Helper()
	e := &encoder{rich: true}
	s, want := sourceOfTexts(r, texts, r.IntN(2)*r.IntN(5))
	if data, ok := e.appendAffix(nil, s); ok {
		checkTexts(t, EncAffix, data, s, want)
	}
	if data, ok := e.appendHexID(nil, s); ok {
		checkTexts(t, EncHexID, data, s, want)
	}
	if data, _, ok := e.appendTemplates(nil, s); ok {
		checkTexts(t, EncTemplate, data, s, want)
	}
}

func FuzzForms(f *testing.F) {
	f.Add([]byte("user-000123\nuser-000124\nuser-999999\n"))
	f.Add([]byte("took 12 ms\ntook 3 ms\n\nnothing\n"))
	f.Add([]byte("0123456789abcdef0\n0123456789abcdef1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		texts := strings.Split(string(data), "\n")
		if len(texts) > 3000 {
			return
		}
		// Few texts make no template: they come several times.
		for range templateRowsMin - 1 {
			texts = append(texts, texts[:min(len(texts), 500)]...)
		}
		checkEveryForm(t, rand.New(rand.NewPCG(1, uint64(len(data)))), texts)
	})
}

// TestDecimalFloats packs floats of every kind as ALP.
func TestDecimalFloats(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	taken := 0
	for i := range 400 {
		n, digits, edges := 1+r.IntN(3000), r.IntN(alpDigitsMax+1), []int{0, 1, 5, 100}[r.IntN(4)]
		scale := math.Pow10(r.IntN(12))
		values := make([]float64, n)
		for i := range values {
			values[i] = math.Round(r.NormFloat64()*scale) / powersOfTen[digits]
			if r.IntN(100) < edges {
				values[i] = edgeFloats[r.IntN(len(edgeFloats))]
			}
			values[i] = canonicalFloat(values[i])
		}
		e := new(encoder)
		s := &source{n: n, rows: n}
		data, ok := e.appendALP(nil, s, values)
		if !ok {
			continue
		}
		taken++
		size := len(data)
		o, err := section{typ: TypeFloat64, enc: EncALP, rows: n, data: appendZeros(data, tailBytes)[:size]}.open()
		if err != nil {
			t.Fatal(err)
		}
		for row, got := range o.floats.all(nil) {
			if math.Float64bits(got) != math.Float64bits(values[row]) || row%53 == 0 && math.Float64bits(o.floats.at(row)) != math.Float64bits(got) {
				t.Fatalf("column %d: row %d is %v, alone %v, want %v", i, row, got, o.floats.at(row), values[row])
			}
		}
	}
	if taken < 200 {
		t.Errorf("only %d of 400 columns were packed", taken)
	}
}

// FuzzSection opens strangers' bytes as a section of any encoding and reads them.
func FuzzSection(f *testing.F) {
	for _, richness := range []Richness{Cheap, Rich} {
		for _, c := range mustOpen(f, smallBlock(f, richness, 300)).Columns() {
			f.Add(byte(c.enc), byte(c.typ), uint16(c.Rows()), uint16(c.nulls), c.data)
		}
	}
	f.Fuzz(func(t *testing.T, enc, typ byte, rows, nulls uint16, data []byte) {
		if rows == 0 || nulls >= rows || Type(typ) >= typesCount || typ == 0 || Encoding(enc) == EncSparse {
			return
		}
		size := len(data)
		words := make([]uint64, (size+tailBytes)/8+1)
		copy(bytesOf(words), data)
		s := section{typ: Type(typ), enc: Encoding(enc), rows: int(rows), nulls: int(nulls), data: bytesOf(words)[:size]}
		if got, allowed := allocatedBy(func() { readSection(s) }), uint64(32<<20+1000*int(rows)+32*zstdRatioMax*size); got > allowed {
			t.Errorf("reading %d bytes allocated %d, at most %d are allowed", size, got, allowed)
		}
	})
}

// readSection reads a section in every way; errors are welcome.
func readSection(s section) {
	o, err := s.open()
	if err != nil {
		return
	}
	switch {
	case o.codes != nil:
		codes := o.codes.view()
		codes.Unpack16(nil)
		codes.At(s.rows - 1)
		o.codes.setValid(make([]uint64, bitmapWords(s.rows)))
	case o.floats != nil:
		o.floats.all(nil)
		o.floats.at(s.rows - 1)
	case o.ints != nil:
		o.ints.all(nil)
		o.ints.at(s.rows - 1)
	case o.text != nil:
		_, _ = o.text.all(nil, new(TextBuf))
		_, _ = o.text.all([]uint64{5}, new(TextBuf))
		text, err := o.text.appendAt(nil, s.rows-1)
		if r, ok := o.text.(equalReader); ok && err == nil {
			r.equal(make([]uint64, bitmapWords(s.rows)), text)
		}
	}
}

// TestLiesOfForms changes one field of a section that is well-formed otherwise.
func TestLiesOfForms(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	texts := func(text func() string) *source {
		all := make([]string, 200)
		for i := range all {
			all[i] = text()
		}
		return &source{vec: vectorOf(all), n: 200, rows: 200}
	}
	e := &encoder{rich: true}
	f := func(enc Encoding, data []byte, what string, lie func(data []byte)) {
		t.Helper()
		s := section{typ: TypeString, enc: enc, rows: 200}
		switch enc {
		case EncALP:
			s.typ = TypeFloat64
		case EncBase:
			s.typ = TypeInt64
		}
		s.data = appendZeros(slices.Clone(data), tailBytes)[:len(data)]
		if _, err := s.open(); err != nil {
			t.Fatal(err)
		}
		lie(s.data)
		if o, err := s.open(); err == nil {
			if o.text != nil {
				if _, err = o.text.all(nil, new(TextBuf)); err != nil {
					return
				}
			}
			t.Errorf("%v: %s passes", enc, what)
		}
	}
	put := func(at int, v byte) func(data []byte) { return func(data []byte) { data[at] = v } }
	add := func(at int, v uint32) func(data []byte) {
		return func(data []byte) {
			binary.LittleEndian.PutUint32(data[at:], binary.LittleEndian.Uint32(data[at:])+v)
		}
	}
	affix, _ := e.appendAffix(nil, texts(func() string { return fmt.Sprintf("u-%03d", r.IntN(1000)) }))
	f(EncAffix, affix, "another base", put(0, 11))
	f(EncAffix, affix, "too few digits", put(1, 2))
	f(EncAffix, affix, "too many digits", put(1, 19))
	f(EncAffix, affix, "a longer prefix", put(2, 10))
	f(EncAffix, affix, "an endless suffix", put(3, 65))
	hexID, _ := e.appendHexID(nil, texts(func() string { return fmt.Sprintf("%016x", r.Uint64()) }))
	f(EncHexID, hexID, "a longer text", put(0, 17))
	f(EncHexID, hexID, "fewer digits", put(1, 15))
	f(EncHexID, hexID, "another alphabet", put(2, 2))
	f(EncHexID, hexID, "a constant", put(8, 'x'))
	zeros := nearlyConstantSource(200, 4, 4)
	e.dict.numbers(zeros.vec.Ints, 0, 4, dictEntriesMax)
	e.dict.sortNumbers()
	base, enc := appendCodes(nil, zeros, &e.dict, e)
	if enc != EncBase {
		t.Fatalf("%d bytes as %v", len(base), enc)
	}
	rare := len(base) - rareBytes(4, 4)
	f(EncBase, base, "a base past the dictionary", put(10, 6))
	f(EncBase, base, "null for a base", put(10, 5))
	f(EncBase, base, "an endless base", put(11, 1))
	f(EncBase, base, "wider codes", put(8, 8))
	f(EncBase, base, "codes elsewhere", add(12, 8))
	f(EncBase, base, "no other rows", put(rare, 0))
	f(EncBase, base, "more other rows", add(rare, 1))
	f(EncBase, base, "endless other rows", add(rare, 1<<31))
	f(EncBase, base, "rows out of order", put(rare+baseHeaderBytes+3, 1))
	f(EncBase, base, "a row twice", func(data []byte) { copy(data[rare+baseHeaderBytes+2:], data[rare+baseHeaderBytes:][:2]) })
	f(EncBase, base, "a row past the last", put(rare+baseHeaderBytes+6, 200))
	f(EncBase, base, "a code past the dictionary", put(len(base)-1, 0x05))
	values := make([]float64, 200)
	for i := range values {
		values[i] = float64(r.IntN(1000)) / 100
	}
	values[7] = math.Pi
	alp, _ := e.appendALP(nil, &source{n: 200, rows: 200}, values)
	f(EncALP, alp, "more exceptions than rows", put(0, 201))
	f(EncALP, alp, "more exceptions than data", put(1, 255))
	f(EncALP, alp, "too many decimals", put(4, alpDigitsMax+1))
	f(EncALP, alp, "an exception past the rows", put(16, 200))
	templates, _, _ := e.appendTemplates(nil, texts(func() string { return randomLine(r) }))
	f(EncTemplate, templates, "more text", add(0, 1))
	f(EncTemplate, templates, "less text", add(0, math.MaxUint32))
	f(EncTemplate, templates, "more text than fits a block", add(0, BlockTextMax))
	f(EncTemplate, templates, "no templates", put(4, 0))
	f(EncTemplate, templates, "more templates", put(4, templates[4]+1))
	f(EncTemplate, templates, "more variables", put(6, templates[6]+1))
	f(EncTemplate, templates, "more loose rows", add(8, 1))
	f(EncTemplate, templates, "longer pieces", add(12, 1))
	f(EncTemplate, templates, "loose texts elsewhere", add(16, 8))
	f(EncTemplate, templates, "ids elsewhere", add(20, 1))
	f(EncTemplate, templates, "endless loose text", add(24, 1<<20))
	f(EncTemplate, templates, "other loose coding", put(28, byte(EncDict)))
	f(EncTemplate, templates, "wider ids", put(29, 16))
	f(EncTemplate, templates, "more rows of a template", add(templateHeaderBytes, 1))
	f(EncTemplate, templates, "more variables of a template", add(templateHeaderBytes+4, 1))
	entry := templateHeaderBytes + int(templates[4])*templateEntryBytes
	f(EncTemplate, templates, "a variable elsewhere", add(entry, 1<<20))
	f(EncTemplate, templates, "a longer variable", add(entry+4, 1<<20))
	f(EncTemplate, templates, "other coding of a variable", put(entry+8, byte(EncZstd)))
	f(EncTemplate, templates, "an id past the templates", func(data []byte) {
		at := binary.LittleEndian.Uint32(data[20:])
		data[at] = 0xff
	})
	f(EncTemplate, templates, "another id", func(data []byte) { data[binary.LittleEndian.Uint32(data[20:])] ^= 1 })
}

// TestKernels holds the SIMD kernels against their plain twins.
func TestKernels(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		n := 1 + r.IntN(300)
		width := packedWidth(r.IntN(65))
		packed := make([]byte, packedBytes(n, width)+8+r.IntN(tailBytes))
		for i := range packed {
			packed[i] = byte(r.Uint32())
		}
		base, scale := r.Uint64(), r.Uint64()
		got, want := make([]int64, n), make([]int64, n)
		unpackBits(got, packed, width, base, scale)
		unpackBitsPlain(want, packed, width, base, scale)
		if !slices.Equal(got, want) {
			t.Fatalf("%d values of %d bits differ", n, width)
		}
		by := powersOfTen[r.IntN(len(powersOfTen))]
		floats, plain := make([]float64, n), make([]float64, n)
		divideInts(floats, got, by)
		divideIntsPlain(plain, got, by)
		if !slices.Equal(floats, plain) {
			t.Fatalf("%d quotients by %v differ", n, by)
		}
		values := make([]uint32, n)
		for i := range values {
			values[i] = uint32(r.IntN(3))
		}
		mask, wanted := make([]uint64, bitmapWords(n)), make([]uint64, bitmapWords(n))
		maskWords(mask, values, 1)
		maskWordsPlain(wanted, values, 1)
		for i, v := range values {
			if bitSet(mask, i) != (v == 1) {
				t.Fatalf("value %d of %d is %d and masked %v", i, n, v, bitSet(mask, i))
			}
		}
		if !slices.Equal(mask, wanted) {
			t.Fatalf("masks of %d values differ", n)
		}
		checkClassify(t, packed)
	}
}

func checkClassify(t *testing.T, text []byte) {
	t.Helper()
	n := bitmapWords(len(text))
	digits, words, d, w := make([]uint64, n), make([]uint64, n), make([]uint64, n), make([]uint64, n)
	fillWords(digits)
	fillWords(w)
	classify(digits, words, text)
	classifyPlain(d, w, text)
	if !slices.Equal(digits, d) || !slices.Equal(words, w) {
		t.Fatalf("classes of %q differ", text)
	}
	for i, c := range text {
		digit := c >= '0' && c <= '9'
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if bitSet(digits, i) != digit || bitSet(words, i) != (digit || letter) {
			t.Fatalf("byte %q is a digit: %v, of a word: %v", c, bitSet(digits, i), bitSet(words, i))
		}
	}
}

func TestHexDigits(t *testing.T) {
	for i := range 1 << 16 {
		a, b := byte(i), byte(i>>8)
		text := []byte{a, b, '0', '9', 'a', 'f', b, a}
		for _, upper := range []bool{false, true} {
			letters := "abcdef"
			if upper {
				letters = "ABCDEF"
				text[4], text[5] = 'A', 'F'
			}
			packed, ok := packHex(binary.LittleEndian.Uint64(text), upper)
			good := func(c byte) bool { return isDecimal(c) || strings.IndexByte(letters, c) >= 0 }
			if ok != (good(a) && good(b)) {
				t.Fatalf("%q upper %v: %v", text, upper, ok)
			}
			if back := unpackHex(packed, upper); ok && back != binary.LittleEndian.Uint64(text) {
				t.Fatalf("%q comes back as %x", text, back)
			}
		}
	}
}

// TestDecimalDigits parses eight characters, of which two may be anything.
func TestDecimalDigits(t *testing.T) {
	for i := range 1 << 16 {
		text := []byte("10203040")
		text[i%7], text[i%7+1] = byte(i), byte(i>>8)
		want, err := strconv.ParseUint(string(text), 10, 64)
		got, ok := parseDecimal(text, 0, len(text))
		if good := err == nil && text[0] != '+' && text[0] != '-'; ok != good || ok && got != want {
			t.Fatalf("%q is %d, %v", text, got, ok)
		}
	}
	r := rand.New(rand.NewPCG(8, 8))
	for range 10_000 {
		n := 1 + r.IntN(18)
		v := r.Uint64N(1e18)
		text := fmt.Sprintf("some text before %018d", v)
		text = text[:len(text)-18] + text[len(text)-n:]
		got, ok := parseDecimal([]byte(text), len(text)-n, len(text))
		want, _ := strconv.ParseUint(text[len(text)-n:], 10, 64)
		if !ok || got != want {
			t.Fatalf("%q is %d, %v", text, got, ok)
		}
		var out [digitsRoom]byte
		if writeDecimal(out[:], v, n); string(out[:n]) != text[len(text)-n:] {
			t.Fatalf("%d digits of %d are %q", n, v, out[:n])
		}
	}
}

// TestNullRowsAreEmpty holds it for data that has values there.
func TestNullRowsAreEmpty(t *testing.T) {
	texts := make([]string, 100)
	for i := range texts {
		texts[i] = fmt.Sprintf("user-%06d", i*i)
	}
	e := &encoder{rich: true}
	s := &source{vec: vectorOf(texts), n: 100, rows: 100}
	affix, _ := e.appendAffix(nil, s)
	templates, _, _ := e.appendTemplates(nil, s)
	for i := range texts {
		texts[i] = fmt.Sprintf("%016x", i*0x123456789abcdef)
	}
	hexID, _ := e.appendHexID(nil, &source{vec: vectorOf(texts), n: 100, rows: 100})
	for enc, data := range map[Encoding][]byte{EncAffix: affix, EncTemplate: templates, EncHexID: hexID} {
		with := appendWord(appendWord(nil, ^uint64(0)&^2), 1<<36-1)
		with = append(with, data...)
		size := len(with)
		o, err := section{typ: TypeString, enc: enc, rows: 100, nulls: 1, data: appendZeros(with, tailBytes)[:size]}.open()
		if err != nil {
			t.Fatalf("%v: %v", enc, err)
		}
		for _, sel := range [][]uint64{nil, {7, 1}} {
			text, err := o.text.all(sel, new(TextBuf))
			if err != nil || len(text.At(1)) != 0 || len(text.At(2)) == 0 {
				t.Errorf("%v: null row is %q, the next %q, %v", enc, text.At(1), text.At(2), err)
			}
		}
	}
}

func TestCountDigits(t *testing.T) {
	for x := uint64(1); x < 1e18; x *= 10 {
		for _, v := range []uint64{x - 1, x, x + 1, x * 9} {
			if got, want := countDigits(v), len(fmt.Sprint(v)); got != want {
				t.Errorf("%d has %d digits, not %d", v, want, got)
			}
		}
	}
	for n := range 60 {
		for _, v := range []uint64{1<<n - 1, 1 << n} {
			if got, want := countDigits(v), len(fmt.Sprint(v)); got != want {
				t.Errorf("%d of %d bits has %d digits, not %d", v, bits.Len64(v), want, got)
			}
		}
	}
}

// TestTemplatesShareBuffer reads messages of many templates, whose ids are bytes, and
// then of few with the same buffer: the ids of the first block are not a place for
// those of the second.
func TestTemplatesShareBuffer(t *testing.T) {
	var blocks []*Block
	for _, kinds := range []int{40, 3, 60, 10} {
		batch := NewBatch()
		slot := batch.Slot([]byte("message"))
		for i := range 9000 {
			text := fmt.Appendf(nil, "user %d took %d ms", i*7919%100_000, i%977)
			for range i % kinds { // texts of so many words are no template of others
				text = append(text, " on"...)
			}
			batch.SetString(slot, text)
			batch.EndRow(int64(i))
		}
		data, _ := sealed(t, batch, BlockOptions{Richness: Rich})
		blocks = append(blocks, mustOpen(t, data))
	}
	widths := map[int]bool{}
	var buf TextBuf
	for range 2 {
		for _, b := range blocks {
			c := b.Find("message")[0]
			if c.enc != EncTemplate {
				t.Fatalf("%v, not templates", c.enc)
			}
			widths[c.open().text.(*templateReader).width] = true
			if _, err := c.Text(&buf); err != nil {
				t.Fatal(err)
			}
			for _, c := range b.Columns() {
				if err := c.Check(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if !widths[8] || !widths[2] {
		t.Fatalf("ids of %v bits: not those that this test is about", widths)
	}
}

// TestCountCode counts codes of every width in every part of a row of them.
func TestCountCode(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, width := range []int{0, 1, 2, 4, 8} {
		packed := make([]byte, 40*max(width, 1)+8)
		for i := range packed {
			packed[i] = byte(r.Uint32() & r.Uint32())
		}
		for n := range 300 {
			code, want := r.IntN(3)&(1<<width-1), 0
			for row := range n {
				if codeAt(packed, width, row) == code {
					want++
				}
			}
			if got := countCode(packed, width, n, code); got != want {
				t.Fatalf("width %d: %d of %d codes, want %d", width, got, n, want)
			}
		}
	}
}
