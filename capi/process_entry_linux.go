package main

// #include "process_entry_linux.h"
import "C"

func init() { C.capi_restore_collector() }
