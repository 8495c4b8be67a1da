package restart

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Write writes the starts as a Markdown table: medians, and the slowest Q5.
func Write(w io.Writer, all []Measured) error {
	_, err := fmt.Fprint(w, "| kelp | rows | after | starts | ready | Q2 | Q5 | Q5, slowest | CPU until ready | CPU until Q5 |\n"+
		"|------|-----:|-------|-------:|------:|---:|---:|------------:|----------------:|-------------:|\n")
	for _, m := range all {
		if err != nil {
			return err
		}
		of := func(field func(s *Start) time.Duration) []time.Duration {
			list := make([]time.Duration, len(m.Starts))
			for i := range m.Starts {
				list[i] = field(&m.Starts[i])
			}
			slices.Sort(list)
			return list
		}
		mid := func(list []time.Duration) float64 { return list[len(list)/2].Seconds() * 1e3 }
		q5 := of(func(s *Start) time.Duration { return s.Q5 })
		_, err = fmt.Fprintf(w, "| %s | %d | %s | %d | %.1f ms | %.1f ms | %.1f ms | %.1f ms | %.1f ms | %.1f ms |\n", m.Kelp, m.Rows, m.After, len(m.Starts),
			mid(of(func(s *Start) time.Duration { return s.Ready })), mid(of(func(s *Start) time.Duration { return s.Q2 })), mid(q5),
			q5[len(q5)-1].Seconds()*1e3,
			mid(of(func(s *Start) time.Duration { return s.ReadyCPU })), mid(of(func(s *Start) time.Duration { return s.AnswerCPU })))
	}
	return err
}
