//go:build unix && !linux

package gateway

import "syscall"

// endWithParent does nothing: this system cannot end a process when another one is killed.
func endWithParent(*syscall.SysProcAttr) {}
