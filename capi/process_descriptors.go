package main

// #include "process_descriptors.h"
import "C"

// Go's package os raises the process's limit of open descriptors as it starts. In
// a library that limit is the host program's, which may rely on it: select(2) ends
// at descriptor 1024.
func init() { C.capi_restore_descriptors() }
