package storage

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkDiskRecovery opens a store whose memory is gone, and waits until its
// blocks are back from a disk whose files are not in the page cache. Beside it the
// same files are read as dd does, 4 MiB at a time: x-of-dd is how the one compares
// with the other. The data directory is below TMPDIR, which should be on a disk.
func BenchmarkDiskRecovery(b *testing.B) {
	cfg := testConfig(b, testShm(b))
	cfg.DataDir, cfg.Log = filepath.Join(b.TempDir(), "data"), nil
	s := testOpen(b, cfg)
	now := time.Now().UnixNano()
	const blocks = 64
	for i := range int64(blocks) {
		testAppend(b, s, Append{Table: "t", Batch: noisyBatch(i*RowsPerBlockMax, RowsPerBlockMax, now)})
	}
	testSync(b, s)
	testClose(b, s)
	size := cold(b, cfg.DataDir)
	b.SetBytes(size)
	var recovery, dd time.Duration
	cpu := int64(0)
	for b.Loop() {
		reboot(b, cfg)
		cold(b, cfg.DataDir)
		before, start := cpuTime(b), time.Now()
		s := testOpen(b, cfg)
		waitLoaded(b, s)
		recovery += time.Since(start)
		cpu += cpuTime(b) - before
		b.StopTimer()
		testClose(b, s)
		cold(b, cfg.DataDir)
		start = time.Now()
		readFiles(b, cfg.DataDir)
		dd += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(dd)/float64(recovery), "x-of-dd")
	b.ReportMetric(float64(size)*float64(b.N)/1e6/recovery.Seconds(), "recovered-MB/s")
	b.ReportMetric(float64(size)*float64(b.N)*1e3/float64(cpu), "MB/cpu-s")
}

// cold takes the files of blocks out of the page cache and returns their size.
func cold(b *testing.B, dir string) (size int64) {
	eachFile(b, dir, func(f *os.File) {
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			b.Fatal(err)
		}
		st, err := f.Stat()
		if err != nil {
			b.Fatal(err)
		}
		size += st.Size()
	})
	return size
}

func readFiles(b *testing.B, dir string) {
	buf := make([]byte, 4<<20)
	eachFile(b, dir, func(f *os.File) {
		for {
			if _, err := f.Read(buf); err == io.EOF {
				return
			} else if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func eachFile(b *testing.B, dir string, do func(*os.File)) {
	names, err := filepath.Glob(filepath.Join(dir, diskFilePrefix+"*"))
	if err != nil || len(names) == 0 {
		b.Fatal("no files of blocks: ", err)
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		do(f)
		f.Close()
	}
}
