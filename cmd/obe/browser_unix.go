//go:build unix

package main

import "syscall"

// ownGroup starts a program that the signals of this one's terminal do not reach.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
