package main

// #include "capi.h"
import "C"

import (
	"errors"
	"math"

	"libobe/internal/jsondoc"
)

//obe:group 4 Read messages
//
// A JSON pointer (RFC 6901) selects a value of a message: "/x/0" is the first element of
// the member x, and "" is the whole message. In a pointer, "~1" stands for "/" and "~0"
// for "~". If a key is repeated, the last member wins. The obe_set functions use the same
// pointers.
//
// If the message is an object with a member "error", which is how a server reports what
// went wrong, the error message of OBE_E_NOT_FOUND and OBE_E_TYPE quotes the message, up
// to 200 bytes of it.

// readArgs converts the pointer of a function that reads a value, and checks the address
// of its result, which the header calls name.
func readArgs[A ~uintptr](op string, pointer inText, name string, result A) (string, error) {
	p, err := stringArg(op, "pointer", pointer)
	if err != nil {
		return "", err
	}
	return p, checkPointer(op, name, result)
}

// readTextArgs is readArgs for a function that copies a text.
func readTextArgs(op string, pointer inText, buffer outText, capacity C.int64_t, length outInt64) (p string, dst []byte, err error) {
	if p, err = readArgs(op, pointer, "length", length); err == nil {
		dst, err = outBuffer(op, "buffer", buffer, capacity)
	}
	return
}

// obe_get_double stores the number at pointer, an integer too, in *value, rounded to the
// nearest double. NaN and the infinities are accepted. The time is proportional to the
// number of digits. As obe_get_int and obe_get_bool do, it leaves *value unchanged if it
// fails, so that a member that may be missing can have a default.
//
// This and the following functions return OBE_OK; OBE_E_NOT_FOUND if there is no value
// at pointer; OBE_E_TYPE if it has a different type; OBE_E_RANGE if it does not fit into
// the requested type; OBE_E_ARGUMENT, also for a malformed pointer; OBE_E_MEMORY;
// OBE_E_HANDLE.
//
//obe:status ignorable
//export obe_get_double
func obe_get_double(message C.obe_message, pointer inText, value outDouble) C.obe_status {
	const op = "get_double"
	return withMessage(op, message, func(m *messageObject) error {
		p, err := readArgs(op, pointer, "value", value)
		if err != nil {
			return err
		}
		v, err := m.Double(p)
		if err != nil {
			return withOp(op, m.Explain(err))
		}
		value.put(v)
		return nil
	})
}

// obe_get_int stores the integer at pointer in *value. A number with a decimal point or
// an exponent has a different type, even if its value is integral.
//
//obe:status ignorable
//export obe_get_int
func obe_get_int(message C.obe_message, pointer inText, value outInt64) C.obe_status {
	const op = "get_int"
	return withMessage(op, message, func(m *messageObject) error {
		p, err := readArgs(op, pointer, "value", value)
		if err != nil {
			return err
		}
		v, err := m.Int(p)
		if err != nil {
			return withOp(op, m.Explain(err))
		}
		value.put(v)
		return nil
	})
}

// obe_get_bool stores 1 or 0 in *value for the true or false at pointer.
//
//obe:status ignorable
//export obe_get_bool
func obe_get_bool(message C.obe_message, pointer inText, value outInt32) C.obe_status {
	const op = "get_bool"
	return withMessage(op, message, func(m *messageObject) error {
		p, err := readArgs(op, pointer, "value", value)
		if err != nil {
			return err
		}
		v, err := m.Bool(p)
		if err != nil {
			return withOp(op, m.Explain(err))
		}
		var n int32
		if v {
			n = 1
		}
		value.put(n)
		return nil
	})
}

// obe_get_string copies the string at pointer into buffer, unescaped and without its
// quotes, in UTF-8, and stores its length in *length. The text may contain NULs. A lone
// surrogate, which UTF-8 cannot encode, becomes U+FFFD.
//
// buffer has room for capacity bytes. A text that does not fit is not copied: the call
// returns OBE_E_BUFFER and stores the needed size in *length. capacity 0 (buffer may then
// be NULL) queries the size. If there is room, a NUL follows the text.
//
//export obe_get_string
func obe_get_string(message C.obe_message, pointer inText, buffer outText, capacity C.int64_t, length outInt64) C.obe_status {
	const op = "get_string"
	return withMessage(op, message, func(m *messageObject) error {
		p, dst, err := readTextArgs(op, pointer, buffer, capacity, length)
		if err != nil {
			return err
		}
		size, err := m.ReadString(p, dst)
		if err != nil {
			return withOp(op, m.Explain(err))
		}
		return withOp(op, putSize(size, dst, length))
	})
}

// obe_get_json copies the JSON text of the value at pointer into buffer, byte for byte,
// and stores its length in *length. The pointer "" is the whole message. See
// obe_get_string for buffer and capacity.
//
//export obe_get_json
func obe_get_json(message C.obe_message, pointer inText, buffer outText, capacity C.int64_t, length outInt64) C.obe_status {
	const op = "get_json"
	return withMessage(op, message, func(m *messageObject) error {
		p, dst, err := readTextArgs(op, pointer, buffer, capacity, length)
		if err != nil {
			return err
		}
		text, err := m.JSON(p)
		if err != nil {
			return withOp(op, m.Explain(err))
		}
		return withOp(op, putString(text, dst, length))
	})
}

