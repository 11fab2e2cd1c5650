package main

// #include "capi.h"
import "C"

import (
	"errors"
	"math"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/memory"
	"libobe/internal/socket"
	"libobe/internal/wire"
)

//obe:group 3 Documents
//
// A document is one JSON value: a message to send, or one that was received. It
// is read by JSON pointers (RFC 6901): "/x/0" is the first element of the member
// x, and "" the whole document; "~1" in a pointer stands for "/" and "~0" for
// "~". Of equal keys the last one counts. Values that are set are members of the
// outermost object. A document may be used from many threads at once.
//
// What the functions cost, for a text of T bytes and a value of V:
//
//	obe_message_new                     T
//	obe_get_*, obe_get_type, obe_get_count      T for the first ones, then V
//	obe_get_key                         T for the first ones, then the key's length
//	obe_set_*                           V, and T if the text was asked for before
//	obe_get_*, obe_get_type, obe_get_count and
//	obe_get_key at "", and sending      T, if a member was set since; else as above
//
// So setting n members, walking over n keys, and reading n elements by pointer, in any
// order and of several arrays in turn, take time in proportion to the text together:
// under a microsecond each where the text fits into the CPU's cache, and some
// microseconds where it is a large one. A loop that sets a member and asks for the text
// or sends it each time copies the text each time. Depth counts: a pointer of n parts
// takes n such steps.
//
// A document takes at most 8 times the memory of its text, as a rule 3 while it is read,
// what is remembered of places in it included, and 5 while members are set. A function
// for which there is no memory returns OBE_E_MEMORY, and the document is as it was.
// Keys and pointers that the text of an error repeats are cut to 80 bytes.

// document is what a message handle stands for.
type document struct {
	*jsondoc.Document
	request *socket.Message // nil unless a server received it
}

// Free drops the document, and with it the claim of its client to an answer.
func (d *document) Free() {
	if d.request != nil {
		d.request.Drop()
	}
}

// obe_message_free frees a message; freeing NULL does nothing. A request that was not
// answered is dropped; see obe_receive_message.
//
// Returns OBE_OK; OBE_E_HANDLE if message was freed already or is not a message.
//
//export obe_message_free
func obe_message_free(message C.obe_message) C.obe_status {
	return free("message_free", uintptr(message), kindMessage)
}

func newMessage(d *jsondoc.Document, request *socket.Message) C.obe_message {
	return C.obe_message(handles.add(kindMessage, &document{d, request}))
}

// obe_message_new makes a document of the JSON text of length bytes (-1:
// NUL-terminated), which is copied, and gives its handle in *message. Free it
// with obe_free.
//
// Returns OBE_OK; OBE_E_JSON with the byte offset in the text of the error;
// OBE_E_ARGUMENT.
//
//export obe_message_new
func obe_message_new(json inText, length C.int64_t, message outMessage) C.obe_status {
	const op = "message_new"
	return C.obe_status(guard(op, func(**entry) error {
		if err := place(op, "message", message); err != nil {
			return err
		}
		text, err := input(op, "json", json, length)
		if err != nil {
			return err
		}
		if err := jsondoc.Validate(text); err != nil {
			return prefix(op, err)
		}
		text = append(memory.MustMake[byte](0, len(text)), text...)
		message.put(uintptr(newMessage(jsondoc.FromValid(text), nil)))
		return nil
	}))
}

// obe_command_new makes the document {"command": command} and gives its handle
// in *message; more members are set with obe_set_double and so on. Free it with
// obe_free.
//
// Returns OBE_OK; OBE_E_JSON if command is not UTF-8; OBE_E_ARGUMENT.
//
//export obe_command_new
func obe_command_new(_command inText, message outMessage) C.obe_status {
	const op = "command_new"
	return C.obe_status(guard(op, func(**entry) error {
		if err := place(op, "message", message); err != nil {
			return err
		}
		name, err := word(op, "command", _command)
		if err != nil {
			return err
		}
		d, err := command.New(name)
		if err != nil {
			return prefix(op, err)
		}
		message.put(uintptr(newMessage(d, nil)))
		return nil
	}))
}

