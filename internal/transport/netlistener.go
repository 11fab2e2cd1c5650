package transport

import (
	"net"
	"time"
)

// ListenNet listens like Address.Listen, and returns a listener of package net. It is for
// the tool's servers, which wait for many connections in goroutines; the library's own
// servers use a Poller.
func (a Address) ListenNet() (net.Listener, error) {
	addresses, err := a.Resolve(Wait{Deadline: time.Now().Add(resolveTimeout)}, nil)
	if err != nil {
		return nil, err
	}
	var l net.Listener
	for _, at := range addresses {
		if l, err = a.listenNet(at); err == nil {
			return l, nil
		}
	}
	return nil, err
}

// resolveTimeout bounds the resolution of a listener's name.
const resolveTimeout = 10 * time.Second

// Network returns the network and the address for package net.
func (a Address) Network() (network, address string) {
	if a.Path != "" {
		return "unix", a.Path
	}
	return "tcp", a.String()
}
