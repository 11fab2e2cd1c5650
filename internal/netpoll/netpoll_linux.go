package netpoll

import (
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// savedGCPercent is the setting of the garbage collector while start has turned it off,
// otherwise -1. It is off while the poller cannot start, because the runtime starts the
// poller after a collection.
var savedGCPercent = -1

// start reports whether the poller is running. mu is held.
//
// It first checks that descriptors are free, which the runtime then opens. If another
// thread opens one in between, the process ends. There is no way to prevent that.
func start() bool {
	if !available() && !startAboveLimit() {
		if savedGCPercent < 0 {
			savedGCPercent = debug.SetGCPercent(-1)
		}
		return false
	}
	startPoller()
	if savedGCPercent >= 0 {
		debug.SetGCPercent(savedGCPercent)
		savedGCPercent = -1
	}
	return true
}

// startAboveLimit starts the poller while the soft limit of descriptors is raised.
// Descriptors above the limit stay open when it is lowered again.
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

// available does the same as the runtime, to find out whether the system allows it.
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
