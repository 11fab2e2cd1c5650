package main

// #include "process_copies.h"
import "C"

import (
	"fmt"
	"sync"
	"sync/atomic"

	"libobe/internal/socket"
)

// claimed is whether this copy of the library has claimed the process.
var claimed atomic.Bool

// claimMutex is held while a call claims the process: of two calls of this copy, the second
// one must not find the claim of the first one withdrawn.
var claimMutex sync.Mutex

// claim returns an error if another copy of the library works in this process.
func claim() error {
	if claimed.Load() {
		return nil
	}
	claimMutex.Lock()
	defer claimMutex.Unlock()
	if claimed.Load() {
		return nil
	}
	var own, other [C.CAPI_PATH]C.char
	if C.capi_claim(&own[0], &other[0]) == 0 {
		return fmt.Errorf("%w: this program has loaded two copies of libobe: %s is in use, and %s is the second one, whose calls fail; let all parts of the program load the same file",
			socket.ErrState, C.GoString(&other[0]), C.GoString(&own[0]))
	}
	claimed.Store(true)
	return nil
}
