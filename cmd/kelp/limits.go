package main

import "time"

const (
	// ingestSenders is how many bodies are on their way at once: one travels
	// while the other is being stored.
	ingestSenders = 2

	// errorsShownMax is how many rejected rows a receipt lists, like the server's.
	errorsShownMax = 20

	// graceAfterStop is how long bodies already read may still be sent once the
	// user has stopped the command.
	graceAfterStop = 5 * time.Second

	// progressEvery is how often a progress bar is drawn.
	progressEvery = 100 * time.Millisecond

	// answerCellMax is the most characters of one value a terminal's table shows;
	// other formats cut nothing.
	answerCellMax = 120

	// sparkLinesMax is how many groups get a spark line below a table.
	sparkLinesMax = 20

	// sparkWidthMax is the most characters of a spark line: it must not wrap.
	sparkWidthMax = 60

	// sparkBucketsMax bounds the time buckets that are drawn; time(auto) gives no
	// more than 300.
	sparkBucketsMax = 3000
)
