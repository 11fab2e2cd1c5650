package jsondoc

import (
	"bytes"
	"fmt"
	"math"

	"libobe/internal/excerpt"
)

// SizeError reports the size of an array that does not fit the caller's memory.
type SizeError struct{ Rows, Cols int }

func (e *SizeError) Error() string {
	return fmt.Sprintf("the array has %d x %d numbers, too many for the buffer", e.Rows, e.Cols)
}

// Doubles reads the array of numbers at a pointer into dst and returns how many
// there are. If they do not fit, the error is a *SizeError and dst is unchanged.
// After another error part of dst may be overwritten.
func (d *Document) Doubles(pointer string, dst []float64) (int, error) {
	numbers, n, err := d.numbers(pointer)
	if err != nil {
		return 0, err
	}
	if n > len(dst) {
		// A SizeError promises that a larger dst is enough. To check that takes as long as
		// reading, so it is skipped where the text cannot contain anything but numbers, NaN
		// and Infinity: any other value contains one of these characters.
		if bytes.IndexByte(numbers, 'u') >= 0 || bytes.IndexByte(numbers, 'l') >= 0 || bytes.IndexByte(numbers, '"') >= 0 ||
			bytes.IndexByte(numbers, '[') >= 0 || bytes.IndexByte(numbers, '{') >= 0 {
			if err := readList(numbers, nil, n); err != nil {
				return 0, atPointer(pointer, err)
			}
		}
		return 0, &SizeError{n, 1}
	}
	if err := readList(numbers, dst[:n], n); err != nil {
		return 0, atPointer(pointer, err)
	}
	return n, nil
}

// atPointer adds the pointer of an array to an error of an element.
func atPointer(pointer string, err error) error {
	if pointer == "" {
		return err
	}
	return fmt.Errorf("at %s: %w", excerpt.Quote(pointer), err)
}

// CheckDoubles reports whether Doubles can read the array at a pointer, whatever
// its size. It allocates no memory for the numbers.
func (d *Document) CheckDoubles(pointer string) error {
	numbers, n, err := d.numbers(pointer)
	if err != nil {
		return err
	}
	if err := readList(numbers, nil, n); err != nil {
		return atPointer(pointer, err)
	}
	return nil
}

// numbers returns the text between the brackets of the array at a pointer, and the
// count of numbers in it. If an element is not a number, the text is only a part, and
// readList fails.
func (d *Document) numbers(pointer string) (list []byte, n int, err error) {
	at, err := d.find(pointer)
	if err != nil {
		return nil, 0, err
	}
	text, i := at.text, at.i
	if typeAt(text, i) != Array {
		return nil, 0, mismatch(pointer, text, i, "an array of numbers")
	}
	// A bracket that is not the array's own comes after an element that is not a number.
	list = text[i+1 : i+bytes.IndexByte(text[i:], ']')]
	return list, countElements(list), nil
}

// Matrix reads the array of rows at a pointer into dst, row by row. If the numbers
// do not fit, the error is a *SizeError and dst is unchanged. Rows of different
// lengths are ErrType.
func (d *Document) Matrix(pointer string, dst []float64) (rows, cols int, err error) {
	at, rows, cols, err := d.matrix(pointer)
	if err != nil {
		return 0, 0, err
	}
	if rows*cols > len(dst) {
		return 0, 0, &SizeError{rows, cols}
	}
	if err := readRows(pointer, at, dst, cols); err != nil {
		return 0, 0, err
	}
	return rows, cols, nil
}

// CheckMatrix reports whether Matrix can read the array at a pointer, whatever its
// size. It allocates no memory for the numbers.
func (d *Document) CheckMatrix(pointer string) error {
	at, _, cols, err := d.matrix(pointer)
	if err != nil {
		return err
	}
	return readRows(pointer, at, nil, cols)
}

// matrix returns the array of rows at a pointer and its size. It validates the shape
// only; readRows validates the elements.
func (d *Document) matrix(pointer string) (at location, rows, cols int, err error) {
	at, err = d.find(pointer)
	if err != nil {
		return at, 0, 0, err
	}
	if typeAt(at.text, at.i) != Array {
		return at, 0, 0, mismatch(pointer, at.text, at.i, "an array of rows")
	}
	for it := newIterator(at.text, at.i); it.next(); rows++ {
		row, err := arrayContents(at.text, it.value)
		if err != nil {
			return at, 0, 0, atPointer(pointer, fmt.Errorf("row %d: %w", rows, err))
		}
		n := countElements(row)
		if rows == 0 {
			cols = n
		}
		if n != cols {
			return at, 0, 0, atPointer(pointer, fmt.Errorf("row %d: %w: %d elements, and the rows before it have %d", rows, ErrType, n, cols))
		}
	}
	return at, rows, cols, nil
}

