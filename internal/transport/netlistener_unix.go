//go:build linux || darwin

package transport

import (
	"net"
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

func listenNetUnix(path string) (net.Listener, error) {
	own, err := listenUnix(path)
	if err != nil {
		return nil, err
	}
	listeners.Delete(own)
	file := os.NewFile(uintptr(own.fd), path)
	defer file.Close() // FileListener duplicates the descriptor
	l, err := net.FileListener(file)
	if err != nil {
		own.file.remove()
		return nil, &SystemError{Call: "listen", Err: err}
	}
	return &netListener{l, own.file}, nil
}
