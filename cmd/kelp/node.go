package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/kelpdb/kelp/leaf"
	"github.com/kelpdb/kelp/query/exec"
	"github.com/kelpdb/kelp/storage"
)

// storeFlags is where a leaf keeps its rows.
type storeFlags struct {
	Data      string `help:"Directory for the copy on disk." default:"./kelp-data" type:"path"`
	MemoryDir string `help:"Directory on tmpfs for the blocks (default: below /dev/shm, by user and data directory)." type:"path"`
	Memory    size   `help:"Memory for the blocks of all leaves of the process, as 4GiB (default: half of what the machine leaves)."`
	WhenFull  string `help:"When the memory is used up: evict the oldest blocks, or reject new rows." enum:"evict,reject" default:"evict"`
}

// logFlags is how a server logs.
type logFlags struct {
	LogFormat string `help:"Form of the log on stderr." enum:"text,json" default:"text"`
}

func (f *logFlags) logger(c *console) *slog.Logger {
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(c.stderr, nil))
	}
	return slog.New(slog.NewTextHandler(c.stderr, nil))
}

// checkMemory refuses a --memory that is too little for the leaves of the process.
func (f *storeFlags) checkMemory(leaves int) error {
	if least := size(leaves) * leafMemoryMin; f.Memory > 0 && f.Memory < least {
		return usageError{fmt.Errorf("--memory %s is too little for %s; at least %s are needed",
			formatBytes(int64(f.Memory)), plural(leaves, "leaf", "leaves"), formatBytes(int64(least)))}
	}
	return nil
}

// resolve fills in the memory directory and the budget in bytes, which must do
// for the leaves of the process.
func (f *storeFlags) resolve(leaves int) (fromMachine bool, err error) {
	if f.MemoryDir == "" {
		if f.MemoryDir, err = memoryDefault(f.Data); err != nil {
			return false, err
		}
	}
	if f.Memory > 0 {
		return false, nil
	}
	budget, err := budgetDefault(f.MemoryDir)
	if err == nil && size(budget) < size(leaves)*leafMemoryMin {
		return true, fmt.Errorf("this machine leaves %s for blocks in %s, too little for %s; free memory there, or give more with --memory",
			formatBytes(budget), f.MemoryDir, plural(leaves, "leaf", "leaves"))
	}
	f.Memory = size(budget)
	return true, err
}

// queryBytesMax is the memory one query's groups may take on all leaves of the
// process together.
const queryBytesMax = 512 << 20

// openLeaf opens the store called name below the directories and a leaf over it;
// the process has so many leaves.
func (f *storeFlags) openLeaf(name string, leaves int, budget int64, pool *exec.Pool, log *slog.Logger) (*leaf.Leaf, *storage.Store, error) {
	when := storage.WhenFullEvict
	if f.WhenFull == "reject" {
		when = storage.WhenFullReject
	}
	store, err := storage.Open(storage.Config{
		MemoryDir: filepath.Join(f.MemoryDir, name), DataDir: filepath.Join(f.Data, name),
		Budget: budget, WhenFull: when, LeafName: name, Log: log.With("leaf", name),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open leaf %s: %w", name, err)
	}
	return leaf.New(leaf.Config{
		Name: name, Version: buildVersion(), Store: store, Pool: pool, Now: time.Now, Log: log.With("leaf", name),
		Limits: exec.Limits{Bytes: queryBytesMax / int64(leaves)},
	}), store, nil
}

// newPool makes the process's workers, one for each processor.
func newPool() *exec.Pool { return exec.NewPool(max(1, runtime.GOMAXPROCS(0)-spareThreads)) }

// leafNames lists the leaves of a data and memory directory: as many as asked
// for, and those that are there from before, so that no rows go out of sight.
func leafNames(f *storeFlags, n int, log *slog.Logger) []string {
	var names []string
	for i := 1; ; i++ {
		name := fmt.Sprintf("leaf-%d", i)
		if i > n {
			if !isDir(filepath.Join(f.Data, name)) && !isDir(filepath.Join(f.MemoryDir, name)) {
				return names
			}
			log.Warn("a leaf from an earlier start is kept", "leaf", name, "asked", n)
		}
		names = append(names, name)
	}
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}
