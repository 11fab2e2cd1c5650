package main

// #include "capi.h"
import "C"

import (
	"fmt"
	"math"

	"libobe/internal/excerpt"
	"libobe/internal/jsondoc"
	"libobe/internal/memory"
)

//obe:labview 4 Read the kept message
//
// pointer says where in the message: it is a JSON pointer (RFC 6901), so "/x/0" is
// the first element of the field x, and "" the whole message. "~1" in it stands
// for "/" and "~0" for "~". These return OBE_E_NOT_FOUND if there is nothing, and
// OBE_E_TYPE if it is of another type.

// getField guards a function that reads the value at a pointer.
func getField(op string, handle C.int, pointer inText, body func(d *jsondoc.Document, pointer string) error, results ...result) C.int {
	return onSession(op, handle, func(s *lvSession) error {
		p, err := lvText(op, "pointer", pointer)
		if err != nil {
			return err
		}
		return s.Read(op, p, body)
	}, results...)
}

// obe_lv_get_double gives the number at pointer, also an integer.
//
//export obe_lv_get_double
func obe_lv_get_double(handle C.int, pointer inText, value outDouble) C.int {
	const op = "get_double"
	if usable(value) {
		value.put(0)
	}
	return getField(op, handle, pointer, func(d *jsondoc.Document, p string) error {
		if value != 0 {
			if err := checkPointer(op, "value", value); err != nil {
				return err
			}
		}
		v, err := d.Double(p)
		if err == nil && value != 0 {
			value.put(v)
		}
		return err
	})
}

// obe_lv_get_int gives the integer at pointer. One of more than 32 bits is
// OBE_E_RANGE; obe_lv_get_double reads it.
//
//export obe_lv_get_int
func obe_lv_get_int(handle C.int, pointer inText, value outInt) C.int {
	return getField("get_int", handle, pointer, func(d *jsondoc.Document, p string) error {
		v, err := d.Int(p)
		if err != nil {
			return err
		}
		if v < math.MinInt32 || v > math.MaxInt32 {
			return fmt.Errorf("%w: the integer at %s, %d, has more than 32 bits; read it as a double", jsondoc.ErrRange, excerpt.Quote(p), v)
		}
		if value != 0 {
			value.put(int32(v))
		}
		return nil
	}, result{"value", value})
}

// obe_lv_get_bool gives 1 or 0 for the true or false at pointer.
//
//export obe_lv_get_bool
func obe_lv_get_bool(handle C.int, pointer inText, value outInt) C.int {
	return getField("get_bool", handle, pointer, func(d *jsondoc.Document, p string) error {
		v, err := d.Bool(p)
		if v && value != 0 {
			value.put(1)
		}
		return err
	}, result{"value", value})
}

// obe_lv_get_string copies the string at pointer, without quotes and escapes, to
// text. See "Texts" above for text_cap and text_size. LabVIEW ends a text at a
// NUL; a string that holds one is longer, as text_size tells.
//
//export obe_lv_get_string
func obe_lv_get_string(handle C.int, pointer inText, text lvBuffer, text_cap C.int, text_size outInt) C.int {
	const op = "get_string"
	return onSession(op, handle, func(s *lvSession) error {
		found, err := stringAt(op, s, pointer)
		if err != nil {
			return err
		}
		return putText(op, "text", found, text, text_cap, text_size)
	}, result{"text_size", text_size})
}

// stringAt returns the string at a pointer, in the handle's code page.
func stringAt(op string, s *lvSession, pointer inText) (text []byte, err error) {
	p, err := lvText(op, "pointer", pointer)
	if err != nil {
		return nil, err
	}
	err = s.Read(op, p, func(d *jsondoc.Document, p string) error {
		size, err := d.ReadString(p, nil)
		if err != nil {
			return err
		}
		found := memory.MustMake[byte](size, size)
		if _, err := d.ReadString(p, found); err != nil {
			return err
		}
		text, err = s.Encode(found)
		return err
	})
	return text, err
}

// obe_lv_get_doubles copies the array of numbers at pointer to values. See
// "Arrays" above for values_cap and values_count.
//
//export obe_lv_get_doubles
func obe_lv_get_doubles(handle C.int, pointer inText, values lvArray, values_cap C.int, values_count outInt) C.int {
	const op = "get_doubles"
	return onSession(op, handle, func(s *lvSession) error {
		p, err := lvText(op, "pointer", pointer)
		if err != nil {
			return err
		}
		return putList(op, "values", values, values_cap, values_count, func(dst []float64) (n int, err error) {
			err = s.Read(op, p, func(d *jsondoc.Document, p string) error {
				n, err = d.Doubles(p, dst)
				return err
			})
			return n, err
		})
	}, result{"values_count", values_count})
}

// obe_lv_get_matrix copies the array of rows at pointer to values, row by row, and
// gives the number of rows and columns. See "Arrays" above for values_cap. Rows
// of different lengths are OBE_E_TYPE.
//
//export obe_lv_get_matrix
func obe_lv_get_matrix(handle C.int, pointer inText, values lvArray, values_cap C.int, rows, cols outInt) C.int {
	const op = "get_matrix"
	return onSession(op, handle, func(s *lvSession) error {
		p, err := lvText(op, "pointer", pointer)
		if err != nil {
			return err
		}
		return putTable(op, "values", values, values_cap, rows, cols, func(dst []float64) (r, c int, err error) {
			err = s.Read(op, p, func(d *jsondoc.Document, p string) error {
				r, c, err = d.Matrix(p, dst)
				return err
			})
			return r, c, err
		})
	}, result{"rows", rows}, result{"cols", cols})
}

// obe_lv_get_count gives the number of elements of the array, or of fields of the
// object, at pointer.
//
//export obe_lv_get_count
func obe_lv_get_count(handle C.int, pointer inText, count outInt) C.int {
	const op = "get_count"
	return getField(op, handle, pointer, func(d *jsondoc.Document, p string) error {
		n, err := d.Count(p)
		if err != nil {
			return err
		}
		return put(op, "count", count, n)
	}, result{"count", count})
}

// obe_lv_get_type gives the type of the value at pointer, one of OBE_OBJECT,
// OBE_ARRAY, OBE_STRING, OBE_INTEGER, OBE_REAL, OBE_BOOL and OBE_NULL. A number
// without point and exponent is an integer; all others, and NaN and the
// infinities, are real.
//
//export obe_lv_get_type
func obe_lv_get_type(handle C.int, pointer inText, _type outInt) C.int {
	const op = "get_type"
	return getField(op, handle, pointer, func(d *jsondoc.Document, p string) error {
		t, err := d.Type(p)
		if err != nil {
			return err
		}
		return put(op, "type", _type, int(t))
	}, result{"type", _type})
}
