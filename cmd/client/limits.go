package client

import "time"

const (
	// errorBytesMax bounds what is read of an error's body: enough for a receipt
	// with its first 20 errors.
	errorBytesMax = 1 << 20

	// waitMin and waitMax bound the pause between two tries of a batch when the
	// server names none: short at first, since most failures are a restart.
	waitMin = 100 * time.Millisecond
	waitMax = 5 * time.Second

	// retryAfterMax bounds the pause that a server may ask for.
	retryAfterMax = time.Minute

	// eventBytesMax is the longest line of a stream of events: the server's 4 MiB and
	// one row more, with every character escaped.
	eventBytesMax = 64 << 20

	// connectionsMax is how many idle connections are kept for senders.
	connectionsMax = 64
)
