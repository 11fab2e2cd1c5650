package gateway

import "syscall"

// endWithParent lets a process end when this one does, also when this one is killed.
func endWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }
