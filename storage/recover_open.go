package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
)

// Open opens the store of a leaf, or makes it. What it finds in the memory
// directory is live again in a time that does not grow with the data, if it can
// be trusted: the same boot and a real tmpfs. Else every checksum is verified
// first, or, where there is a data directory and the system was booted since,
// the rows come from there, in the background.
func Open(cfg Config) (*Store, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, alloc: newAllocator(cfg.MemoryDir),
		tables: map[string]*Table{}, byNumber: map[uint64]*Table{},
		changed: make(chan struct{}, 1), checkpts: make(chan struct{}, 1), reload: make(chan struct{}, 1),
		leaving: make(chan struct{}), closing: make(chan struct{}), room: make(chan struct{}, 1),
	}
	s.inflight.chunks = map[chunkID]chan struct{}{}
	s.queues.init()
	s.merges.init()
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot open the store in %s: %w", cfg.MemoryDir, err), s.closeFiles())
	}
	s.start()
	return s, nil
}

func (s *Store) open() (err error) {
	if err := refuseNewer(&s.cfg); err != nil {
		return err
	}
	if s.lock, err = lockDir(s.cfg.MemoryDir); err != nil {
		return err
	}
	boot, err := s.cfg.BootID()
	if err != nil {
		return fmt.Errorf("cannot learn the boot id: %w", err)
	}
	bootHash := hashBoot(boot)
	memory, err := readSuperblock(s.cfg.MemoryDir, superMagicMemory)
	var damaged *damagedSuperError
	if err != nil && (!errors.As(err, &damaged) || s.cfg.DataDir == "") {
		return err
	}
	var onDisk *superblock
	if s.cfg.DataDir != "" {
		var diskErr error
		if s.disk, diskErr = openDisk(s, s.cfg.DataDir); diskErr != nil {
			return errors.Join(err, diskErr)
		}
		diskErr = s.disk.readSuper()
		if lost := (*damagedSuperError)(nil); errors.As(diskErr, &lost) {
			diskErr = s.forgive(lost, memory, bootHash)
		}
		if onDisk = s.disk.super; diskErr != nil || damaged != nil && onDisk == nil {
			return errors.Join(err, diskErr)
		}
		if memory != nil && onDisk != nil && memory.leaf != onDisk.leaf {
			return fmt.Errorf("%s belongs to leaf %s and %s to leaf %s: give the two directories of one leaf, or remove the memory directory to start from the data directory",
				s.cfg.MemoryDir, memory.leafID(), s.cfg.DataDir, onDisk.leafID())
		}
	}
	if damaged != nil {
		// As with a damaged log, the disk knows all but what was not synced.
		s.cfg.Log.Error("the memory directory is given up", "error", damaged)
		s.logDamaged = true
	}
	if err := s.takeOver(memory, onDisk, bootHash); err != nil {
		return err
	}
	if err := s.raiseLayout(); err != nil {
		return err
	}
	s.logBytes.Store(s.log.taken)
	s.lastLog = s.super.log
	if s.logSwitch, err = openLogSwitch(s.cfg.MemoryDir); err != nil {
		return err
	}
	if s.disk != nil {
		s.disk.recovered()
		failpoint("open.adopt")
		return s.disk.adopt(&s.super)
	}
	return nil
}

// takeOver makes live what the directories hold, by their superblocks, which are
// nil where there is none to go by.
func (s *Store) takeOver(memory, onDisk *superblock, bootHash uint64) error {
	if memory != nil {
		s.super = *memory
	}
	switch {
	case memory == nil && onDisk == nil:
		return s.bear(bootHash)
	case memory == nil, memory.bootHash != bootHash && onDisk != nil:
		s.super = *onDisk
		return s.fromDisk(bootHash)
	case memory.bootHash == bootHash && s.cfg.TmpfsOK(s.cfg.MemoryDir) == nil:
		return s.fromTrusted(bootHash, onDisk)
	}
	return s.fromChecked(bootHash, onDisk)
}

func hashBoot(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}

// bear makes a leaf that never was.
func (s *Store) bear(bootHash uint64) error {
	leaf := s.cfg.leafID
	if leaf == [16]byte{} {
		leaf = newLeafID()
	}
	shard := s.cfg.Shard
	if shard == 0 {
		shard = ShardID(binary.LittleEndian.Uint64(leaf[:]))
	}
	now := s.cfg.Now()
	s.super = superblock{
		magic: superMagicMemory, layout: superLayout, oldest: superLayout, leaf: leaf, epoch: nextEpoch(0, now, leaf),
		bootHash: bootHash, shard: shard, born: now.UnixNano(), log: 1, name: s.cfg.LeafName,
	}
	if err := clearMemory(s.cfg.MemoryDir); err != nil {
		return err
	}
	return s.createMemory()
}

