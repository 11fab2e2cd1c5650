//go:build !linux

package netpoll

// start takes for granted that there is room: only Linux is known to run out of
// descriptors.
func start() bool {
	startPoller()
	return true
}
