package storage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// cutBytewise finds the variables of a text, byte by byte.
func cutBytewise(text []byte) (vars []span16) {
	isWord := func(c byte) bool { return isDecimal(c) || c|0x20 >= 'a' && c|0x20 <= 'z' }
	for i := 0; i < len(text); {
		if !isWord(text[i]) {
			i++
			continue
		}
		from, digits := i, 0
		for ; i < len(text) && isWord(text[i]); i++ {
			if isDecimal(text[i]) {
				digits++
			}
		}
		constant := i-from <= wordBytesMax && digits == 1 && !isDecimal(text[from])
		if digits > 0 && !constant {
			vars = append(vars, span16{uint16(from), uint16(i)})
		}
	}
	return vars
}

// TestCut holds what is cut 64 bytes at a time against what is cut byte by byte, for
// texts that follow each other without anything between them.
func TestCut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, alphabet := range []string{"a1 ", "aaaaaaaaaaaaaaaa1", "aaaaaaa          1", "1111111111111a ", "az09AZ -_:/.\x00\xff@[`{"} {
		for range 400 {
			var column []byte
			var ends []uint32
			for range 1 + r.IntN(6) {
				for range r.IntN([]int{8, 70, 200, 700}[r.IntN(4)]) {
					column = append(column, alphabet[r.IntN(len(alphabet))])
				}
				ends = append(ends, uint32(len(column)))
			}
			var m miner
			n := bitmapWords(len(column)) + 1
			m.digits, m.words = make([]uint64, n), make([]uint64, n)
			classify(m.digits, m.words, column)
			start := uint32(0)
			for _, end := range ends {
				want := cutBytewise(column[start:end])
				got, ok := m.cut(start, end)
				if ok != (len(want) <= templateVarsMax) || ok && !slices.Equal(got, want) {
					t.Fatalf("%q from %d of %q: got %v, %t, want %v", column[start:end], start, column, got, ok, want)
				}
				start = end
			}
		}
	}
}

// TestSamePiece compares stretches of all lengths, up to the end of the data.
func TestSamePiece(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 20_000 {
		data := make([]byte, 1+r.IntN(60))
		for i := range data {
			data[i] = "ab"[r.IntN(100)/99]
		}
		n := r.IntN(len(data) + 1)
		from, other := r.IntN(len(data)-n+1), r.IntN(len(data)-n+1)
		got := samePiece(data, uint32(from), uint32(from+n), uint32(other))
		if want := string(data[from:from+n]) == string(data[other:other+n]); got != want {
			t.Fatalf("%q: %d bytes from %d and %d: got %t", data, n, from, other, got)
		}
	}
}

// TestTemplateOutliers holds that numbers which are not as nearly all others are kept
// as they stand: none of them is among those that the form is found by.
func TestTemplateOutliers(t *testing.T) {
	const rows = 6_400
	for _, odd := range []string{"12345", "1234567", "012345", "12a456", "123456789012", "000"} {
		for _, format := range []string{"%06d", "%d"} {
			b := NewBatch()
			slot, want := b.Slot([]byte("m")), make([]string, rows)
			for i := range rows {
				number := fmt.Sprintf(format, 100_000+i*7%800_000)
				if format == "%d" && i%2 == 0 {
					number = fmt.Sprint(i % 100)
				}
				if i == 50 { // every hundredth is looked at
					number = odd
				}
				want[i] = fmt.Sprint("request ", number, " is done by ", i%97)
				b.SetString(slot, []byte(want[i]))
				b.EndRow(int64(i))
			}
			data, _ := sealed(t, b, BlockOptions{Richness: Rich})
			var buf TextBuf
			c := mustOpen(t, data).Find("m")[0]
			text, err := c.Text(&buf)
			// Numbers with zeros before some are words, and those are compressed.
			if err != nil || c.Encoding() != EncTemplate && odd[0] != '0' && odd != "12a456" {
				t.Fatalf("%s: %v, %v", odd, c.Encoding(), err)
			}
			for i := range rows {
				if got := string(text.At(i)); got != want[i] {
					t.Fatalf("row %d is %q, not %q", i, got, want[i])
				}
			}
		}
	}
}
