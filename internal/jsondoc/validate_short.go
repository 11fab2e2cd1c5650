package jsondoc

import "bytes"

// maxShort is the size of the largest text that isShort looks at. In longer ones the Validator is fast, too.
const maxShort = 1024

// isShort reports whether a text is certainly one JSON document: if it is false, the Validator decides, which also knows
// what is wrong. Commands and their replies are short, and this takes a fifth of the Validator's instructions for them: no
// state is kept between bytes. Text beyond ASCII and deep nesting are left to the Validator.
func isShort(text []byte) bool {
	if len(text) > maxShort {
		return false
	}
	const maxDepth = 63
	var objects uint64 // a bit for each level, the innermost lowest: 1 for an object
	depth, i := 0, skipSpace(text, 0)
	for {
		if i == len(text) {
			return false
		}
		switch c := text[i]; {
		case c == '"':
			i = shortString(text, i)
		case c == '-' || c-'0' < 10:
			i = shortNumber(text, i)
		case c == '{' || c == '[':
			if depth == maxDepth {
				return false
			}
			depth++
			objects <<= 1
			i = skipSpace(text, i+1)
			if c == '[' {
				if i < len(text) && text[i] != ']' {
					continue
				}
				break
			}
			objects |= 1
			if i < len(text) && text[i] != '}' {
				if i = shortKey(text, i); i > 0 {
					continue
				}
			}
		default:
			i = shortLiteral(text, i)
		}
		if i == 0 {
			return false
		}
		// Here a value has ended, or an empty object or array is about to.
		for {
			i = skipSpace(text, i)
			if depth == 0 || i == len(text) {
				return depth == 0 && i == len(text)
			}
			c := text[i]
			i++
			if c == ',' {
				break
			}
			if inObject := objects&1 == 1; c != ']' && !inObject || c != '}' && inObject {
				return false
			}
			depth--
			objects >>= 1
		}
		i = skipSpace(text, i)
		if objects&1 == 1 {
			if i = shortKey(text, i); i == 0 {
				return false
			}
		}
	}
}

// The functions below return the index after what begins at text[i], or 0 if it is not certain that it is valid.

// shortKey is for a key, its colon and the white space around that.
func shortKey(text []byte, i int) int {
	if i == len(text) || text[i] != '"' {
		return 0
	}
	if i = shortString(text, i); i == 0 {
		return 0
	}
	if i = skipSpace(text, i); i == len(text) || text[i] != ':' {
		return 0
	}
	return skipSpace(text, i+1)
}

func shortString(text []byte, i int) int {
	for i++; ; i += 2 {
		if i = skipPlain(text, i); i+1 >= len(text) {
			if i < len(text) && text[i] == '"' {
				return i + 1
			}
			return 0
		}
		if text[i] == '"' {
			return i + 1
		}
		if text[i] != '\\' || bytes.IndexByte([]byte(`"\/bfnrt`), text[i+1]) < 0 {
			return 0
		}
	}
}

func shortNumber(text []byte, i int) int {
	if text[i] == '-' {
		i++
	}
	begin := i
	if i = skipDigits(text, i); i == begin || text[begin] == '0' && i > begin+1 {
		return 0
	}
	if i < len(text) && text[i] == '.' {
		begin = i + 1
		if i = skipDigits(text, begin); i == begin {
			return 0
		}
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		begin = i
		if i = skipDigits(text, begin); i == begin {
			return 0
		}
	}
	return i
}

func shortLiteral(text []byte, i int) int {
	for _, literal := range [...]string{"true", "false", "null", "NaN", "Infinity"} {
		if bytes.HasPrefix(text[i:], []byte(literal)) {
			return i + len(literal)
		}
	}
	return 0
}
