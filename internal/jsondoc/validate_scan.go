package jsondoc

// scan runs the state machine over p. It returns the index of the first byte that is an
// error, if there is one, and false. It is one long function because all messages pass
// through it byte by byte: a call for each state costs time.
func (v *Validator) scan(p []byte) (int, bool) {
	i := 0
	for i < len(p) {
		b := p[i]
		switch v.state {
		case str:
			if i = skipPlain(p, i); i == len(p) {
				return i, true
			}
			switch b = p[i]; {
			case b == '"':
				v.state = afterValue
				if v.inKey {
					v.inKey, v.state = false, colon
				}
			case b == '\\':
				v.state = escape
			case b < 0x20 || !v.leadByte(b):
				return i, false
			}
		case zero, integer, fraction, exponentDigits, minus, point, exponent, exponentSign:
			var ok bool
			if i, ok = v.number(p, i); !ok {
				return i, false
			}
			continue
		case escape:
			switch b {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				v.state = str
			case 'u':
				v.state, v.hexDigits = hex, 4
			default:
				return i, false
			}
		case hex:
			if !isHexDigit(b) {
				return i, false
			}
			if v.hexDigits--; v.hexDigits == 0 {
				v.state = str
			}
		case continuation:
			if b < v.lo || b > v.hi {
				return i, false
			}
			v.lo, v.hi = 0x80, 0xbf
			if v.continuations--; v.continuations == 0 {
				v.state = str
			}
		case literal:
			if b != v.rest[0] {
				return i, false
			}
			if v.rest = v.rest[1:]; v.rest == "" {
				v.state = afterValue
			}
		default:
			if b == ' ' || b == '\n' || b == '\r' || b == '\t' {
				break
			}
			if !v.structural(b) {
				return i, false
			}
		}
		i++
	}
	return i, true
}

// structural handles a byte outside of strings, numbers and literals. It has one case per
// state; a separate function for the states that expect a value makes texts with many
// strings a tenth slower.
func (v *Validator) structural(b byte) bool {
	switch v.state {
	case afterValue:
		object := v.inObject()
		switch {
		case v.depth == v.baseDepth:
			return false
		case b == ',' && object:
			v.state = key
		case b == ',':
			v.state = value
		case b == '}' && object, b == ']' && !object:
			v.close()
		default:
			return false
		}
	case colon:
		if b != ':' {
			return false
		}
		v.state = value
	case key, firstKey:
		switch {
		case b == '"':
			v.state, v.inKey = str, true
		case b == '}' && v.state == firstKey:
			v.close()
		default:
			return false
		}
	default: // value, firstValue
		switch b {
		case '"':
			v.state = str
		case '-':
			v.state = minus
		case '0':
			v.state = zero
		case '1', '2', '3', '4', '5', '6', '7', '8', '9':
			v.state = integer
		case '[', '{':
			return v.open(b == '{')
		case ']':
			if v.state != firstValue {
				return false
			}
			v.close()
		case 't':
			v.state, v.rest = literal, "rue"
		case 'f':
			v.state, v.rest = literal, "alse"
		case 'n':
			v.state, v.rest = literal, "ull"
		case 'N':
			v.state, v.rest = literal, "aN"
		case 'I':
			v.state, v.rest = literal, "nfinity"
		default:
			return false
		}
	}
	return true
}

// number continues a number at p[i] and returns the index after the last byte that it
// handled. Large messages consist mostly of arrays of numbers, so it handles the comma
// and the next number as well. It is one long function with a goto, because its state
// stays in a register then.
func (v *Validator) number(p []byte, i int) (int, bool) {
	s := v.state
	inArray := v.depth > v.baseDepth && !v.inObject()
	count, blocksAfter := 0, numbersBefore // of numbers since the last blocks, and how many there are before the next
	for i < len(p) {
		b := p[i]
		switch s {
		case integer, fraction, exponentDigits:
			if i = skipDigits(p, i); i == len(p) {
				v.state = s
				return i, true
			}
			b = p[i]
			if s == integer && b == '.' {
				s = point
			} else if s != exponentDigits && b|0x20 == 'e' {
				s = exponent
			} else {
				goto end
			}
		case zero:
			if b == '.' {
				s = point
			} else if b|0x20 == 'e' {
				s = exponent
			} else {
				goto end
			}
		case minus:
			switch {
			case b == '0':
				s = zero
			case '1' <= b && b <= '9':
				s = integer
			case b == 'I':
				v.state, v.rest = literal, "nfinity"
				return i + 1, true
			default:
				v.state = s
				return i, false
			}
		default: // point, exponent, exponentSign
			switch {
			case '0' <= b && b <= '9' && s == point:
				s = fraction
			case '0' <= b && b <= '9':
				s = exponentDigits
			case s == exponent && (b == '+' || b == '-'):
				s = exponentSign
			default:
				v.state = s
				return i, false
			}
		}
		i++
		continue
	end:
		if b != ',' || !inArray {
			break
		}
		i++
		if count++; hasVectors && count > blocksAfter {
			before := i
			if i, count = numbers(p, i), 0; i == before {
				blocksAfter *= 4 // the array ends soon, or has long numbers
			}
		}
		s = value
		for ; i < len(p); i++ {
			if b = p[i]; b == '-' {
				s = minus
			} else if b == '0' {
				s = zero
			} else if b-'1' < 9 {
				s = integer
			} else if b == ' ' || b == '\n' || b == '\r' || b == '\t' {
				continue
			}
			break
		}
		if s == value {
			v.state = value
			return i, true
		}
		i++
	}
	v.state = s
	if i < len(p) {
		v.state = afterValue
	}
	return i, true
}

func (v *Validator) inObject() bool {
	level := v.depth - 1
	return level >= 0 && v.object[level/64]>>(level%64)&1 == 1
}

// open enters an object or array and reports whether it is not nested too deep.
func (v *Validator) open(object bool) bool {
	if v.depth == MaxDepth {
		return false
	}
	bit := uint64(1) << (v.depth % 64)
	if object {
		v.object[v.depth/64] |= bit
		v.state = firstKey
	} else {
		v.object[v.depth/64] &^= bit
		v.state = firstValue
	}
	v.depth++
	return true
}

func (v *Validator) close() {
	v.depth--
	v.state = afterValue
}

// leadByte handles the first byte of a UTF-8 sequence of several (RFC 3629, section 4: no
// overlong forms, no surrogates, nothing beyond U+10FFFF).
func (v *Validator) leadByte(b byte) bool {
	v.lo, v.hi = 0x80, 0xbf
	switch {
	case b >= 0xc2 && b <= 0xdf:
		v.continuations = 1
	case b >= 0xe0 && b <= 0xef:
		v.continuations = 2
		if b == 0xe0 {
			v.lo = 0xa0
		} else if b == 0xed {
			v.hi = 0x9f
		}
	case b >= 0xf0 && b <= 0xf4:
		v.continuations = 3
		if b == 0xf0 {
			v.lo = 0x90
		} else if b == 0xf4 {
			v.hi = 0x8f
		}
	default:
		return false
	}
	v.state = continuation
	return true
}

func isHexDigit(b byte) bool {
	return b-'0' < 10 || b|0x20-'a' < 6
}
