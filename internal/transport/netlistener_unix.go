//go:build linux || darwin

package transport

import (
	"net"
	"net/netip"
	"os"
)

// netListener removes the file of its Unix-domain socket when it is closed.
type netListener struct {
	net.Listener
	file socketFile
}

func (l *netListener) Close() error {
	l.file.remove()
	return l.Listener.Close()
}

func (a Address) listenNet(at netip.AddrPort) (net.Listener, error) {
	own, err := a.Listen(at, 0)
	if err != nil {
		return nil, err
	}
	listeners.Delete(own)
	file := os.NewFile(uintptr(own.fd), own.Name())
	defer file.Close() // FileListener duplicates the descriptor
	l, err := net.FileListener(file)
	if err != nil {
		own.file.remove()
		return nil, &SystemError{Call: "listen", Err: err}
	}
	return &netListener{l, own.file}, nil
}
