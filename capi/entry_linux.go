package main

// #include "entry.h"
import "C"

func init() { C.capi_restore_collector() }
