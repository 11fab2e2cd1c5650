//go:build !windows

package session

import (
	"strconv"

	"libobe/internal/codepage"
)

// systemCodePage returns UTF-8: only Windows uses other code pages.
func systemCodePage() string { return "utf-8" }

// converter converts from and to a code page.
type converter struct{ page *codepage.Page }

func newConverter(name string) converter {
	number, _ := strconv.ParseUint(name, 10, 32) // a name of the table
	return converter{codepage.Get(number)}
}

// decode converts a text to UTF-8. It reports whether all of it exists in the code page.
func (c converter) decode(text []byte) (decoded []byte, ok bool) { return c.page.Decode(text) }

// encode returns a character that is not ASCII in the code page, unless the code page
// lacks it.
func (c converter) encode(r rune) (coded []byte, ok bool) { return c.page.Encode(nil, r) }
