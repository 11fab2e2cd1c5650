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

//obe:labview 4 Read the last message
//
// pointer is a JSON pointer (RFC 6901) to a value in the message: "/x/0" is the first
// element of the member x, and "" is the whole message. In a pointer "~1" stands for "/",
// and "~0" for "~". These functions return OBE_E_NOT_FOUND if there is no value at the
// pointer, and OBE_E_TYPE if the value has a different type. If the message is an object
// with a member "error", as a server reports what went wrong, the error message quotes it.

// lvReadValue runs the body of a function that reads the value at a pointer.
func lvReadValue(op string, handle C.int, pointer inText, read func(d *jsondoc.Document, pointer string) error, results ...lvResult) C.int {
	return lvCall(op, handle, func(s *lvSession) error {
		return s.readValue(op, pointer, read)
	}, results...)
}

func (s *lvSession) readValue(op string, pointer inText, read func(d *jsondoc.Document, pointer string) error) error {
	p, err := lvTextArg(op, "pointer", pointer)
	if err != nil {
		return err
	}
	return s.ReadValue(op, p, read)
}

// obe_lv_get_double stores the number at pointer, which may be an integer, in *value.
//
//export obe_lv_get_double
func obe_lv_get_double(handle C.int, pointer inText, value outDouble) C.int {
	const op = "get_double"
	if usable(value) {
		value.put(0)
	}
	return lvReadValue(op, handle, pointer, func(d *jsondoc.Document, p string) error {
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

// obe_lv_get_int stores the integer at pointer in *value. An integer of more than 32 bits
// is OBE_E_RANGE; obe_lv_get_double reads it.
//
//export obe_lv_get_int
func obe_lv_get_int(handle C.int, pointer inText, value outInt) C.int {
	return lvReadValue("get_int", handle, pointer, func(d *jsondoc.Document, p string) error {
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
	}, lvResult{"value", value})
}

// obe_lv_get_bool stores 1 or 0 for the true or false at pointer in *value.
//
//export obe_lv_get_bool
func obe_lv_get_bool(handle C.int, pointer inText, value outInt) C.int {
	return lvReadValue("get_bool", handle, pointer, func(d *jsondoc.Document, p string) error {
		v, err := d.Bool(p)
		if v && value != 0 {
			value.put(1)
		}
		return err
	}, lvResult{"value", value})
}

// obe_lv_get_string copies the string at pointer, without quotes and escapes, to text.
// See "Texts" above for text_cap and text_size. LabVIEW reads a text up to its first NUL.
// If the string contains a NUL, text_size shows that it is longer.
//
//export obe_lv_get_string
func obe_lv_get_string(handle C.int, pointer inText, text lvBuffer, text_cap C.int, text_size outInt) C.int {
	const op = "get_string"
	return lvCall(op, handle, func(s *lvSession) error {
		found, err := s.stringAt(op, pointer)
		if err != nil {
			return err
		}
		return lvPutText(op, "text", found, text, text_cap, text_size)
	}, lvResult{"text_size", text_size})
}

// stringAt returns the string at a pointer, in the handle's code page.
func (s *lvSession) stringAt(op string, pointer inText) (text []byte, err error) {
	return s.encoded(op, pointer, func(d *jsondoc.Document, p string, dst []byte) (int, error) { return d.ReadString(p, dst) })
}

// keyAt returns the key of a member of the object at a pointer, in the handle's code page.
func (s *lvSession) keyAt(op string, pointer inText, index C.int) (text []byte, err error) {
	if index < 0 {
		return nil, argError(op, "index", "is negative")
	}
	return s.encoded(op, pointer, func(d *jsondoc.Document, p string, dst []byte) (int, error) { return d.ReadKey(p, int(index), dst) })
}

// encoded returns a text of the message in the handle's code page. read copies as much of
// it as fits to dst, and returns its size.
func (s *lvSession) encoded(op string, pointer inText, read func(d *jsondoc.Document, p string, dst []byte) (int, error)) (text []byte, err error) {
	err = s.readValue(op, pointer, func(d *jsondoc.Document, p string) error {
		size, err := read(d, p, nil)
		if err != nil {
			return err
		}
		found := memory.MustMake[byte](size, size)
		if _, err := read(d, p, found); err != nil {
			return err
		}
		text, err = s.Encode(found)
		return err
	})
	return text, err
}

// jsonAt returns the text of the value at a pointer.
func (s *lvSession) jsonAt(op string, pointer inText) (text []byte, err error) {
	err = s.readValue(op, pointer, func(d *jsondoc.Document, p string) error {
		found, err := d.JSON(p)
		text = s.EncodeJSON(found)
		return err
	})
	return text, err
}

// obe_lv_get_json copies the value at pointer as JSON text to text, for instance an object
// for Unflatten From JSON. See "Texts" above for text_cap and text_size.
//
//export obe_lv_get_json
func obe_lv_get_json(handle C.int, pointer inText, text lvBuffer, text_cap C.int, text_size outInt) C.int {
	const op = "get_json"
	return lvCall(op, handle, func(s *lvSession) error {
		found, err := s.jsonAt(op, pointer)
		if err != nil {
			return err
		}
		return lvPutText(op, "text", found, text, text_cap, text_size)
	}, lvResult{"text_size", text_size})
}

// obe_lv_get_key copies the key of member number index, from 0, of the object at pointer to
// key. obe_lv_get_count returns how many members there are. See "Texts" above for key_cap
// and key_size.
//
//export obe_lv_get_key
func obe_lv_get_key(handle C.int, pointer inText, index C.int, key lvBuffer, key_cap C.int, key_size outInt) C.int {
	const op = "get_key"
	return lvCall(op, handle, func(s *lvSession) error {
		found, err := s.keyAt(op, pointer, index)
		if err != nil {
			return err
		}
		return lvPutText(op, "key", found, key, key_cap, key_size)
	}, lvResult{"key_size", key_size})
}

// obe_lv_get_doubles copies the array of numbers at pointer to values. See "Arrays" above
// for values_cap and values_count.
//
//export obe_lv_get_doubles
func obe_lv_get_doubles(handle C.int, pointer inText, values lvArray, values_cap C.int, values_count outInt) C.int {
	const op = "get_doubles"
	return lvCall(op, handle, func(s *lvSession) error {
		return lvPutDoubles(op, "values", values, values_cap, values_count, func(dst []float64) (n int, err error) {
			err = s.readValue(op, pointer, func(d *jsondoc.Document, p string) error {
				n, err = d.Doubles(p, dst)
				return err
			})
			return n, err
		})
	}, lvResult{"values_count", values_count})
}

// obe_lv_get_matrix copies the array of rows at pointer to values, row by row, and stores
// the number of rows and columns in *rows and *cols. See "Arrays" above for values_cap. If
// the rows have different lengths, it returns OBE_E_TYPE.
//
//export obe_lv_get_matrix
func obe_lv_get_matrix(handle C.int, pointer inText, values lvArray, values_cap C.int, rows, cols outInt) C.int {
	const op = "get_matrix"
	return lvCall(op, handle, func(s *lvSession) error {
		return lvPutMatrix(op, "values", values, values_cap, rows, cols, func(dst []float64) (r, c int, err error) {
			err = s.readValue(op, pointer, func(d *jsondoc.Document, p string) error {
				r, c, err = d.Matrix(p, dst)
				return err
			})
			return r, c, err
		})
	}, lvResult{"rows", rows}, lvResult{"cols", cols})
}

// obe_lv_get_count stores the number of elements of the array, or of members of the
// object, at pointer in *count.
//
//export obe_lv_get_count
func obe_lv_get_count(handle C.int, pointer inText, count outInt) C.int {
	const op = "get_count"
	return lvReadValue(op, handle, pointer, func(d *jsondoc.Document, p string) error {
		n, err := d.Count(p)
		if err != nil {
			return err
		}
		return lvPutInt(op, "count", count, n)
	}, lvResult{"count", count})
}

// obe_lv_get_type stores the type of the value at pointer in *type: OBE_OBJECT, OBE_ARRAY,
// OBE_STRING, OBE_INTEGER, OBE_REAL, OBE_BOOL or OBE_NULL. A number without a decimal point
// and an exponent is an integer. All other numbers, NaN and the infinities are real.
//
//export obe_lv_get_type
func obe_lv_get_type(handle C.int, pointer inText, _type outInt) C.int {
	const op = "get_type"
	return lvReadValue(op, handle, pointer, func(d *jsondoc.Document, p string) error {
		t, err := d.Type(p)
		if err != nil {
			return err
		}
		return lvPutInt(op, "type", _type, int(t))
	}, lvResult{"type", _type})
}
