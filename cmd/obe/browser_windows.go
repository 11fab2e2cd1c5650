package main

import "syscall"

// ownGroup starts a program that Ctrl-C in this one's console does not reach.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
