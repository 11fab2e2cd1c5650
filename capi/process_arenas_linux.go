package main

// #cgo LDFLAGS: -Wl,--wrap=free -Wl,--wrap=pthread_create
import "C"
