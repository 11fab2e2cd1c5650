package main

// #include "process_descriptors.h"
import "C"

// Go's package os raises the process's limit of open files when it starts. In a library,
// the limit belongs to the host program, which may depend on it: select(2) cannot handle
// descriptors from 1024 on.
func init() { C.capi_restore_descriptors() }