// set guards a function that sets a member.
func set(op string, message C.obe_message, key inText, body func(d *document, key string) error) C.obe_status {
	return C.obe_status(on(op, uintptr(message), kindMessage, func(d *document) error {
		k, err := word(op, "key", key)
		if err != nil {
			return err
		}
		return prefix(op, body(d, k))
	}))
}

// obe_set_double sets the member key to a number, written as a float with as few
// digits as read back to the same double: 25 is written 25.0, and NaN and the
// infinities as NaN, Infinity and -Infinity.
//
// In this and the functions that follow, a member that exists keeps its place and
// a new one comes last. Returns OBE_OK; OBE_E_TYPE if the document is not an
// object; OBE_E_JSON if a text is not UTF-8; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_set_double
func obe_set_double(message C.obe_message, key inText, value C.double) C.obe_status {
	return set("set_double", message, key, func(d *document, k string) error { return d.SetDouble(k, float64(value)) })
}

// obe_set_int sets the member key to an integer.
//
//export obe_set_int
func obe_set_int(message C.obe_message, key inText, value C.int64_t) C.obe_status {
	return set("set_int", message, key, func(d *document, k string) error { return d.SetInt(k, int64(value)) })
}

// obe_set_bool sets the member key to true, or to false if value is 0.
//
//export obe_set_bool
func obe_set_bool(message C.obe_message, key inText, value C.int32_t) C.obe_status {
	return set("set_bool", message, key, func(d *document, k string) error { return d.SetBool(k, value != 0) })
}

// obe_set_null sets the member key to null.
//
//export obe_set_null
func obe_set_null(message C.obe_message, key inText) C.obe_status {
	return set("set_null", message, key, func(d *document, k string) error { return d.SetNull(k) })
}

// obe_set_string sets the member key to a text of length bytes of UTF-8 (-1:
// NUL-terminated).
//
//export obe_set_string
func obe_set_string(message C.obe_message, key, text inText, length C.int64_t) C.obe_status {
	const op = "set_string"
	return set(op, message, key, func(d *document, k string) error {
		b, err := input(op, "text", text, length)
		if err != nil {
			return err
		}
		return d.SetString(k, memory.String(b))
	})
}

// obe_set_doubles sets the member key to an array of count numbers, each written
// as obe_set_double does. A large array is formatted on several processors.
//
//export obe_set_doubles
func obe_set_doubles(message C.obe_message, key inText, values inDoubles, count C.int64_t) C.obe_status {
	const op = "set_doubles"
	return set(op, message, key, func(d *document, k string) error {
		v, err := numbers(op, "values", values, "count", count)
		if err != nil {
			return err
		}
		return d.SetDoubles(k, v)
	})
}

// obe_set_matrix sets the member key to an array of rows arrays of cols numbers
// each; values holds them row by row.
//
//export obe_set_matrix
func obe_set_matrix(message C.obe_message, key inText, values inDoubles, rows, cols C.int64_t) C.obe_status {
	const op = "set_matrix"
	return set(op, message, key, func(d *document, k string) error {
		switch {
		case rows < 0:
			return invalid(op, "rows", "is negative")
		case cols < 0:
			return invalid(op, "cols", "is negative")
		case cols > 0 && uint64(rows) > maxNumbers/uint64(cols):
			return invalid(op, "rows", "times cols is more than this platform can address")
		case int64(rows) > min(wire.MaxLength, math.MaxInt)/int64(len("[], ")):
			return invalid(op, "rows", "is more than a message can hold")
		}
		v, err := numbers(op, "values", values, "rows times cols", rows*cols)
		if err != nil {
			return err
		}
		return d.SetMatrix(k, v, int(rows), int(cols))
	})
}

// obe_set_json sets the member key to the JSON text of length bytes (-1:
// NUL-terminated) as it is.
//
//export obe_set_json
func obe_set_json(message C.obe_message, key, json inText, length C.int64_t) C.obe_status {
	const op = "set_json"
	return set(op, message, key, func(d *document, k string) error {
		b, err := input(op, "json", json, length)
		if err != nil {
			return err
		}
		return d.SetJSON(k, b)
	})
}

