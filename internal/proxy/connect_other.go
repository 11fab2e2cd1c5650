//go:build !linux

package proxy

import "syscall"

// connectEarly is for Linux.
var connectEarly func(network, address string, conn syscall.RawConn) error
