package storage

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestWalk holds that texts which are led down the tree together come where each would
// come alone, whatever is beside them and wherever the column ends; in the order of the
// column, near it with gaps, and in none.
func TestWalk(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 4))
		v := treeTexts(r, learnRows*learnShare+int(seed)*97)
		s := source{vec: v, n: len(v.Ends), rows: len(v.Ends)}
		var inverse []int32
		if apart := []int{0, 9, s.rows}[seed%3]; apart > 0 {
			inverse = make([]int32, s.rows)
			for row := range inverse {
				if inverse[row] = int32(max(0, min(row+r.IntN(2*apart)-apart, s.rows-1))); r.IntN(50) == 0 {
					inverse[row] = -1
				}
			}
		}
		var m miner
		if !m.mine(&s, inverse) {
			t.Fatal("no templates")
		}
		if m.classified != (seed%3 == 2) {
			t.Errorf("seed %d: all bytes were classified: %v", seed, m.classified)
		}
		testWalk(t, &m, &s, inverse)
	}
}

func testWalk(t *testing.T, m *miner, s *source, inverse []int32) {
	t.Helper()
	m.classify(s.vec.Bytes, 0, uint32(len(s.vec.Bytes)))
	learned, forks := 0, 0
	for _, n := range m.tree.nodes {
		if len(n.edges) > 1 {
			forks++
		}
	}
	ofRow, endsAt := slices.Clone(m.ofRow), slices.Clone(m.endsAt)
	for row, id := range ofRow[:s.rows] {
		start, end := s.spanOfRow(inverse, row)
		m.walk.first, m.walk.texts[0], m.ofRow[row] = row, walked{start: start, end: end, at: start}, 0
		m.stray(s.vec.Bytes, 0, 0, 0, 0)
		alone := m.ofRow[row]
		if id != 0 && m.skeletons[id-1].learned == nil {
			id = 0 // it was cut up
		}
		if alone != id {
			t.Fatalf("row %d, %q, is of skeleton %d alone, %d among others", row, s.vec.Bytes[start:end], int(alone)-1, int(id)-1)
		}
		if id == 0 {
			continue
		}
		learned++
		vars := m.skeletons[id-1].vars
		together := m.ends[endsAt[row]:][:vars]
		if ends := m.ends[m.endsAt[row]:][:vars]; !slices.Equal(ends, together) {
			t.Fatalf("row %d, %q: variables end at %v alone, at %v among others", row, s.vec.Bytes[start:end], ends, together)
		}
	}
	if learned < s.rows*3/4 || forks < 3 {
		t.Errorf("%d of %d rows were led down %d forks: too few to tell", learned, s.rows, forks)
	}
}

// BenchmarkMine shows what it costs to find the templates of texts, a row.
func BenchmarkMine(b *testing.B) {
	v := treeTexts(rand.New(rand.NewPCG(1, 4)), RowsPerBlockMax)
	s := source{vec: v, n: len(v.Ends), rows: len(v.Ends)}
	var m miner
	before := cpuTime(b)
	for b.Loop() {
		m.mine(&s, nil)
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N*s.rows), "cpu-ns/row")
}
