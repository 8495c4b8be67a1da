package sim

import (
	"math"
	"time"
)

// Policy is what the aggregators of a cluster do.
type Policy struct {
	Fanout   int           // children of an aggregator at most; 0: any number, all leaves below the root
	Deadline time.Duration // of a query

	// Hedge is the share of an aggregator's children that must have answered before it
	// asks others for those that have not; 0: it never does.
	Hedge float64
	// Patience times as long as that share took is how long a child has, and at least
	// PatienceMin, before another is asked.
	Patience    float64
	PatienceMin time.Duration
	// GroupPatience is the same for a child that is an aggregator, which hedges itself.
	GroupPatience float64
	// Silence is how long an aggregator has to say that it has begun before another is
	// asked, to which nothing is lost yet; 0: it need not say so.
	Silence time.Duration
	// Tries is how often a child is asked in all.
	Tries int
	// LateMax is the share of the children that are hedged at most, and one at least:
	// where more are late it is no straggler but the load.
	LateMax float64
	// Budget is how many more requests hedging may make, as a share of the others; 0: any
	// number. What is not used is saved for budgetSaved queries.
	Budget float64
	// Remember asks the home first that was in time when it was asked last.
	Remember bool

	// Handling is what one child's answer takes the aggregator's processor.
	Handling time.Duration
}

// Default is the policy that docs/tail.md chooses.
func Default() Policy {
	return Policy{
		Fanout: 128, Deadline: time.Second,
		Hedge: 0.75, Patience: 4, PatienceMin: 5 * time.Millisecond, GroupPatience: 2, Silence: 10 * time.Millisecond, Tries: 3, LateMax: 0.125, Budget: 0.05, Remember: true,
		Handling: 100 * time.Microsecond,
	}
}

// budgetSaved is for how many queries hedges are saved: a query in which a whole group
// must be asked again takes more than its own.
const budgetSaved = 20

// The time that an aggregator keeps for itself of what is left: that of
// aggregator.Run, to which a test holds it.
const (
	mergeShare   = 20
	mergeTimeMin = 5 * time.Millisecond
	mergeTimeMax = 500 * time.Millisecond
)

// handedDown is the deadline that children get of an aggregator that is asked at
// start and must answer by deadline.
func handedDown(start, deadline time.Duration) time.Duration {
	left := deadline - start
	return deadline - min(max(left/mergeShare, mergeTimeMin), mergeTimeMax)
}

// enough is how many of n children must have answered before others are hedged.
func (p *Policy) enough(n int) int { return min(max(int(math.Ceil(p.Hedge*float64(n))), 1), n) }

// lateMax is how many of n children are hedged at most.
func (p *Policy) lateMax(n int) int { return max(int(p.LateMax*float64(n)), 1) }

// levels is how many levels of children lie below the root for so many leaves.
func (p *Policy) levels(leaves int) int {
	n := 1
	for reach := p.Fanout; p.Fanout > 0 && reach < leaves; reach *= p.Fanout {
		n++
	}
	return n
}

// below is how many leaves each child of an aggregator of so many takes; 1: the
// children are leaves. The levels share evenly, so that no child is a large part of
// the answer: a hundred leaves are ten tens, not three of 32 and a rest.
func (p *Policy) below(leaves int) int {
	levels := p.levels(leaves)
	if levels == 1 {
		return 1
	}
	children := int(math.Ceil(math.Pow(float64(leaves), 1/float64(levels)) - 1e-9))
	return (leaves + children - 1) / children
}
