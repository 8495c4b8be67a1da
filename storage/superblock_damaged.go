package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// damagedSuperError says that a superblock of kelp is not as it was written, or gone
// from a directory that has all else.
type damagedSuperError struct{ path, what string }

func (e *damagedSuperError) Error() string {
	return fmt.Sprintf("%s is damaged: %s; put a copy of the directory back, or remove it to go on without what it holds", e.path, e.what)
}

func damagedSuper(path, format string, args ...any) *damagedSuperError {
	return &damagedSuperError{path: path, what: fmt.Sprintf(format, args...)}
}

// otherSuperError says that a file begins as no superblock of its directory does.
type otherSuperError struct {
	path string
	kelp bool // it is one of kelp's other kind of directory
}

func (e *otherSuperError) Error() string {
	return fmt.Sprintf("%s is not a superblock of kelp: give another directory", e.path)
}

// readSuper reads the superblock of the data directory. It is damaged too if its
// first bytes are, or if it is gone, where there is a log of kelp beside it.
func (d *disk) readSuper() error {
	var err error
	d.super, err = readSuperblock(d.dir, superMagicDisk)
	if d.super != nil {
		return nil
	}
	path := filepath.Join(d.dir, superName)
	var other *otherSuperError
	switch {
	case err == nil:
		if _, there, _ := d.logEpoch(); there {
			return damagedSuper(path, "it is gone")
		}
	case errors.As(err, &other) && !other.kelp:
		if _, there, _ := d.logEpoch(); there {
			return damagedSuper(path, "it does not begin as one")
		}
	}
	return err
}

// logEpoch is the epoch of the memory that the log of the data directory follows.
// there tells whether there is a log, also if it cannot be read.
func (d *disk) logEpoch() (epoch uint64, there bool, err error) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return 0, true, err // nobody knows
	}
	var logs []uint64
	for _, e := range entries {
		if n, ok := parseLogName(e.Name()); ok {
			logs = append(logs, n)
		}
	}
	if len(logs) == 0 {
		return 0, false, nil
	}
	f, err := os.Open(filepath.Join(d.dir, logName(slices.Max(logs))))
	if err != nil {
		return 0, true, err
	}
	defer f.Close()
	var head [diskLogHead]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return 0, true, fmt.Errorf("cannot read %s: %w", f.Name(), err)
	}
	if epoch, _, err = decodeDiskLogHead(head[:]); err != nil {
		return 0, true, fmt.Errorf("cannot read %s: %w", f.Name(), err)
	}
	return epoch, true, nil
}

// forgive lets a start go on without the superblock of the data directory, which
// adopt writes anew: where memory is whole, as memory leads, and if the directory is
// of the same leaf. That is so if its log follows this memory.
func (s *Store) forgive(lost *damagedSuperError, memory *superblock, bootHash uint64) error {
	if memory == nil || memory.bootHash != bootHash {
		return fmt.Errorf("%w; nothing is changed, as memory does not hold it all", lost)
	}
	switch epoch, there, err := s.disk.logEpoch(); {
	case err != nil:
		return fmt.Errorf("%w; nothing is changed, as its log does not say whose it is either: %w", lost, err)
	case there && epoch != memory.epoch:
		return fmt.Errorf("%w; nothing is changed, as its log follows epoch %d and memory has %d: it may be another leaf's", lost, epoch, memory.epoch)
	}
	s.disk.superLost = lost
	return nil
}

// notWithout returns an error if memory cannot lead, as its log is damaged, and the
// data directory cannot either.
func (d *disk) notWithout(damage error) error {
	if d == nil || d.superLost == nil {
		return nil
	}
	return fmt.Errorf("%w; nothing is changed, as the edit log in memory is damaged too: %w", d.superLost, damage)
}
