package gen

import (
	"bufio"
	"io"
	"runtime"
)

// chunkRows is what a goroutine makes at once: about 4 MiB.
const chunkRows = 10_000

// WriteNDJSON writes the rows from (inclusive) to (exclusive) as NDJSON. Two
// goroutines per processor make chunks and one writes them in order.
func (g *Generator) WriteNDJSON(w io.Writer, from, to int64) error {
	ordered := make(chan chan []byte, 2*runtime.GOMAXPROCS(0))
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		defer close(ordered)
		for at := from; at < to; at += chunkRows {
			made := make(chan []byte, 1)
			select {
			case ordered <- made:
			case <-stop:
				return
			}
			go func() { made <- g.chunk(at, min(at+chunkRows, to)) }()
		}
	}()
	out := bufio.NewWriterSize(w, 1<<20)
	for made := range ordered {
		if _, err := out.Write(<-made); err != nil {
			return err
		}
	}
	return out.Flush()
}

func (g *Generator) chunk(from, to int64) []byte {
	buf := make([]byte, 0, (to-from)*450)
	for i := from; i < to; i++ {
		buf = g.AppendNDJSON(buf, i)
	}
	return buf
}
