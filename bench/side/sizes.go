package side

import "context"

// sizes is what the table takes once everything has settled, in bytes.
type sizes struct {
	counted
	memory int64 // taken by files in shared memory, kelp's alone
	disk   int64 // taken by files on disk
}

func (b *bench) size(ctx context.Context, s system, m *measured) error {
	c, err := s.sizes(ctx)
	if err != nil {
		return err
	}
	m.sizes.counted = *c
	if k, ok := s.(*kelp); ok {
		if m.sizes.memory, err = used(k.memory); err != nil {
			return err
		}
	}
	if s.persistent() {
		if m.sizes.disk, err = used(s.diskDir()); err != nil {
			return err
		}
	}
	b.logf("  %s bytes a row by its own count, %s on disk", perRow(c.bytes, b.cfg.Rows), perRow(m.sizes.disk, b.cfg.Rows))
	return nil
}

// compress finds out how small a copy in memory can be that is kept uncompressed
// until somebody says so. It comes after the questions, because it slows them.
func (b *bench) compress(ctx context.Context, s system, m *measured) error {
	p, ok := s.(*peer)
	if !ok || p.persistent() {
		return nil
	}
	var err error
	m.sizes.compressed, err = p.compress(ctx)
	return err
}
