package expression

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"libobe/internal/excerpt"
)

// MaxName is the largest length of a name in bytes.
const MaxName = 64

// Normalize returns the one spelling of a name that can be written in several ways: the
// micro sign µ (U+00B5) and the Greek letter μ (U+03BC) are the same name, and so are the
// Ohm sign and Ω, and é as one character and as two. It is Unicode's form NFKC, as in the
// names of Python. Upper and lower case stay different.
func Normalize(name string) string { return norm.NFKC.String(name) }

// CheckName returns why a text cannot be a name in expressions, as the end of a sentence
// that begins with the name; "" if it can.
func CheckName(name string) string {
	if name == "" {
		return "is empty"
	}
	if len(name) > MaxName {
		return fmt.Sprintf("is longer than %d bytes", MaxName)
	}
	if !utf8.ValidString(name) {
		return "is not UTF-8"
	}
	for i, r := range name {
		switch {
		case i == 0 && !beginsName(r):
			return "must begin with a letter or _"
		case !inName(r):
			return fmt.Sprintf("must consist of letters, digits and _, without %s", excerpt.Quote(string(r)))
		}
	}
	normal := Normalize(name)
	if !isNormal(normal) {
		return fmt.Sprintf("has a letter that stands for %s", excerpt.Quote(normal))
	}
	name = normal
	if name == "pi" {
		return "is the number π; choose another name"
	}
	if lookUp(name) != nil {
		return "is a function; choose another name"
	}
	return ""
}

// isNormal reports whether the normal form of a name is a name. A few letters have a form with
// other characters: ŀ is l and a dot, and some Arabic letters are whole sentences.
func isNormal(name string) bool {
	for i, r := range name {
		if i == 0 && !beginsName(r) || !inName(r) {
			return false
		}
	}
	return len(name) <= MaxName
}

func beginsName(r rune) bool { return r == '_' || unicode.IsLetter(r) }

func inName(r rune) bool {
	return beginsName(r) || unicode.IsDigit(r) || unicode.In(r, unicode.Mn, unicode.Mc)
}