// obe_get_key copies the key of member number index (from 0) of the object at pointer
// into buffer, and stores its length in *length. See obe_get_string for buffer and
// capacity.
//
//export obe_get_key
func obe_get_key(message C.obe_message, pointer inText, index C.int64_t, buffer outText, capacity C.int64_t, length outInt64) C.obe_status {
	const op = "get_key"
	return withMessage(op, message, func(m *messageObject) error {
		p, dst, err := readTextArgs(op, pointer, buffer, capacity, length)
		if err != nil {
			return err
		}
		if index < 0 || index > math.MaxInt {
			return argError(op, "index", "is negative or too large")
		}
		size, err := m.ReadKey(p, int(index), dst)
		if err != nil {
			return withOp(op, m.Explain(err))
		}
		return withOp(op, putSize(size, dst, length))
	})
}

// obe_get_doubles copies the array of numbers at pointer into values, which has room for
// capacity numbers, and stores their count in *count.
//
// If they do not fit, values is unchanged, the call returns OBE_E_BUFFER, and *count is
// the needed capacity. capacity 0 (values may then be NULL) queries it. After OBE_E_TYPE
// or OBE_E_RANGE values may be partially written. The time is proportional to the size of
// the text. No memory is allocated. A large array is parsed on several CPU cores.
//
//export obe_get_doubles
func obe_get_doubles(message C.obe_message, pointer inText, values outDoubles, capacity C.int64_t, count outInt64) C.obe_status {
	const op = "get_doubles"
	return withMessage(op, message, func(m *messageObject) error {
		p, err := readArgs(op, pointer, "count", count)
		if err != nil {
			return err
		}
		dst, err := outArray(op, "values", values, capacity)
		if err != nil {
			return err
		}
		n, err := m.Doubles(p, dst)
		return withOp(op, m.Explain(putCount(n, err, count)))
	})
}

// putCount stores how many numbers were read, or how many there are if they did not fit.
func putCount(n int, err error, count outInt64) error {
	if err != nil {
		var size *jsondoc.SizeError
		if !errors.As(err, &size) {
			return err
		}
		n = size.Rows
	}
	count.put(int64(n))
	return err
}

// obe_get_matrix copies the array of rows at pointer into values, row by row, and stores
// the number of rows and columns in *rows and *cols. values has room for capacity
// numbers.
//
// If the rows have different lengths, the call returns OBE_E_TYPE, and the error message
// names the row. After that and after OBE_E_RANGE values may be partially written. If
// the numbers do not fit, values is unchanged, the call returns OBE_E_BUFFER, and the
// needed capacity is *rows times *cols.
//
//export obe_get_matrix
func obe_get_matrix(message C.obe_message, pointer inText, values outDoubles, capacity C.int64_t, rows, cols outInt64) C.obe_status {
	const op = "get_matrix"
	return withMessage(op, message, func(m *messageObject) error {
		p, err := readArgs(op, pointer, "rows or cols", unusableOf(rows, cols))
		if err != nil {
			return err
		}
		dst, err := outArray(op, "values", values, capacity)
		if err != nil {
			return err
		}
		r, c, err := m.Matrix(p, dst)
		return withOp(op, m.Explain(putShape(r, c, err, rows, cols)))
	})
}

// putShape is putCount for rows of numbers.
func putShape(r, c int, err error, rows, cols outInt64) error {
	if err != nil {
		var size *jsondoc.SizeError
		if !errors.As(err, &size) {
			return err
		}
		r, c = size.Rows, size.Cols
	}
	rows.put(int64(r))
	cols.put(int64(c))
	return err
}

// obe_get_type stores the type of the value at pointer in *type: OBE_OBJECT, OBE_ARRAY,
// OBE_STRING, OBE_INTEGER, OBE_REAL, OBE_BOOL or OBE_NULL. A number without decimal point
// and exponent is an integer. All others, and NaN and the infinities, are real.
//
//export obe_get_type
func obe_get_type(message C.obe_message, pointer inText, _type outInt32) C.obe_status {
	const op = "get_type"
	return withMessage(op, message, func(m *messageObject) error {
		p, err := readArgs(op, pointer, "type", _type)
		if err != nil {
			return err
		}
		t, err := m.Type(p)
		if err != nil {
			return withOp(op, m.Explain(err))
		}
		_type.put(int32(t))
		return nil
	})
}

// obe_get_count stores the number of members of the object, or of elements of the array,
// at pointer in *count.
//
//export obe_get_count
func obe_get_count(message C.obe_message, pointer inText, count outInt64) C.obe_status {
	const op = "get_count"
	return withMessage(op, message, func(m *messageObject) error {
		p, err := readArgs(op, pointer, "count", count)
		if err != nil {
			return err
		}
		n, err := m.Count(p)
		if err != nil {
			return withOp(op, m.Explain(err))
		}
		count.put(int64(n))
		return nil
	})
}
