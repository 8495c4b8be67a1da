package ingest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// TestMarks: the bits are those of the definition, byte by byte, of every byte
// value in every place, by every kernel that runs here.
func TestMarks(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	const edge = "\"\\ \x1f\x20\x21\x22\x23\x5b\x5c\x5d\x7f\x80\x81\xa2\xdc\xff\x00"
	text := make([]byte, 7*64)
	check := func(name string, mark func([]uint64, []byte)) {
		t.Helper()
		got := make([]uint64, len(text)/64)
		for i := range got {
			got[i] = rng.Uint64()
		}
		mark(got, text)
		for i, c := range text {
			want := c < ' ' || c >= 0x80 || c == '"' || c == '\\'
			if got[i>>6]>>(i&63)&1 != 0 != want {
				t.Fatalf("%s: %q at %d of %q: got %v, want %v", name, c, i, text, !want, want)
			}
		}
	}
	for round := range 600 {
		for i := range text {
			switch round % 3 {
			case 0:
				text[i] = byte(round/3 + i)
			case 1:
				text[i] = byte(rng.Uint32())
			default:
				text[i] = edge[rng.IntN(len(edge))]
			}
		}
		for name, mark := range markKernels() {
			check(name, mark)
		}
	}
}

// TestStringsAcrossWords: strings of any length at any place are read whole,
// whatever ends them.
func TestStringsAcrossWords(t *testing.T) {
	for n := range 200 {
		for _, tail := range []string{"", `\n`, "é", "é\\u00e9"} {
			value := bytes.Repeat([]byte{'x'}, n)
			body := fmt.Sprintf("%*s{\"a\":\"%s%s\",\"b\":[\"%s\"]}", n%67, "", value, tail, value)
			o := testOptions(JSON)
			chunks, err := chunksOf(bytes.NewReader([]byte(body)), o)
			if err != nil || len(chunks) != 1 || chunks[0].Accepted != 1 {
				t.Fatalf("%q: %v", body, err)
			}
			slots := chunks[0].Batch.Slots()
			want := string(value) + map[string]string{"": "", `\n`: "\n", "é": "é", "é\\u00e9": "éé"}[tail]
			if got := string(slots[0].Vectors[storage.TypeString].Text(0)); got != want {
				t.Fatalf("%q: got %q", body, got)
			}
			if got := string(slots[1].Vectors[storage.TypeList].Text(0)); got != string(value) {
				t.Fatalf("%q: got %q in the list", body, got)
			}
		}
	}
}

func BenchmarkMarks(b *testing.B) {
	text := referenceRows(1000)
	text = append(text, make([]byte, windowSlack)...)
	marks := make([]uint64, len(text)/64)
	for name, mark := range markKernels() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				mark(marks, text)
			}
		})
	}
}
