package natsserver

import (
	"os/exec"
	"syscall"
)

// endWithParent lets the program end when this one does, also when the test is killed.
func endWithParent(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
