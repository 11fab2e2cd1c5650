package session

import (
	"strconv"

	"golang.org/x/sys/windows"
)

// systemCodePage returns the number of the ANSI code page of this Windows.
func systemCodePage() string { return strconv.FormatUint(uint64(windows.GetACP()), 10) }
