package main

import (
	"net"

	"golang.org/x/sys/unix"
)

// connecting tells whether a connection waits to be accepted. From the first
// call on the kernel keeps one waiting at most; others try again a second later.
func connecting(ln *net.TCPListener) (waiting bool) {
	raw, err := ln.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Control(func(fd uintptr) {
		_ = unix.Listen(int(fd), 0) // a failure leaves the queue as long as it was
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		waiting = n > 0 && err == nil
	})
	return waiting && err == nil
}
