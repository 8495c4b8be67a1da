package sim

// rules ends docs/tail.md: what is chosen, and what the fan-out must do.
const rules = `
## What is chosen

| setting | value | why |
|---|---|---|
| fan-out | 128, levels of even size | two levels reach 16,384 leaves. With 32, ten thousand take three: patience multiplies, and a child of the root that is lost is 4.5% of the rows |
| hedge | when 4 times as long has passed as three quarters took; below 2 times most hedges are for children that were about to answer | with 90% the wait depends on the stragglers themselves; with half of them a larger factor does as well |
| hedge of an aggregator | 2 times | its own hedging is in that time already |
| silence of an aggregator | 10 ms | it costs one request, since nothing has begun |
| tries | 3 | with two, one leaf of 10,000 is missed in every query: 1% of 1% |
| late children, at most | an eighth of an aggregator's | more is the load and no straggler; beside the budget it changes little, and it needs no memory |
| budget | 5% of the requests, saved over 20 queries | the bound holds whatever is slow; where 5% of the requests are, the deadline does the rest |

## What the fan-out must do for it

1. Above the fan-out, cut the leaves into groups of even size, a power of the number of leaves: 1,000 into 32 groups of 32, not 7 of 128 and a rest.
2. An aggregator that is asked says so at once, before it asks. One that is silent for 10 ms is asked no more, another is.
3. A request names the shard with the epoch that it is asked for, so that the same shard may be asked of both homes; the first whole answer of a shard wins and
   the other is cancelled and thrown away, also where it came within a group: a Partial lists the shards that it covers, and a group's is taken whole or not at all.
4. Late is judged by the query itself: the time that three quarters of the siblings took. No setting knows what a query costs.
5. Hedges are counted against the budget of the process, and at most an eighth of the children of one query is hedged. A group that is asked again counts with
   all of its leaves.
6. A machine that was slow twice in a row is asked second until it was in time once; one in a hundred queries asks it beside the other, and waits for nobody.
7. A deadline is handed down as it is today. An answer that is not whole comes at the deadline, with what is there: a shard whose homes are both slow is
   named, with what it had promised.

What the simulation leaves out: requests take no time from each other, so hedging is free but for its number; slowness of the two homes of a shard is
independent, which holds only if they share neither host nor rack; leaves die only by being slow.
`