// get guards a function that reads the value at a pointer; result is the place for
// it, and name what that argument is called.
func get(op string, message C.obe_message, pointer inText, name string, result uintptr, body func(d *document, pointer string) error) C.obe_status {
	return C.obe_status(on(op, uintptr(message), kindMessage, func(d *document) error {
		p, err := word(op, "pointer", pointer)
		if err == nil {
			err = place(op, name, result)
		}
		if err != nil {
			return err
		}
		return prefix(op, body(d, p))
	}))
}

// obe_get_double gives the number at pointer in *value, correctly rounded if it
// is an integer; NaN and the infinities too. The time is linear in its digits.
//
// This and the functions that follow return OBE_OK; OBE_E_NOT_FOUND if there is
// nothing at pointer; OBE_E_TYPE if it is of another type; OBE_E_RANGE if the
// type asked for cannot hold it; OBE_E_ARGUMENT, also for a pointer that is none;
// OBE_E_HANDLE.
//
//export obe_get_double
func obe_get_double(message C.obe_message, pointer inText, value outDouble) C.obe_status {
	return get("get_double", message, pointer, "value", uintptr(value), func(d *document, p string) error {
		v, err := d.Double(p)
		if err == nil {
			value.put(v)
		}
		return err
	})
}

// obe_get_int gives the integer at pointer in *value. A number with a point or an
// exponent is of another type, whatever its value.
//
//export obe_get_int
func obe_get_int(message C.obe_message, pointer inText, value outInt64) C.obe_status {
	return get("get_int", message, pointer, "value", uintptr(value), func(d *document, p string) error {
		v, err := d.Int(p)
		if err == nil {
			value.put(v)
		}
		return err
	})
}

// obe_get_bool gives 1 or 0 in *value for the true or false at pointer.
//
//export obe_get_bool
func obe_get_bool(message C.obe_message, pointer inText, value outInt32) C.obe_status {
	return get("get_bool", message, pointer, "value", uintptr(value), func(d *document, p string) error {
		v, err := d.Bool(p)
		if err != nil {
			return err
		}
		var n int32
		if v {
			n = 1
		}
		value.put(n)
		return nil
	})
}

// obe_get_string gives the string at pointer, without quotes and escapes, in
// UTF-8, and its length in *length. The text may hold NULs. A lone surrogate,
// which UTF-8 cannot express, becomes U+FFFD.
//
// buffer has room for capacity bytes. A text that does not fit is not copied:
// the return is OBE_E_BUFFER and *length the needed size; capacity 0 (buffer may
// then be NULL) asks for it. Where there is room, a NUL follows.
//
//export obe_get_string
func obe_get_string(message C.obe_message, pointer inText, buffer outText, capacity C.int64_t, length outInt64) C.obe_status {
	const op = "get_string"
	return get(op, message, pointer, "length", uintptr(length), func(d *document, p string) error {
		dst, err := room(op, "buffer", buffer, capacity)
		if err != nil {
			return err
		}
		size, err := d.ReadString(p, dst)
		if err != nil {
			return err
		}
		return outputSize(size, dst, length)
	})
}

// obe_get_json gives the JSON text at pointer as it came, and its length in
// *length; for "" that is the whole document, byte for byte. See obe_get_string
// for buffer and capacity.
//
//export obe_get_json
func obe_get_json(message C.obe_message, pointer inText, buffer outText, capacity C.int64_t, length outInt64) C.obe_status {
	const op = "get_json"
	return get(op, message, pointer, "length", uintptr(length), func(d *document, p string) error {
		dst, err := room(op, "buffer", buffer, capacity)
		if err != nil {
			return err
		}
		text, err := d.JSON(p)
		if err != nil {
			return err
		}
		return output(text, dst, length)
	})
}

// obe_get_key gives the key of the member number index, from 0, of the object at
// pointer, and its length in *length. See obe_get_string for buffer and capacity.
//
//export obe_get_key
func obe_get_key(message C.obe_message, pointer inText, index C.int64_t, buffer outText, capacity C.int64_t, length outInt64) C.obe_status {
	const op = "get_key"
	return get(op, message, pointer, "length", uintptr(length), func(d *document, p string) error {
		dst, err := room(op, "buffer", buffer, capacity)
		if err != nil {
			return err
		}
		if index < 0 || index > math.MaxInt {
			return invalid(op, "index", "is negative or beyond all bounds")
		}
		size, err := d.ReadKey(p, int(index), dst)
		if err != nil {
			return err
		}
		return outputSize(size, dst, length)
	})
}

