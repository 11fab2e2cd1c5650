package main

// #include "capi.h"
import "C"

import (
	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/memory"
	"libobe/internal/socket"
)

//obe:group 3 Build messages
//
// A message is one JSON value, to be sent or received. obe_message_new and
// obe_command_new create one, the obe_set functions set what is in it, and
// obe_message_free frees it. Several threads may use one message at the same time.
//
// The obe_set functions use the same JSON pointers as the obe_get functions. A key that
// begins with "/" is a pointer: "/scan/from" is the member from of the member scan, and
// "/x/0" the first element of x. Missing objects are created. In an array, an existing
// element is replaced, and the index that is the count of elements, or "-", appends one.
// An array is not created: set it first, with obe_set_json to "[]" for example. Any other
// key is the name of a member of the outermost object, as it is: "a/b", and also "". The
// name "/x" is written as the pointer "/~1x".
//
// Cost, for a text of T bytes and a value of V bytes:
//
//	obe_message_new           T
//	obe_set_*                 V, plus T if the text was read in between
//	obe_get_*                 T for the first few, then V or the key's length
//	obe_get_* at "", sending  T if a member was set in between
//
// So the total time to set n members, to walk over n keys, or to read n elements by
// pointer, in any order and from several arrays in turn, is proportional to the size of
// the text: less than a microsecond each if the text fits into the CPU's cache, and a
// few microseconds if it is large. A loop that sets a member and then reads or sends the
// whole text copies the text each time, and so does one that sets something in an object
// or array and then reads all of that; obe_get_type and obe_get_count do not. A pointer
// of n parts costs n such steps.
//
// A message needs at most 8 times the memory of its text, including an index of
// positions in it: usually 3 times while it is read, and 5 times while members are set.
// A function that cannot allocate memory returns OBE_E_MEMORY and leaves the message
// unchanged. Error messages repeat at most 80 bytes of a key or pointer.

// messageObject is what a message handle refers to.
type messageObject struct {
	*jsondoc.Document
	request *socket.Message // nil unless a server received it
}

// Free drops the request, if the message is one that was not answered.
func (m *messageObject) Free() {
	if m.request != nil {
		m.request.Drop()
	}
}

// newMessageHandle returns a handle for a message that no server received.
func newMessageHandle(d *jsondoc.Document) uintptr {
	return handles.add(kindMessage, &messageObject{d, nil})
}

// messageArg returns the message behind a handle that is not the function's first one.
func messageArg(op, name string, h C.obe_message) (*messageObject, error) {
	_, object := handles.find(uintptr(h), kindMessage)
	m, ok := object.(*messageObject)
	if !ok {
		return nil, invalidHandle(op, name, uintptr(h), kindMessage)
	}
	return m, nil
}

// obe_message_new creates a message from the JSON text of length bytes (-1:
// NUL-terminated), which is copied, and stores its handle in *message. Free it with
// obe_message_free.
//
// Returns OBE_OK; OBE_E_JSON, with the byte offset in the error message;
// OBE_E_ARGUMENT; OBE_E_MEMORY.
//
//export obe_message_new
func obe_message_new(json inText, length C.int64_t, message outMessage) C.obe_status {
	const op = "message_new"
	return C.obe_status(withoutHandle(op, func() error {
		if err := checkPointer(op, "message", message); err != nil {
			return err
		}
		text, err := bytesArg(op, "json", json, length)
		if err != nil {
			return err
		}
		document, err := jsondoc.ParseCopy(text)
		if err != nil {
			return withOp(op, err)
		}
		message.put(newMessageHandle(document))
		return nil
	}))
}

// obe_command_new creates the message {"command": command} and stores its handle in
// *message. The obe_set functions add members. Free it with obe_message_free.
//
// Returns OBE_OK; OBE_E_JSON if command is not UTF-8; OBE_E_ARGUMENT; OBE_E_MEMORY.
//
//export obe_command_new
func obe_command_new(_command inText, message outMessage) C.obe_status {
	const op = "command_new"
	return C.obe_status(withoutHandle(op, func() error {
		if err := checkPointer(op, "message", message); err != nil {
			return err
		}
		name, err := stringArg(op, "command", _command)
		if err != nil {
			return err
		}
		d, err := command.New(name)
		if err != nil {
			return withOp(op, err)
		}
		message.put(newMessageHandle(d))
		return nil
	}))
}

// obe_message_free frees a message. Freeing NULL is a no-op. A request that was not
// answered is dropped; see obe_receive_message.
//
// Returns OBE_OK; OBE_E_HANDLE if message was already freed or is not a message.
//
//export obe_message_free
func obe_message_free(message C.obe_message) C.obe_status {
	return freeHandle("message_free", uintptr(message), kindMessage)
}

