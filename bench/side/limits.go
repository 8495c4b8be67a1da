package side

import "time"

const (
	// questionMax is how long one question may take; kelp's default of 10 s is
	// for people.
	questionMax = 2 * time.Minute

	// startMax is how long a system may take to be there, the slowest being one
	// that reads everything from disk first.
	startMax = 2 * time.Minute

	// stopMax is how long a clean stop may take before it is a failure.
	stopMax = time.Minute

	// settleMax ends the wait for background work; what still runs then is said
	// in the table by its CPU.
	settleMax = 5 * time.Minute

	// settleQuiet is how long nothing must happen to call a server settled: four
	// times the half second after which everything must be on disk.
	settleQuiet = 2 * time.Second

	// settleCPU is the share of one processor below which a server is idle.
	settleCPU = 0.05

	// sampleEvery is how often the memory of a process is looked at: often enough
	// to see a merge, rarely enough to cost nothing.
	sampleEvery = 50 * time.Millisecond

	// pollEvery is the pause between two questions to a system that is not whole
	// yet; small against the restarts that are measured.
	pollEvery = 2 * time.Millisecond

	// roundsMin is how many rounds there are even when patience is out.
	roundsMin = 5

	// candidateTries is how often each way to say a question is tried before the
	// fastest is measured.
	candidateTries = 2

	// stderrLines is how much of what a process said last is kept for an error.
	stderrLines = 20

	// floatTolerance is how far floats of two systems may be apart, relative:
	// they sum in different orders.
	floatTolerance = 1e-9

	// percentileError is what kelp promises; a rank more or less of few values
	// can not exceed it, because kelp takes the same rank as the exact answer.
	percentileError = 0.01

	// distinctError is five standard errors of kelp's 0.8%: a wrong answer, not a
	// bad day.
	distinctError = 0.04

	// peerError is where a peer's approximations stop being any, by their median:
	// peers interpolate between the values of small groups and promise less for
	// distinct counts. What they are off by is stated.
	peerError = 0.25

	// differencesMax is how many wrong answers are described in full.
	differencesMax = 20

	// ticksPerSecond is USER_HZ, which Linux has fixed for /proc.
	ticksPerSecond = 100
)

// Targets of the storage work on the reference workload with two processors.
const (
	targetRowsPerSecond = 1_000_000
	targetArrowRows     = 2_500_000 // a second
	targetBytesPerRow   = 45
	targetRestart       = 50 * time.Millisecond
	targetRecovery      = 0.7 // of what dd reads

	// Memory beside the blocks: a share of their bytes, plus a constant.
	targetBesideShare = 0.1
	targetBesideBytes = 100_000_000
)
