package session

import (
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/sys/windows"

	"libobe/internal/memory"
)

// systemCodePage returns the number of the ANSI code page of this Windows.
func systemCodePage() string { return strconv.FormatUint(uint64(windows.GetACP()), 10) }

// converter converts from and to the code page of a number, as Windows does it for all
// programs.
type converter struct{ number uint32 }

func newConverter(name string) converter {
	number, _ := strconv.ParseUint(name, 10, 32) // a name of the table
	return converter{uint32(number)}
}

// Flags of Windows.
const (
	mbErrInvalidChars = 0x8
	wcNoBestFitChars  = 0x400
)

// Package windows has no function for it.
var wideCharToMultiByte = windows.NewLazySystemDLL("kernel32.dll").NewProc("WideCharToMultiByte")

// decode converts a text to UTF-8. It reports whether all of it exists in the code page.
func (c converter) decode(text []byte) (decoded []byte, ok bool) {
	if len(text) == 0 || len(text) > math.MaxInt32 {
		return nil, len(text) == 0
	}
	wide := memory.MustMake[uint16](len(text), len(text)) // no character is longer in UTF-16
	n, err := windows.MultiByteToWideChar(c.number, mbErrInvalidChars, &text[0], int32(len(text)), &wide[0], int32(len(wide)))
	if err != nil {
		return nil, false
	}
	decoded = memory.MustMake[byte](0, maxDecodedSize(len(text)))
	for wide = wide[:n]; len(wide) > 0; {
		r := rune(wide[0])
		wide = wide[1:]
		if utf16.IsSurrogate(r) && len(wide) > 0 {
			r = utf16.DecodeRune(r, rune(wide[0]))
			wide = wide[1:]
		}
		if isPlaceholder(r) {
			return nil, false
		}
		decoded = utf8.AppendRune(decoded, r)
	}
	return decoded, true
}

// isPlaceholder reports whether Windows converts a byte that is not a character of a code
// page to r, so that the byte survives a conversion back.
func isPlaceholder(r rune) bool { return 0x80 <= r && r < 0xa0 || 0xf880 <= r && r <= 0xf8ff }

// encode returns a character that is not ASCII in the code page, unless the code page
// lacks it.
func (c converter) encode(r rune) (coded []byte, ok bool) {
	var buffer [utf8.UTFMax]byte
	var lacking int32
	wide := utf16.AppendRune(nil, r)
	n, _, _ := wideCharToMultiByte.Call(uintptr(c.number), wcNoBestFitChars, uintptr(unsafe.Pointer(&wide[0])), uintptr(len(wide)),
		uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)), 0, uintptr(unsafe.Pointer(&lacking)))
	return buffer[:n], n > 0 && lacking == 0 && !isPlaceholder(r)
}
