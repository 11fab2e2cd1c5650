package main

// #include "capi.h"
import "C"

import (
	"time"

	"libobe/internal/jsondoc"
)

//obe:labview 3 Build a command
//
// obe_lv_command_new begins a command, the functions that follow set its members, and
// obe_lv_tcmd_message or obe_lv_send_message sends it. The handle holds it until the next
// obe_lv_command_new, so that it can be changed and sent again. Setting an existing member
// replaces its value and keeps its position.
//
// A key that begins with "/" is a JSON pointer, as for the functions that read the reply:
// "/scan/from" is the member from of the member scan. Missing objects are created. In an
// array, the index that is the count of elements, or "-", appends one.

// obe_lv_command_new begins a command with a name. If the name is empty, it begins an
// object without a command, such as a server's reply.
//
//export obe_lv_command_new
func obe_lv_command_new(handle C.int, command inText) C.int {
	const op = "command_new"
	return lvCall(op, handle, func(s *lvSession) error {
		name, err := lvTextArg(op, "command", command)
		if err != nil {
			return err
		}
		return s.BeginCommand(op, name)
	})
}

// lvSetMember runs the body of a function that sets a member.
func lvSetMember(op string, handle C.int, key inText, set func(d *jsondoc.Document, key string) error) C.int {
	return lvCall(op, handle, func(s *lvSession) error {
		k, err := lvTextArg(op, "key", key)
		if err != nil {
			return err
		}
		return s.SetMember(op, k, set)
	})
}

// obe_lv_set_double sets the member key to a number. 25 is written as 25.0, which a server
// can distinguish from the integer 25.
//
//export obe_lv_set_double
func obe_lv_set_double(handle C.int, key inText, value C.double) C.int {
	return lvSetMember("set_double", handle, key, func(d *jsondoc.Document, k string) error { return d.SetDouble(k, float64(value)) })
}

// obe_lv_set_int sets the member key to an integer.
//
//export obe_lv_set_int
func obe_lv_set_int(handle C.int, key inText, value C.int) C.int {
	return lvSetMember("set_int", handle, key, func(d *jsondoc.Document, k string) error { return d.SetInt(k, int64(value)) })
}

// obe_lv_set_bool sets the member key to true, or to false if value is 0.
//
//export obe_lv_set_bool
func obe_lv_set_bool(handle C.int, key inText, value C.int) C.int {
	return lvSetMember("set_bool", handle, key, func(d *jsondoc.Document, k string) error { return d.SetBool(k, value != 0) })
}

// obe_lv_set_null sets the member key to null.
//
//export obe_lv_set_null
func obe_lv_set_null(handle C.int, key inText) C.int {
	return lvSetMember("set_null", handle, key, func(d *jsondoc.Document, k string) error { return d.SetNull(k) })
}

// lvSetText runs the body of a function that sets a member to a text, whose parameter is
// called name.
func lvSetText(op string, handle C.int, key inText, name string, text inText, set func(s *lvSession, op string, key, text []byte) error) C.int {
	return lvCall(op, handle, func(s *lvSession) error {
		k, err := lvTextArg(op, "key", key)
		if err != nil {
			return err
		}
		t, err := lvTextArg(op, name, text)
		if err != nil {
			return err
		}
		return set(s, op, k, t)
	})
}

// obe_lv_set_string sets the member key to a text.
//
//export obe_lv_set_string
func obe_lv_set_string(handle C.int, key, text inText) C.int {
	return lvSetText("set_string", handle, key, "text", text, func(s *lvSession, op string, k, t []byte) error { return s.SetString(op, k, t) })
}

// obe_lv_set_doubles sets the member key to an array of numbers.
//
//export obe_lv_set_doubles
func obe_lv_set_doubles(handle C.int, key inText, values lvArray, values_count C.int) C.int {
	const op = "set_doubles"
	return lvSetMember(op, handle, key, func(d *jsondoc.Document, k string) error {
		v, err := lvDoublesArg(op, "values", values, values_count)
		if err != nil {
			return err
		}
		return d.SetDoubles(k, v)
	})
}

// obe_lv_set_matrix sets the member key to an array of rows, each an array of cols
// numbers. values is a 2-D array.
//
//export obe_lv_set_matrix
func obe_lv_set_matrix(handle C.int, key inText, values lvArray, rows, cols C.int) C.int {
	const op = "set_matrix"
	return lvSetMember(op, handle, key, func(d *jsondoc.Document, k string) error {
		v, err := matrixArg(op, inDoubles(values), C.int64_t(rows), C.int64_t(cols))
		if err != nil {
			return err
		}
		return d.SetMatrix(k, v, int(rows), int(cols))
	})
}

// obe_lv_set_json sets the member key to a JSON text, which is not reformatted.
//
//export obe_lv_set_json
func obe_lv_set_json(handle C.int, key, json inText) C.int {
	return lvSetText("set_json", handle, key, "json", json, func(s *lvSession, op string, k, t []byte) error { return s.SetJSON(op, k, t) })
}

// obe_lv_tcmd_message is obe_lv_tcmd with the command that was built.
//
//export obe_lv_tcmd_message
func obe_lv_tcmd_message(handle C.int, reply_size outInt, timeout_ms C.int) C.int {
	return obe_lv_tcmd_message_i(handle, reply_size, timeout_ms, 0)
}

// obe_lv_tcmd_message_i is obe_lv_tcmd_message. The node's Abort callback ends it.
//
//export obe_lv_tcmd_message_i
func obe_lv_tcmd_message_i(handle C.int, reply_size outInt, timeout_ms C.int, instance lvSlot) C.int {
	const op = "tcmd_message"
	return lvCallReceiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		n, err := s.TcmdMessage(op, limit)
		if err != nil {
			return err
		}
		return lvPutInt(op, "reply_size", reply_size, n+1)
	}, lvResult{"reply_size", reply_size})
}

// obe_lv_send_message is obe_lv_send with the command that was built.
//
//export obe_lv_send_message
func obe_lv_send_message(handle, timeout_ms C.int) C.int {
	return obe_lv_send_message_i(handle, timeout_ms, 0)
}

// obe_lv_send_message_i is obe_lv_send_message. The node's Abort callback ends it.
//
//export obe_lv_send_message_i
func obe_lv_send_message_i(handle, timeout_ms C.int, instance lvSlot) C.int {
	const op = "send_message"
	return lvCallBlocking(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		return s.SendMessage(op, limit)
	})
}
