package transport

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

func (a Address) listenNet(at netip.AddrPort) (net.Listener, error) {
	if a.Path != "" {
		return nil, errNoUnixSockets
	}
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		var cause syscall.Errno
		if errors.As(err, &cause) {
			return nil, systemError("bind", cause)
		}
		return nil, &SystemError{Call: "bind", Err: err}
	}
	return l, nil
}
