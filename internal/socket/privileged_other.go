//go:build !linux

package socket

import "os"

// privileged reports whether the program has more rights than who started it.
func privileged() bool { return os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid() }
