package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrNoDisk is returned for rows of a table whose receipts wait for a disk that
// the store does not have.
var ErrNoDisk = errors.New("durability \"sync\" needs a data directory: start the leaf with one, or set the table's durability to \"memory\"")

// UnsyncedError says that rows are stored and queryable, but did not come to disk
// in the time that their receipt could wait. They still go there; a repeat with
// the same key waits for them and adds nothing.
type UnsyncedError struct {
	Dir string
	Err error // of the last flush; nil: it is slow
}

func (e *UnsyncedError) Error() string {
	why := "the disk is too slow"
	if e.Err != nil {
		why = e.Err.Error()
	}
	return fmt.Sprintf("the rows are in memory, but not synced to %s yet: %s; free the disk, and repeat with the same key", e.Dir, why)
}

func (e *UnsyncedError) Unwrap() error { return e.Err }

// waitLag waits while the disk is more than diskLagMax behind; not for one that has
// failed for longer than anybody waits.
func (d *disk) waitLag(ctx context.Context) error {
	age, synced, failed := d.lag()
	if age <= diskLagMax {
		return nil
	}
	timer := time.NewTimer(d.store.cfg.lagWait)
	defer timer.Stop()
	for age > diskLagMax {
		if failed != nil && age > d.store.cfg.lagWait {
			return &DiskLagError{Dir: d.dir, Age: age, Err: failed}
		}
		select {
		case <-synced:
		case <-ctx.Done():
			return ctx.Err()
		case <-d.store.leaving:
			return ErrClosed
		case <-timer.C:
			return &DiskLagError{Dir: d.dir, Age: age, Err: failed}
		}
		age, synced, failed = d.lag()
	}
	return nil
}

// waitReceipt waits until the rows of a committed edit are as durable as their
// table's receipt says: of durability sync until they are on disk; of disk while
// it is more than diskLagMax behind, as a commit can come long after waitLag.
func (s *Store) waitReceipt(ctx context.Context, table string, seq uint64) error {
	t, ok := s.Table(table)
	if !ok || !s.onDisk(t) {
		return nil // dropped meanwhile, or in memory alone
	}
	sync := t.Settings().Durability == DurabilitySync
	if age, _, _ := s.disk.lag(); !sync && age <= diskLagMax {
		return nil
	}
	failpoint("receipt.waits")
	return s.disk.waitSynced(ctx, seq, sync)
}

// waitSynced waits until an edit is on disk, or, where that is not a must, until
// the disk has caught up.
func (d *disk) waitSynced(ctx context.Context, seq uint64, must bool) error {
	var timer *time.Timer
	leaving := d.store.leaving
	for {
		d.mu.Lock()
		done, synced, failed := d.syncedTo >= seq, d.synced, d.failed
		d.mu.Unlock()
		if done {
			failpoint("receipt.synced")
			return nil
		}
		if age, _, _ := d.lag(); !must && age <= diskLagMax {
			return nil
		}
		if timer == nil {
			signal(d.hurry)
			timer = time.NewTimer(d.store.cfg.lagWait)
			defer timer.Stop()
		}
		select {
		case <-synced:
		case <-ctx.Done():
			return ctx.Err()
		case <-leaving:
			if failed != nil {
				return &UnsyncedError{Dir: d.dir, Err: failed}
			}
			leaving = nil // the flush goroutine ends after this call
		case <-timer.C:
			return &UnsyncedError{Dir: d.dir, Err: failed}
		}
	}
}

// isSynced notes that the disk has all edits up to seq.
func (d *disk) isSynced(seq uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.flushing, d.busy = 0, false
	d.syncedTo = max(d.syncedTo, seq)
}
