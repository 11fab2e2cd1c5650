package expression

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"libobe/internal/excerpt"
)

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenNumber
	tokenName
	tokenSymbol // an operator, a parenthesis or a comma
)

type token struct {
	kind   tokenKind
	text   string // of a name, in its normal form
	at     int    // the byte where it begins
	number float64
}

// symbols are all operators and brackets, longer ones before those that they begin with.
var symbols = []string{"<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "^", "(", ")", ","}

// instead has what people write from the habit of another language or of paper, and what it
// is here.
var instead = []struct{ foreign, hint string }{
	{"**", "the power is ^, as in x^2"},
	{"=", "the comparison is =="},
	{"&", "write (a < b) * (b < c) for a condition of two parts"},
	{"|", "write max(a < b, b < c) for a condition of two parts"},
	{"!", "write c == 0 for the opposite of a condition"},
	{"[", "the brackets are ( and )"},
	{"]", "the brackets are ( and )"},
	{"{", "the brackets are ( and )"},
	{"}", "the brackets are ( and )"},
	{";", "arguments are separated by ,"},
	{"−", "the minus sign is -"},
	{"–", "the minus sign is -"},
	{"·", "the product is *"},
	{"×", "the product is *"},
	{"÷", "the quotient is /"},
	{"²", "the power is ^, as in x^2"},
	{"³", "the power is ^, as in x^3"},
	{"√", "write sqrt(x)"},
	{"≤", "write <="},
	{"≥", "write >="},
	{"≠", "write !="},
}

// scan returns the token that begins at or after byte i, and where the next one may begin.
func scan(text string, i int) (token, int, *Error) {
	for i < len(text) && strings.IndexByte(" \t\r\n", text[i]) >= 0 {
		i++
	}
	if i == len(text) {
		return token{kind: tokenEnd, at: i}, i, nil
	}
	rest := text[i:]
	r, size := utf8.DecodeRuneInString(rest)
	switch {
	case r == utf8.RuneError && size <= 1:
		return token{}, i, &Error{text, i, "the text is not UTF-8"}
	case isDigit(rest, 0) || rest[0] == '.' && isDigit(rest, 1):
		return scanNumber(text, i)
	case beginsName(r):
		end := len(rest)
		for j, r := range rest {
			if !inName(r) || r == utf8.RuneError {
				end = j
				break
			}
		}
		if end > MaxName {
			return token{}, i, &Error{text, i, fmt.Sprintf("the name %s is longer than %d bytes", excerpt.Quote(rest[:end]), MaxName)}
		}
		name := Normalize(rest[:end])
		if !isNormal(name) {
			return token{}, i, &Error{text, i, fmt.Sprintf("the name %s has a letter that stands for %s", excerpt.Quote(rest[:end]), excerpt.Quote(name))}
		}
		return token{kind: tokenName, text: name, at: i}, i + end, nil
	}
	if !strings.HasPrefix(rest, "**") {
		for _, s := range symbols {
			if strings.HasPrefix(rest, s) {
				return token{kind: tokenSymbol, text: s, at: i}, i + len(s), nil
			}
		}
	}
	for _, other := range instead {
		if strings.HasPrefix(rest, other.foreign) {
			return token{}, i, &Error{text, i, fmt.Sprintf("unexpected %s; %s", excerpt.Quote(other.foreign), other.hint)}
		}
	}
	return token{}, i, &Error{text, i, "unexpected " + excerpt.Quote(string(r))}
}

func isDigit(s string, i int) bool { return i < len(s) && '0' <= s[i] && s[i] <= '9' }

// scanNumber returns a number: digits with or without a point, and an exponent.
func scanNumber(text string, start int) (token, int, *Error) {
	i := start
	digits := func() {
		for isDigit(text, i) {
			i++
		}
	}
	digits()
	if i < len(text) && text[i] == '.' {
		i++
		digits()
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		j := i + 1
		if j < len(text) && (text[j] == '+' || text[j] == '-') {
			j++
		}
		if !isDigit(text, j) {
			return token{}, i, &Error{text, j, fmt.Sprintf("the exponent of %s has no digits", excerpt.Quote(text[start:j]))}
		}
		i = j
		digits()
	}
	number := text[start:i]
	if i < len(text) && text[i] == '.' {
		return token{}, i, &Error{text, i, fmt.Sprintf("%s has a second decimal point", excerpt.Quote(text[start:i+1]))}
	}
	if r, _ := utf8.DecodeRuneInString(text[i:]); i < len(text) && beginsName(r) {
		return token{}, i, &Error{text, i, fmt.Sprintf("an operator is missing after %s, such as * for a product", excerpt.Quote(number))}
	}
	value, err := strconv.ParseFloat(number, 64)
	if errors.Is(err, strconv.ErrRange) {
		return token{}, i, &Error{text, start, excerpt.Quote(number) + " is too large; the largest number is about 1.8e308"}
	}
	return token{kind: tokenNumber, text: number, at: start, number: value}, i, nil
}
