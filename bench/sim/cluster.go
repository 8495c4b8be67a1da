package sim

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Config is a cluster and what is asked of it.
type Config struct {
	Leaves   int
	Replicas int  // homes of a shard: 1 or 2
	Normal   Dist // one request to a leaf
	Hop      Dist // one request to an aggregator, but for what its children take
	Slow     Slow
	Policy   Policy
	Seed     uint64
}

// Spell is for how many queries the slow machines stay the same.
const Spell = 200

// probeEvery is how often, in queries, a machine that is passed over for its slowness
// is asked beside the other.
const probeEvery = 100

// Cluster is leaves, the second homes of their shards, and who is slow at present.
// Shard i is at home on leaf i first.
type Cluster struct {
	cfg      Config
	rand     *rand.Rand
	second   []int
	slow     []bool  // machines: the leaves, then the aggregators
	late     []int   // machines: how often in a row they were slow
	age      int     // queries since slow was drawn
	requests int     // of a query of which none is repeated or left out
	sent     int     // requests of the query under way
	saved    float64 // hedges that the budget allows
}

// NewCluster makes a cluster. The error says what of the configuration cannot be.
func NewCluster(cfg Config) (*Cluster, error) {
	p := &cfg.Policy
	switch {
	case cfg.Leaves < 1 || cfg.Leaves > leavesMax:
		return nil, fmt.Errorf("%d leaves; 1 to %d", cfg.Leaves, leavesMax)
	case cfg.Replicas != 1 && cfg.Replicas != 2:
		return nil, fmt.Errorf("%d replicas; 1 or 2", cfg.Replicas)
	case p.Fanout == 1 || p.Fanout < 0:
		return nil, fmt.Errorf("a fan-out of %d; 2 or more, or 0 for any", p.Fanout)
	case p.Hedge > 0 && (p.Tries < 2 || p.Patience < 1):
		return nil, fmt.Errorf("hedging takes 2 tries and a patience of 1 at least")
	}
	if err := errors.Join(cfg.Normal.check(), cfg.Hop.check()); err != nil {
		return nil, err
	}
	c := &Cluster{cfg: cfg, rand: rand.New(rand.NewPCG(cfg.Seed, uint64(cfg.Leaves)))}
	c.second = make([]int, cfg.Leaves)
	for i := range c.second {
		c.second[i] = (i + 1 + c.rand.IntN(max(cfg.Leaves-1, 1))) % cfg.Leaves
	}
	c.requests = c.plain()
	machines := cfg.Leaves + 2*(c.requests-cfg.Leaves) // an aggregator for each place of the tree, and as many to go to
	c.slow, c.late = make([]bool, machines), make([]int, machines)
	c.drawSlow()
	return c, nil
}

// leavesMax is ten times the largest cluster that the issue asks about.
const leavesMax = 100_000

// plain is the requests of a query of which none is repeated or left out.
func (c *Cluster) plain() int {
	n := c.cfg.Leaves
	var count func(leaves int)
	count = func(leaves int) {
		below := c.cfg.Policy.below(leaves)
		for begin := 0; below > 1 && begin < leaves; begin += below {
			n++
			count(min(below, leaves-begin))
		}
	}
	count(c.cfg.Leaves)
	return n
}

// drawSlow begins a spell.
func (c *Cluster) drawSlow() {
	c.age = 0
	for i := range c.slow {
		c.slow[i] = c.cfg.Slow.PerMachine && c.rand.Float64() < c.cfg.Slow.Share
	}
}

// Answer is what came of one query.
type Answer struct {
	Took     time.Duration
	Covered  int // leaves whose rows are in it
	Leaves   int
	Requests int // to leaves and aggregators, those in vain too
}

// Completeness is the share of the leaves that is covered.
func (a *Answer) Completeness() float64 { return float64(a.Covered) / float64(a.Leaves) }

// Ask answers one query.
func (c *Cluster) Ask() Answer {
	if c.age++; c.age > Spell {
		c.drawSlow()
	}
	c.sent = 0
	share := c.cfg.Policy.Budget * float64(c.requests)
	c.saved = min(c.saved+share, budgetSaved*share)
	at, covered := c.aggregate(group{0, c.cfg.Leaves}, 0, c.cfg.Policy.Deadline)
	if c.cfg.Policy.Remember {
		c.probe()
	}
	return Answer{Took: at, Covered: covered, Leaves: c.cfg.Leaves, Requests: c.sent}
}

// probe asks now and then whether machines that were late still are. Nobody waits for
// it.
func (c *Cluster) probe() {
	for m := range c.late {
		if c.suspect(m) && c.rand.IntN(probeEvery) == 0 {
			c.sent++
			c.request(m)
		}
	}
}

// suspect tells whether a machine is passed over where another can be asked. Once is
// chance.
func (c *Cluster) suspect(m int) bool { return c.cfg.Policy.Remember && c.late[m] > 1 }

// group is leaves that an aggregator answers for: from begin to before end.
type group struct{ begin, end int }

func (g group) size() int { return g.end - g.begin }

// reply is what comes of asking a child.
type reply struct {
	at      time.Duration
	covered int
}

