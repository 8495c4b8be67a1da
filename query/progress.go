package query

import "sync/atomic"

// Progress is how far a query has come and what it has cost so far, for whoever
// watches it run. Runners in this process add to it block by block, what is said of
// other nodes is added when they answer. All methods take a nil *Progress, for a
// query that nobody watches, and may be called concurrently.
type Progress struct {
	leaves, answered atomic.Uint64
	blocks, read     atomic.Uint64
	rows, bytes      atomic.Uint64
}

// Seen is a Progress at one moment.
type Seen struct {
	Leaves, Answered uint64 // leaves that were asked; those that have answered
	Blocks, Read     uint64 // blocks that may have to be read; those that are done with
	Rows, Bytes      uint64 // scanned
}

// Asked notes that so many leaves are asked.
func (p *Progress) Asked(leaves int) {
	if p != nil {
		p.leaves.Add(uint64(leaves))
	}
}

// Answered notes that a leaf has answered.
func (p *Progress) Answered() {
	if p != nil {
		p.answered.Add(1)
	}
}

// Remote adds what a leaf of another process says that its part has cost.
func (p *Progress) Remote(s Stats) {
	if p != nil {
		p.blocks.Add(s.BlocksScanned + s.BlocksPruned)
		p.read.Add(s.BlocksScanned + s.BlocksPruned)
		p.rows.Add(s.RowsScanned)
		p.bytes.Add(s.BytesScanned)
	}
}

// Chosen notes that so many blocks may have to be read.
func (p *Progress) Chosen(blocks int) {
	if p != nil {
		p.blocks.Add(uint64(blocks))
	}
}

// Block notes one block that is done with: its rows and bytes that were scanned.
func (p *Progress) Block(rows int, bytes uint64) {
	if p != nil {
		p.read.Add(1)
		p.rows.Add(uint64(rows))
		p.bytes.Add(bytes)
	}
}

// Now is the progress at this moment.
func (p *Progress) Now() Seen {
	if p == nil {
		return Seen{}
	}
	return Seen{Leaves: p.leaves.Load(), Answered: p.answered.Load(), Blocks: p.blocks.Load(), Read: p.read.Load(),
		Rows: p.rows.Load(), Bytes: p.bytes.Load()}
}
