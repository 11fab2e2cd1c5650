//go:build !windows

package main

// #include "fork.h"
import "C"

func init() { C.capi_watch_forks() }

// forked reports whether this process is a forked child of the one that loaded
// the library.
func forked() bool { return C.capi_in_child != 0 }
