//go:build !windows

package main

// #include "process_fork.h"
import "C"

// forked reports whether this process is a forked child of the one that loaded the
// library.
func forked() bool {
	if C.capi_entered == 0 {
		C.capi_note_entry()
	}
	return C.capi_in_child != 0
}

//export capi_enter
func capi_enter() { forked() }