// readRows reads the rows of a matrix into dst, or only validates them if dst is nil.
func readRows(pointer string, at location, dst []float64, cols int) error {
	r := 0
	for it := newIterator(at.text, at.i); it.next(); r++ {
		var row []float64
		if dst != nil {
			row = dst[r*cols : (r+1)*cols]
		}
		if err := readList(at.text[it.value+1:it.valueEnd()-1], row, cols); err != nil {
			return atPointer(pointer, fmt.Errorf("row %d: %w", r, err))
		}
	}
	return nil
}

// arrayContents returns the text between the brackets of the array at text[i]. A
// string, an array or an object in it is an error; other elements are not checked.
func arrayContents(text []byte, i int) ([]byte, error) {
	if t := typeAt(text, i); t != Array {
		return nil, fmt.Errorf("%w: %s, not an array of numbers", ErrType, typePhrases[t])
	}
	end := nextBracketOrQuote(text, i+1)
	if text[end] != ']' {
		return nil, fmt.Errorf("%w: an array that contains %s, not only numbers", ErrType, typePhrases[typeAt(text, end)])
	}
	return text[i+1 : end], nil
}

// countElements returns how many values a list has that contains neither strings nor
// brackets.
func countElements(list []byte) int {
	if skipSpace(list, 0) == len(list) {
		return 0
	}
	return bytes.Count(list, []byte{','}) + 1
}

// readList reads a list of n numbers into dst, or only validates it if dst is nil. A
// long one is divided among CPUs, at commas.
func readList(list []byte, dst []float64, n int) error {
	parts := workers(n)
	if parts == 1 {
		return readPart(list, dst, 0)
	}
	offsets := make([]int, parts-1)
	for i := range offsets {
		offsets[i] = len(list) / parts * (i + 1)
	}
	return readParts(list, dst, offsets)
}

// readParts reads the parts of a list in parallel. Each of offsets, which ascend, is moved
// past the next comma, where a part begins. If the list contains a string, that comma may
// be inside of it; then an earlier part fails, and its error is the one returned.
func readParts(list []byte, dst []float64, offsets []int) error {
	parts := len(offsets) + 1
	cuts := make([]int, parts+1) // where the parts begin
	cuts[parts] = len(list)
	for i, offset := range offsets {
		at := max(offset, cuts[i])
		cuts[i+1] = len(list)
		if comma := bytes.IndexByte(list[at:], ','); comma >= 0 {
			cuts[i+1] = at + comma + 1
		}
	}
	firsts := make([]int, parts)
	for i := 1; i < parts; i++ {
		firsts[i] = firsts[i-1] + bytes.Count(list[cuts[i-1]:cuts[i]], []byte{','})
	}
	errs := make([]error, parts)
	parallel(parts, func(i int) {
		part := list[cuts[i]:cuts[i+1]]
		into := dst
		if dst != nil {
			into = dst[firsts[i]:]
		}
		errs[i] = readPart(part, into, firsts[i])
	})
	// Parts after one that failed may begin inside a value: the first error counts.
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	// vectorBefore is how many bytes before a number readNumbers loads, and vectorSpace how many from its beginning on.
	vectorBefore = 33
	vectorSpace  = 40
	// maxBatch is how many numbers readNumbers reads at once. Go cannot interrupt it, and a garbage collection waits for it.
	maxBatch = 4096
	// maxPause is how many numbers are read one by one, at most, before readNumbers is tried again where it read none.
	maxPause = 64
)

// readPart reads the numbers of a part of a list, the first of which has the index first.
// It reads at most one number more than the part has commas: anything but a number
// followed by a comma or the end is an error, also in a part that is not JSON.
func readPart(part []byte, dst []float64, first int) error {
	var ignored [256]float64
	n, table := 0, powers()
	vectorsAt, pause := 0, 1 // the number from which on readNumbers is tried, and how many are read before it is again
	for i := skipSpace(part, 0); i < len(part); n++ {
		if hasVectors && n >= vectorsAt && i >= vectorBefore {
			into := ignored[:]
			if dst != nil {
				into = dst[n:min(n+maxBatch, len(dst))]
			}
			count, end := readNumbers(part, i, into, table)
			pause = min(2*pause, maxPause)
			if count > 0 {
				pause = 1
			}
			n += count
			vectorsAt = n + pause
			if i = skipSpace(part, end); i == len(part) {
				break
			}
		}
		if len(part)-i >= shortSpace {
			if v, end, ok := readShortDouble(part, i, table); ok {
				if dst != nil {
					dst[n] = v
				}
				i = skipSpace(part, end+1)
				continue
			}
		}
		v, end, ok := readDoubleWith(part, i, table)
		if ok {
			end = skipSpace(part, end)
			ok = end == len(part) || part[end] == ','
		}
		if !ok {
			return fmt.Errorf("%w: element %d is %s, not a number", ErrType, first+n, typePhrases[typeAt(part, i)])
		}
		if math.IsInf(v, 0) && typeAt(part, i) == Integer {
			return fmt.Errorf("%w: element %d is an integer larger than any double", ErrRange, first+n)
		}
		if dst != nil {
			dst[n] = v
		}
		i = end
		if i < len(part) {
			i = skipSpace(part, i+1) // after the comma
		}
	}
	return nil
}
