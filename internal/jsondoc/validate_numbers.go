package jsondoc

import "math/bits"

const (
	// maxBlocks is how many blocks of text are classified at once.
	maxBlocks = 16
	// numbersBefore is how many numbers of an array are validated one by one before the others are in blocks. A short
	// array is not worth it.
	numbersBefore = 8
)

// numbers validates numbers of an array from p[i] on, which follows a comma, in whole blocks. It returns the index after
// the last comma up to which the text is valid, i if there is none. What follows may be valid, too: anything but numbers,
// commas and white space ends it.
//
// Each line of the grammar (RFC 8259, section 6) is a relation between masks. In a sum of masks the carries move a bit
// that is the beginning of a run to the place after that run; G. Langdale and D. Lemire, "Parsing Gigabytes of JSON per
// Second", 2019, find strings so.
func numbers(p []byte, i int) int {
	var all [maxBlocks]masks
	valid := i
	// What the previous block leaves: the place after its end is one of these, in bit 0.
	var number, value, sign, integer, zero, fraction, fractionBegins, exponent, exponentSign uint64
	value = 1
	for blocks := 1; ; blocks = min(2*blocks, maxBlocks) { // the array may end soon
		n := classify(p[i:], all[:blocks])
		if n == 0 {
			return valid
		}
		for k := range all[:n] {
			m := &all[k]
			inNumber := m.digit | m.point | m.minus | m.plus | m.exponent
			begins := inNumber &^ (inNumber<<1 | number)

			// A number follows each comma, and a comma each number, with white space between them or without.
			after := m.comma<<1 | value
			skipped, carry := bits.Add64(m.space, after&m.space, 0)
			wrong := ^(inNumber | m.comma | m.space) | (skipped&^m.space | after&^m.space) ^ begins
			value = m.comma>>63 | carry

			// A number begins with digits, or with a minus and digits. After a zero there are no more.
			minus := m.minus & begins
			integers := minus<<1 | sign
			wrong |= integers &^ m.digit
			integers |= begins & m.digit
			wrong |= begins&^(m.digit|m.minus) | ((integers&m.zero)<<1|zero)&m.digit
			sign, zero = minus>>63, (integers&m.zero)>>63

			// A point follows these, and digits follow it.
			ends, carry := bits.Add64(m.digit, integers, integer)
			integer = carry
			ends &^= m.digit
			wrong |= m.point &^ ends
			fractions := m.point<<1 | fractionBegins
			wrong |= fractions &^ m.digit
			fractionBegins = m.point >> 63

			// An exponent follows these or the former; digits follow it, or a sign and digits.
			fractionEnds, carry := bits.Add64(m.digit, fractions, fraction)
			fraction = carry
			wrong |= m.exponent &^ (ends | fractionEnds&^m.digit)
			exponents := m.exponent<<1 | exponent
			wrong |= exponents &^ (m.digit | m.minus | m.plus)
			signs := exponents & (m.minus | m.plus)
			wrong |= (m.minus|m.plus)&^(signs|minus) | (signs<<1|exponentSign)&^m.digit
			exponent, exponentSign = m.exponent>>63, signs>>63

			if wrong != 0 {
				return valid
			}
			number = inNumber >> 63
			if m.comma != 0 {
				valid = i + bits.Len64(m.comma)
			}
			i += blockSize
		}
	}
}
