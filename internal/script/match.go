package script

import (
	"strconv"
	"strings"

	"libobe/internal/jsondoc"
)

// matches reports whether the entry answers a message.
func (e *entry) matches(message *jsondoc.Document) bool {
	if e.command != nil && !equal(message, "/command", *e.command) {
		return false
	}
	return e.match == nil || equal(message, "", e.match)
}

// equal reports whether the value at a pointer is the one that the script has. A number is
// compared by its value: 25 and 25.0 are equal, and so are NaN and NaN. An object may have
// members that the script does not have.
func equal(d *jsondoc.Document, pointer string, want any) bool {
	kind, err := d.Type(pointer)
	if err != nil {
		return false
	}
	switch want := want.(type) {
	case string:
		got, err := d.String(pointer)
		return err == nil && got == want
	case bool:
		got, err := d.Bool(pointer)
		return err == nil && got == want
	case int64:
		if got, err := d.Int(pointer); err == nil {
			return got == want
		}
		got, err := d.Double(pointer)
		return err == nil && got == float64(want)
	case float64:
		got, err := d.Double(pointer)
		return err == nil && (got == want || got != got && want != want)
	case []any:
		n, err := d.Count(pointer)
		if err != nil || kind != jsondoc.Array || n != len(want) {
			return false
		}
		for i, element := range want {
			if !equal(d, pointer+"/"+strconv.Itoa(i), element) {
				return false
			}
		}
		return true
	case map[string]any:
		if kind != jsondoc.Object {
			return false
		}
		for key, member := range want {
			if !equal(d, pointer+"/"+escape.Replace(key), member) {
				return false
			}
		}
		return true
	}
	return false
}

// escape makes a key a part of a JSON pointer (RFC 6901).
var escape = strings.NewReplacer("~", "~0", "/", "~1")