// obe_set_double sets the member key, or what the pointer key selects, to a number. It is
// written as a float with the fewest digits that read back as the same double: 25 is
// written as 25.0, and NaN and the infinities as NaN, Infinity and -Infinity.
//
// In this and the following functions, an existing member keeps its position and a new
// one is added at the end. A function that fails leaves the message unchanged. Returns
// OBE_OK; OBE_E_TYPE if a pointer leads into a value that is not an object or array, or
// if the message is not an object and key is not a pointer; OBE_E_NOT_FOUND if an array
// has no such index, or there is no array to append to; OBE_E_JSON if a text is not
// UTF-8, or the message would be nested too deep; OBE_E_ARGUMENT, also for a malformed
// pointer; OBE_E_MEMORY; OBE_E_HANDLE.
//
//export obe_set_double
func obe_set_double(message C.obe_message, key inText, value C.double) C.obe_status {
	const op = "set_double"
	return withMessage(op, message, func(m *messageObject) error {
		k, err := stringArg(op, "key", key)
		if err != nil {
			return err
		}
		return withOp(op, m.SetDouble(k, float64(value)))
	})
}

// obe_set_int sets the member key to an integer.
//
//export obe_set_int
func obe_set_int(message C.obe_message, key inText, value C.int64_t) C.obe_status {
	const op = "set_int"
	return withMessage(op, message, func(m *messageObject) error {
		k, err := stringArg(op, "key", key)
		if err != nil {
			return err
		}
		return withOp(op, m.SetInt(k, int64(value)))
	})
}

// obe_set_bool sets the member key to true, or to false if value is 0.
//
//export obe_set_bool
func obe_set_bool(message C.obe_message, key inText, value C.int32_t) C.obe_status {
	const op = "set_bool"
	return withMessage(op, message, func(m *messageObject) error {
		k, err := stringArg(op, "key", key)
		if err != nil {
			return err
		}
		return withOp(op, m.SetBool(k, value != 0))
	})
}

// obe_set_null sets the member key to null.
//
//export obe_set_null
func obe_set_null(message C.obe_message, key inText) C.obe_status {
	const op = "set_null"
	return withMessage(op, message, func(m *messageObject) error {
		k, err := stringArg(op, "key", key)
		if err != nil {
			return err
		}
		return withOp(op, m.SetNull(k))
	})
}

// obe_set_string sets the member key to a text of length bytes of UTF-8 (-1:
// NUL-terminated).
//
//export obe_set_string
func obe_set_string(message C.obe_message, key, text inText, length C.int64_t) C.obe_status {
	const op = "set_string"
	return withMessage(op, message, func(m *messageObject) error {
		k, value, err := keyAndBytes(op, key, "text", text, length)
		if err != nil {
			return err
		}
		return withOp(op, m.SetString(k, memory.String(value)))
	})
}

// obe_set_doubles sets the member key to an array of count numbers, each written as in
// obe_set_double. A large array is formatted on several CPU cores.
//
//export obe_set_doubles
func obe_set_doubles(message C.obe_message, key inText, values inDoubles, count C.int64_t) C.obe_status {
	const op = "set_doubles"
	return withMessage(op, message, func(m *messageObject) error {
		k, err := stringArg(op, "key", key)
		if err != nil {
			return err
		}
		v, err := doublesArg(op, "values", values, "count", count)
		if err != nil {
			return err
		}
		return withOp(op, m.SetDoubles(k, v))
	})
}

// obe_set_matrix sets the member key to an array of rows arrays of cols numbers each.
// values contains them row by row.
//
//export obe_set_matrix
func obe_set_matrix(message C.obe_message, key inText, values inDoubles, rows, cols C.int64_t) C.obe_status {
	const op = "set_matrix"
	return withMessage(op, message, func(m *messageObject) error {
		k, err := stringArg(op, "key", key)
		if err != nil {
			return err
		}
		v, err := matrixArg(op, values, rows, cols)
		if err != nil {
			return err
		}
		return withOp(op, m.SetMatrix(k, v, int(rows), int(cols)))
	})
}

// obe_set_json sets the member key to the JSON text of length bytes (-1:
// NUL-terminated), byte for byte.
//
//export obe_set_json
func obe_set_json(message C.obe_message, key, json inText, length C.int64_t) C.obe_status {
	const op = "set_json"
	return withMessage(op, message, func(m *messageObject) error {
		k, value, err := keyAndBytes(op, key, "json", json, length)
		if err != nil {
			return err
		}
		return withOp(op, m.SetJSON(k, value))
	})
}

// keyAndBytes converts the arguments of a function that sets a member to a text.
func keyAndBytes(op string, key inText, name string, text inText, length C.int64_t) (k string, value []byte, err error) {
	if k, err = stringArg(op, "key", key); err == nil {
		value, err = bytesArg(op, name, text, length)
	}
	return
}
