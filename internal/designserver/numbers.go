package designserver

import (
	"errors"
	"fmt"

	"libobe/internal/jsondoc"
)

// A countError says that a member has another number of numbers.
type countError struct {
	member    string
	got, want int
}

func (e *countError) Error() string {
	numbers := "numbers"
	if e.got == 1 {
		numbers = "number"
	}
	return fmt.Sprintf("%s has %d %s, and needs %d", e.member, e.got, numbers, e.want)
}

// numbers returns a member of a request that is a list of n numbers, or a number alone as some clients send it; nil if it is
// missing or null.
func numbers(request *jsondoc.Document, member string, n int) ([]float64, error) {
	pointer := "/" + member
	kind, err := request.Type(pointer)
	if errors.Is(err, jsondoc.ErrNotFound) || err == nil && kind == jsondoc.Null {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	values := make([]float64, n)
	switch kind {
	case jsondoc.Integer, jsondoc.Real:
		if n != 1 {
			return nil, &countError{member, 1, n}
		}
		values[0], err = request.Double(pointer)
	case jsondoc.Array:
		var got int
		if got, err = request.Count(pointer); err == nil && got != n {
			return nil, &countError{member, got, n}
		}
		if err == nil {
			_, err = request.Doubles(pointer, values)
		}
	default:
		err = jsondoc.ErrType
	}
	switch {
	case errors.Is(err, jsondoc.ErrRange):
		return nil, fmt.Errorf("%s has a number that is out of range", member)
	case err != nil && n == 1:
		return nil, fmt.Errorf("%s must be a number, or a list of one number", member)
	case err != nil:
		return nil, fmt.Errorf("%s must be a list of %d numbers", member, n)
	}
	return values, nil
}
