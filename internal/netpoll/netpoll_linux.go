package netpoll

import (
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// paused is the setting of the garbage collector while that is off, else -1. It is
// off while the poller cannot start, because the runtime starts it after a
// collection.
var paused = -1

// start reports whether the poller runs. mu is held.
//
// It looks for free descriptors first, and the runtime then takes them. A thread of the
// program that takes one in between ends the process: that cannot be helped.
func start() bool {
	if !available() && !startAboveLimit() {
		if paused < 0 {
			paused = debug.SetGCPercent(-1)
		}
		return false
	}
	startPoller()
	if paused >= 0 {
		debug.SetGCPercent(paused)
		paused = -1
	}
	return true
}

// startAboveLimit starts the poller with the soft limit of descriptors raised for that
// moment. What is open above a limit stays open.
func startAboveLimit() bool {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur >= limit.Max {
		return false
	}
	raised := limit
	raised.Cur = limit.Max
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) != nil {
		return false
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }()
	if !available() {
		return false
	}
	startPoller()
	return true
}

// available does what the runtime will do, to see whether the system allows it.
func available() bool {
	poller, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	defer unix.Close(poller)
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return false
	}
	defer unix.Close(event)
	return unix.EpollCtl(poller, unix.EPOLL_CTL_ADD, event, &unix.EpollEvent{Events: unix.EPOLLIN}) == nil
}
