package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// ListenNet listens like Address.Listen, and returns a listener of package net. It is for
// the tool's servers, which wait for many connections in goroutines; the library's own
// servers use a Poller. The connections have no keepalive.
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

func (a Address) listenNet(at netip.AddrPort) (net.Listener, error) {
	if a.Path != "" {
		return listenNetUnix(a.Path)
	}
	if err := checkZone(at); err != nil {
		return nil, err
	}
	config := net.ListenConfig{KeepAlive: -1}
	network := "tcp"
	if at.Addr().Is4() {
		network = "tcp4" // with tcp, 0.0.0.0 would be all addresses of IPv6, too
	}
	l, err := config.Listen(context.Background(), network, at.String())
	if err != nil {
		var cause syscall.Errno
		if errors.As(err, &cause) {
			return nil, systemError("bind", cause)
		}
		return nil, &SystemError{Call: "bind", Err: err}
	}
	return l, nil
}