// fromTrusted takes the memory directory as it is. If its log is damaged, what
// is live is not known to the end: then the data directory says it, if there is
// one, else all edits before the damage count. Any other error, like too many open
// files, says nothing about the log and changes nothing.
func (s *Store) fromTrusted(bootHash uint64, onDisk *superblock) error {
	p, damage, err := s.readMemory()
	if err == nil && damage == nil {
		return s.takeMemory(p)
	}
	if err != nil && !errors.Is(err, errLogLost) {
		return fmt.Errorf("cannot recover from memory: %w", err)
	}
	if err := s.disk.notWithout(errors.Join(err, damage)); err != nil {
		return err
	}
	s.cfg.Log.Error("the edit log in memory is damaged", "error", errors.Join(err, damage))
	s.logDamaged = true
	if onDisk == nil {
		if err != nil {
			return fmt.Errorf("cannot recover from memory, and there is no data directory: %w", err)
		}
		// Numbers that the lost edits used are not used again.
		p.seq += incarnationGap
		p.nextBlock += incarnationGap
		return s.takeMemory(p)
	}
	return s.fromDiskInstead(bootHash, onDisk)
}

// fromDiskInstead gives the memory directory up, whose log is damaged.
func (s *Store) fromDiskInstead(bootHash uint64, onDisk *superblock) error {
	if s.log != nil {
		if err := s.log.close(); err != nil {
			return err
		}
		s.log = nil
	}
	epoch := s.super.epoch
	s.super = *onDisk
	s.super.epoch = max(s.super.epoch, epoch)
	return s.fromDisk(bootHash)
}

// fromChecked takes the memory directory after checking every block: it may have
// been through a power loss, or lie on a disk. Of a damaged log the data directory
// knows more, if there is one.
func (s *Store) fromChecked(bootHash uint64, onDisk *superblock) error {
	p, damage, err := s.readMemory()
	lost := errors.Is(err, errLogLost)
	if err != nil && (!lost || onDisk == nil) {
		return fmt.Errorf("cannot recover from memory: %w", err)
	}
	if damage != nil || lost {
		if err := s.disk.notWithout(errors.Join(err, damage)); err != nil {
			return err
		}
		s.cfg.Log.Error("the edit log in memory is damaged", "error", errors.Join(err, damage))
		s.logDamaged = true
		if onDisk != nil {
			return s.fromDiskInstead(bootHash, onDisk)
		}
	}
	// Numbers of edits that were lost with the end of the log are not used again.
	p.seq += incarnationGap
	if err := s.takeMemory(p); err != nil {
		return fmt.Errorf("cannot recover from memory: %w", err)
	}
	for _, t := range s.Tables() {
		for _, r := range t.refs {
			if r.State() != Live {
				continue
			}
			_ = r.check() // it sets the block aside
		}
	}
	// The end of the log may have been lost, and with it numbers of blocks: a new
	// epoch makes sure that none is used twice.
	old := s.log
	s.super.epoch, s.super.bootHash = nextEpoch(s.super.epoch, s.cfg.Now(), s.super.leaf), bootHash
	s.super.log++
	s.nextBlock.Store(0)
	if err := s.createMemory(); err != nil {
		return errors.Join(err, old.close())
	}
	return old.close()
}

// check verifies every checksum of the block, whatever was verified before, and
// sets it aside if one is wrong.
func (r *Ref) check() error {
	e := r.extent.Load()
	err := r.checkAt(e)
	if err != nil {
		r.setDamaged(err, func(now *extent) bool { return now == e })
	}
	return err
}

func (r *Ref) checkAt(e *extent) error {
	return Guard(func() error {
		b, err := OpenBlock(e.bytes())
		if err != nil {
			return err
		}
		if b.Header().ID != r.ID || b.HeaderCRC() != r.Meta.HeaderCRC {
			return fmt.Errorf("its header says block %v with checksum %08x, the log %08x", b.Header().ID, b.HeaderCRC(), r.Meta.HeaderCRC)
		}
		for _, c := range b.Columns() {
			if err := c.checkSum(); err != nil {
				return err
			}
		}
		return nil
	})
}

// start runs the store's goroutines; Close waits for them.
func (s *Store) start() {
	run := func(fn func()) {
		s.running.Add(1)
		go fn()
	}
	run(s.commitSmall)
	run(s.maintain)
	run(s.thinLoop)
	run(s.scrub)
	for loop := range mergeLoops {
		if s.cfg.Unmerged {
			break
		}
		run(func() { s.mergeLoop(loop) })
	}
	if s.disk != nil {
		run(s.disk.flushLoop)
		run(s.reloadLoop)
	}
}
