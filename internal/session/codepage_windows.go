package session

import (
	"strconv"

	"golang.org/x/sys/windows"
)

// systemPage is the ANSI code page of this Windows.
func systemPage() string { return strconv.FormatUint(uint64(windows.GetACP()), 10) }
