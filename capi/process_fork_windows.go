package main

// forked is false: Windows has no fork.
func forked() bool { return false }