// obe_get_doubles reads the array of numbers at pointer into values, which has
// room for capacity numbers, and gives their count in *count.
//
// If they do not fit, values is untouched, the return is OBE_E_BUFFER and *count
// the number needed; capacity 0 (values may then be NULL) asks for it. After
// OBE_E_TYPE or OBE_E_RANGE values may be written in part. The time is linear in the
// text, whatever the numbers are, and no memory is taken. A large array is read on
// several processors.
//
//export obe_get_doubles
func obe_get_doubles(message C.obe_message, pointer inText, values outDoubles, capacity C.int64_t, count outInt64) C.obe_status {
	const op = "get_doubles"
	return get(op, message, pointer, "count", uintptr(count), func(d *document, p string) error {
		return list(op, "values", values, capacity, count, func(dst []float64) (int, error) { return d.Doubles(p, dst) })
	})
}

// list gives the result of read, a list of numbers, to the caller.
func list(op, name string, values outDoubles, capacity C.int64_t, count outInt64, read func(dst []float64) (int, error)) error {
	dst, err := numberRoom(op, name, values, capacity)
	if err != nil {
		return err
	}
	n, err := read(dst)
	var size *jsondoc.SizeError
	if errors.As(err, &size) {
		n = size.Rows
	}
	if err == nil || size != nil {
		count.put(int64(n))
	}
	return err
}

// obe_get_matrix reads the array of rows at pointer into values, row by row, and
// gives the number of rows and columns in *rows and *cols. values has room for
// capacity numbers.
//
// Rows of different lengths are OBE_E_TYPE, and the text of the error says which
// row; after that and OBE_E_RANGE values may be written in part. If the numbers do
// not fit, values is untouched, the return is OBE_E_BUFFER and *rows times *cols the
// number needed.
//
//export obe_get_matrix
func obe_get_matrix(message C.obe_message, pointer inText, values outDoubles, capacity C.int64_t, rows, cols outInt64) C.obe_status {
	const op = "get_matrix"
	return get(op, message, pointer, "rows or cols", weaker(rows, cols), func(d *document, p string) error {
		return grid(op, "values", values, capacity, rows, cols, func(dst []float64) (int, int, error) { return d.Matrix(p, dst) })
	})
}

// grid gives the result of read, rows of numbers, to the caller.
func grid(op, name string, values outDoubles, capacity C.int64_t, rows, cols outInt64, read func(dst []float64) (int, int, error)) error {
	dst, err := numberRoom(op, name, values, capacity)
	if err != nil {
		return err
	}
	r, c, err := read(dst)
	var size *jsondoc.SizeError
	if errors.As(err, &size) {
		r, c = size.Rows, size.Cols
	}
	if err == nil || size != nil {
		rows.put(int64(r))
		cols.put(int64(c))
	}
	return err
}

// obe_get_type gives the type of the value at pointer in *type, one of OBE_OBJECT,
// OBE_ARRAY, OBE_STRING, OBE_INTEGER, OBE_REAL, OBE_BOOL and OBE_NULL. A number
// without point and exponent is an integer; all others, and NaN and the
// infinities, are real.
//
//export obe_get_type
func obe_get_type(message C.obe_message, pointer inText, _type outInt32) C.obe_status {
	return get("get_type", message, pointer, "type", uintptr(_type), func(d *document, p string) error {
		t, err := d.Type(p)
		if err == nil {
			_type.put(int32(t))
		}
		return err
	})
}

// obe_get_count gives the number of members of the object, or of elements of the
// array, at pointer in *count.
//
//export obe_get_count
func obe_get_count(message C.obe_message, pointer inText, count outInt64) C.obe_status {
	return get("get_count", message, pointer, "count", uintptr(count), func(d *document, p string) error {
		n, err := d.Count(p)
		if err == nil {
			count.put(int64(n))
		}
		return err
	})
}

// asDocument finds the message of a second handle that a function takes.
func asDocument(op, name string, h C.obe_message) (*document, error) {
	_, object := handles.find(uintptr(h), kindMessage)
	d, ok := object.(*document)
	if !ok {
		return nil, notLive(op, name, uintptr(h), kindMessage)
	}
	return d, nil
}
