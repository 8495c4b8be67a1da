package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The disk log is a file of records, each an edit whose blocks lie in files of
// the data directory:
//
//	 0  8  magic "kelp\x00dlg"
//	 8  8  epoch of the memory it follows
//	16  8  number of the log
//	24  8  CRC-32C of the above, then 0
//	32     records
//
//	record:
//	 0  4  length n of the body
//	 4  4  CRC-32C over epoch, number of the log, length and body
//	 8  n  body
//
// A log begins with a checkpoint. It is written under another name, synced and
// renamed, so a log that has its name is whole; the one with the highest number
// counts. The end may be torn: reading stops at the first record that is cut or
// fails its checksum, and nothing is ever appended behind such an end.
const (
	diskLogHead   = 32
	diskRecord    = 8
	diskLogPrefix = "edits-"
	diskLogTemp   = ".tmp"
)

var diskLogMagic = [8]byte{'k', 'e', 'l', 'p', 0, 'd', 'l', 'g'}

type diskLog struct {
	file *os.File
	seed uint32
	size int64
	base int64 // length of the checkpoint
}

func appendDiskLogHead(dst []byte, epoch, number uint64) []byte {
	start := len(dst)
	dst = append(dst, diskLogMagic[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, epoch)
	dst = binary.LittleEndian.AppendUint64(dst, number)
	return binary.LittleEndian.AppendUint64(dst, uint64(checksum(dst[start:])))
}

func decodeDiskLogHead(src []byte) (epoch, number uint64, err error) {
	if len(src) < diskLogHead || [8]byte(src) != diskLogMagic {
		return 0, 0, errors.New("not a disk log of kelp")
	}
	if got, want := binary.LittleEndian.Uint64(src[24:]), uint64(checksum(src[:24])); got != want {
		return 0, 0, fmt.Errorf("the head of the disk log is damaged: its checksum is %08x, not %08x", got, want)
	}
	return binary.LittleEndian.Uint64(src[8:]), binary.LittleEndian.Uint64(src[16:]), nil
}

func appendDiskRecord(dst []byte, seed uint32, body []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(dst, recordWord(seed, body)), body...)
}

// readDiskLog calls edit with every whole record. torn tells why it stopped
// before the end, if it did.
func readDiskLog(src []byte, edit func(body []byte) error) (epoch uint64, torn, err error) {
	epoch, number, err := decodeDiskLogHead(src)
	if err != nil {
		return 0, nil, err
	}
	seed := logSeed(epoch, number)
	for at := diskLogHead; at < len(src); {
		if len(src)-at < diskRecord {
			return epoch, fmt.Errorf("record at byte %d is cut", at), nil
		}
		word := binary.LittleEndian.Uint64(src[at:])
		n := int64(uint32(word))
		if n == 0 || n > diskRecordMax || n > int64(len(src)-at-diskRecord) {
			return epoch, fmt.Errorf("record at byte %d is cut: it says %d bytes", at, n), nil
		}
		body := src[at+diskRecord : at+diskRecord+int(n)]
		if recordWord(seed, body) != word {
			err := fmt.Errorf("record at byte %d fails its checksum", at)
			if left := len(src) - at - diskRecord - int(n); left > 0 {
				err = fmt.Errorf("%w, and %d bytes behind it are not read", err, left)
			}
			return epoch, err, nil
		}
		if err := edit(body); err != nil {
			return epoch, nil, fmt.Errorf("record at byte %d: %w", at, err)
		}
		at += diskRecord + int(n)
	}
	return epoch, nil, nil
}

// newDiskLog writes a log that begins with a checkpoint and puts it in place.
func (d *disk) newDiskLog(number uint64, checkpoint []*edit) (*diskLog, error) {
	epoch := d.store.super.epoch
	path := filepath.Join(d.dir, logName(number))
	files := d.store.cfg.files
	err := files.remove(path + diskLogTemp) // what an attempt left that failed
	if err != nil {
		return nil, fmt.Errorf("cannot make a disk log: %w", err)
	}
	f, err := files.create(path + diskLogTemp)
	if err != nil {
		return nil, fmt.Errorf("cannot make a disk log: %w", err)
	}
	l := &diskLog{file: f, seed: logSeed(epoch, number)}
	var buf bytes.Buffer
	buf.Write(appendDiskLogHead(nil, epoch, number))
	var body, record []byte
	for _, e := range checkpoint {
		body = appendEdit(body[:0], e)
		record = appendDiskRecord(record[:0], l.seed, body)
		buf.Write(record)
		if buf.Len() >= checkpointEditBytes {
			if err = files.write(f, buf.Bytes(), l.size); err != nil {
				break
			}
			l.size += int64(buf.Len())
			buf.Reset()
		}
	}
	if err == nil {
		err = files.write(f, buf.Bytes(), l.size)
		l.size += int64(buf.Len())
	}
	if err == nil {
		err = d.sync(f)
	}
	if err == nil {
		failpoint("disklog.unnamed")
		err = files.rename(path+diskLogTemp, path)
		failpoint("disklog.named")
	}
	if err == nil {
		err = files.syncDir(d.dir)
	}
	if err != nil {
		d.removeFile(logName(number) + diskLogTemp)
		return nil, errors.Join(fmt.Errorf("cannot write a disk log: %w", err), f.Close())
	}
	l.base = l.size
	return l, nil
}

// append writes an edit behind the others and syncs it. After an error the log
// must not be used any more.
func (d *disk) appendLog(e *edit) error {
	record := appendDiskRecord(nil, d.log.seed, appendEdit(nil, e))
	if len(record) > diskRecordMax {
		return fmt.Errorf("an edit of %d bytes cannot be logged: at most %d", len(record), diskRecordMax)
	}
	failpointTorn("disklog.torn", d.log.file, record, d.log.size)
	if err := d.store.cfg.files.write(d.log.file, record, d.log.size); err != nil {
		return fmt.Errorf("cannot write to the disk log: %w", err)
	}
	if err := d.sync(d.log.file); err != nil {
		return fmt.Errorf("cannot sync the disk log: %w", err)
	}
	failpoint("disklog.synced")
	d.log.size += int64(len(record))
	return nil
}