// aggregate is when an aggregator that is asked at start answers, and how many leaves
// that covers.
func (c *Cluster) aggregate(g group, start, deadline time.Duration) (at time.Duration, covered int) {
	p := &c.cfg.Policy
	limit := handedDown(start, deadline)
	below := p.below(g.size())
	var children []group
	for begin := g.begin; begin < g.end; begin += below {
		children = append(children, group{begin, min(begin+below, g.end)})
	}
	replies := make([]reply, len(children))
	for i, child := range children {
		replies[i] = c.ask(child, 0, start, limit)
	}
	if p.Hedge > 0 {
		c.hedge(children, replies, start, limit)
	}
	slices.SortFunc(replies, func(a, b reply) int { return cmp.Compare(a.at, b.at) })
	at = start
	for _, r := range replies {
		if max(at, r.at) >= limit { // the others are left out, and waited for until then
			at = max(at, limit)
			break
		}
		at = max(at, r.at) + p.Handling
		covered += r.covered
	}
	return at, covered
}

// hedge asks others for children that are late, and puts the first answer in place.
func (c *Cluster) hedge(children []group, replies []reply, start, limit time.Duration) {
	p := &c.cfg.Policy
	n := len(children)
	order := make([]time.Duration, n)
	for i := range replies {
		order[i] = replies[i].at - start
	}
	slices.Sort(order)
	patience := p.Patience
	if children[0].size() > 1 {
		patience = p.GroupPatience
	}
	wait := max(time.Duration(float64(order[p.enough(n)-1])*patience), p.PatienceMin)
	for try := 1; try < p.Tries && start+time.Duration(try)*wait < limit; try++ {
		now, room := start+time.Duration(try)*wait, p.lateMax(n)
		for i := range children {
			if replies[i].at <= now || children[i].size() == 1 && c.cfg.Replicas == 1 {
				continue
			}
			if room--; room < 0 || !c.spend(children[i]) {
				break
			}
			if again := c.ask(children[i], try, now, limit); again.at < replies[i].at {
				replies[i] = again
			}
		}
	}
}

// spend takes the requests of a child from the budget, or says that they are too many.
func (c *Cluster) spend(child group) bool {
	cost := float64(child.size())
	if c.cfg.Policy.Budget > 0 && c.saved < cost {
		return false
	}
	c.saved -= cost
	return true
}

// ask sends a request to a child, at a time, and returns when its answer comes. With
// each try a shard's goes to the other home.
func (c *Cluster) ask(child group, try int, now, deadline time.Duration) reply {
	if child.size() == 1 {
		c.sent++
		took, _ := c.request(c.home(child.begin, try))
		return reply{now + took, 1}
	}
	begun, stall := c.begin(now)
	if begun >= deadline { // it finds that nobody waits any more
		return reply{begun, 0}
	}
	at, covered := c.aggregate(child, begun, deadline)
	return reply{at + stall, covered}
}

// begin asks an aggregator, and others while none says that it has begun. It returns
// when one has, and how long that one then rests: of slow requests half are slow before
// they begin. A slow machine is so from the start.
func (c *Cluster) begin(now time.Duration) (begun, stall time.Duration) {
	tries := 1
	if c.cfg.Policy.Silence > 0 {
		tries = c.cfg.Policy.Tries
	}
	for try := range tries {
		asked := now + time.Duration(try)*c.cfg.Policy.Silence
		if try > 0 && begun <= asked {
			break
		}
		c.sent++
		took, slow := c.request(c.aggregator())
		rests := time.Duration(0)
		if slow && !c.cfg.Slow.PerMachine && c.rand.IntN(2) == 0 {
			took, rests = c.cfg.Hop.draw(c.rand), took
		}
		if try == 0 || asked+took < begun {
			begun, stall = asked+took, rests
		}
	}
	return begun, stall
}

// home is the machine to ask for a shard.
func (c *Cluster) home(shard, try int) int {
	if c.cfg.Replicas == 1 {
		return shard
	}
	homes := [2]int{shard, c.second[shard]}
	if c.suspect(homes[0]) && !c.suspect(homes[1]) {
		try++
	}
	return homes[try%2]
}

// aggregator is a machine to ask for a group, by chance.
func (c *Cluster) aggregator() int {
	all := len(c.slow) - c.cfg.Leaves
	m := c.cfg.Leaves + c.rand.IntN(all)
	for i := 0; c.suspect(m) && i < all; i++ {
		m = c.cfg.Leaves + c.rand.IntN(all)
	}
	return m
}

// request is how long a machine takes, which is remembered of it, and whether that is
// slow.
func (c *Cluster) request(m int) (took time.Duration, slow bool) {
	s := &c.cfg.Slow
	slow = c.slow[m]
	if !s.PerMachine {
		slow = c.rand.Float64() < s.Share
	}
	if slow {
		c.late[m]++
		return s.draw(c.rand), true
	}
	c.late[m] = 0
	if m >= c.cfg.Leaves {
		return c.cfg.Hop.draw(c.rand), false
	}
	return c.cfg.Normal.draw(c.rand), false
}
