//go:build !linux

package netpoll

// start assumes that the poller can start: only on Linux is it known to fail for lack of
// descriptors.
func start() bool {
	startPoller()
	return true
}
