package main

/*
#include <stdlib.h>
#include "capi.h"
#include "statics.h"
*/
import "C"

import (
	"fmt"
	"sync"
	"unsafe"

	"libobe/capi/status"
)

// quarantineDepth is how many freed handles are in the quarantine; see handles.go.
const quarantineDepth = C.CAPI_QUARANTINE

// quarantineSlot is the slot of the n-th freed handle in the quarantine.
func quarantineSlot(n int) *unsafe.Pointer { return &C.capi_quarantine[n%quarantineDepth] }

// The texts that C may keep pointers to. They are created once and never freed.
var (
	staticTextsOnce                sync.Once
	statusTexts                    map[C.obe_status]*C.obe_cchar
	unknownStatusText, versionText *C.obe_cchar
)

func initStaticTexts() {
	statusTexts = map[C.obe_status]*C.obe_cchar{}
	for i, s := range status.Table {
		statusTexts[C.obe_status(s.Code)] = staticText(i, s.Text)
	}
	n := len(status.Table)
	unknownStatusText = staticText(n, status.Unknown)
	versionText = staticText(n+1, fmt.Sprintf("%d.%d.%d", versionMajor, versionMinor, versionPatch))
}

// staticText copies s permanently to C memory, as text i of the library.
func staticText(i int, s string) *C.obe_cchar {
	C.capi_texts[i] = C.CString(s)
	return (*C.obe_cchar)(unsafe.Pointer(C.capi_texts[i]))
}
