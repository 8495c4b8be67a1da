package cluster

import "time"

// Limits of membership. Each bounds what a peer can make this process hold, or
// says how long something may take.
const (
	// metaBytesMax is memberlist's own limit of what one member says of itself.
	metaBytesMax = 512

	// textBytesMax bounds each text in the metadata (leaf id, version, host,
	// addresses): five of them and the numbers stay under metaBytesMax.
	textBytesMax = 80

	// nameBytesMax is the longest name of a member.
	nameBytesMax = 128

	// membersMax bounds the members remembered, up or away: a cluster is
	// hundreds of nodes, and a stranger's gossip must not fill memory.
	membersMax = 4_096

	// watchersMax bounds the channels handed out by Watch.
	watchersMax = 1_024

	// seedsMax bounds the addresses a seed may name in one answer.
	seedsMax = 4_096

	// seedAnswerBytesMax bounds what is read of a seed's answer: 4,096 members
	// of a kilobyte each.
	seedAnswerBytesMax = 4 << 20

	// joinTargetsMax is how many addresses one round of joining tries: one
	// that answers is enough, since it tells of all others.
	joinTargetsMax = 4

	// rosterBytesMax bounds the list of members away that one exchange brings.
	rosterBytesMax = 2 << 20

	// forgottenMax bounds the names whose forgetting is remembered, so that a
	// peer which still lists them does not bring them back.
	forgottenMax = 1_024
)

// Times of membership. A dead member is seen after about one probe interval to
// reach it, one to miss it, and the time of suspicion (3 intervals): 2 to 3 s.
const (
	// probeInterval is how often a member probes another.
	probeInterval = 500 * time.Millisecond

	// probeTimeout is what a direct answer over UDP may take before others and
	// TCP are asked: generous for a machine whose cores are busy.
	probeTimeout = 250 * time.Millisecond

	// silenceEvery is how often it is logged that no seed answers.
	silenceEvery = 30 * time.Second

	// suspicionMult times probeInterval is how long a suspect has to answer.
	suspicionMult = 3

	// suspicionMaxMult bounds the suspicion that no second member confirms.
	suspicionMaxMult = 2

	// gossipInterval is how often news is passed on.
	gossipInterval = 100 * time.Millisecond

	// exchangeInterval is how often two members exchange all they know: what a
	// restarted member without seeds waits for at most.
	exchangeInterval = 5 * time.Second

	// streamTimeout bounds one exchange over TCP.
	streamTimeout = 2 * time.Second

	// reclaimAfter is how long after its death a name may come back at another
	// address: at once.
	reclaimAfter = time.Millisecond

	// contestedFor is how long a member that came back at another address,
	// before its death was seen, shows itself to others again and again: until
	// they have seen it for sure.
	contestedFor = 6 * time.Second

	// freeInterval is how often a change of free memory is told at most.
	freeInterval = 2 * time.Second

	// publishTimeout bounds the wait for a change of state to be passed on.
	publishTimeout = 500 * time.Millisecond

	// leaveTimeout bounds the wait for the word of leaving to be passed on.
	leaveTimeout = time.Second

	// firstJoinTimeout bounds the attempt to join inside Join; after it, joining
	// goes on in the background.
	firstJoinTimeout = 3 * time.Second

	// seedTimeout bounds one question to one seed.
	seedTimeout = 2 * time.Second

	// rejoinMin and rejoinMax bound the pause between attempts to reach
	// members that are away and seeds that have not been met.
	rejoinMin = 100 * time.Millisecond
	rejoinMax = 10 * time.Second

	// restartGrace is how long a member that said it restarts counts as
	// restarting while it is away.
	restartGrace = 2 * time.Minute
)

// logBurst and logEvery bound the lines that the gossip library may log: it
// writes several a second for each dead peer.
const (
	logBurst = 20
	logEvery = 2 * time.Second
)
