package monitor

import (
	"bytes"
	"math"
	"strconv"
)

// numbers returns the numbers of a JSON value, a number or a list, up to a limit; null is
// NaN, and lists in lists are one list. It is false if the value has anything else. Package
// jsondoc reads an array only as a whole, and one with more numbers than a chart shows can have
// many millions.
func numbers(value []byte, limit int) (found []float64, ok bool) {
	for len(found) < limit {
		value = bytes.TrimLeft(value, "[], \t\r\n")
		if len(value) == 0 {
			break
		}
		end := bytes.IndexAny(value, "], \t\r\n")
		if end < 0 {
			end = len(value)
		}
		token := value[:end]
		value = value[end:]
		number := math.NaN()
		if string(token) != "null" {
			var err error
			number, err = strconv.ParseFloat(string(token), 64)
			if err != nil && !math.IsInf(number, 0) { // 1e999 is infinite, as in Python
				return nil, false
			}
		}
		found = append(found, number)
	}
	return found, true
}
