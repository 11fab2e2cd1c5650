package main

// #include "capi.h"
import "C"

import (
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/memory"
)

//obe:labview 3 Build a command
//
// obe_lv_command_new begins a command, the functions that follow set its fields, and
// obe_lv_tcmd_message or obe_lv_send_message sends it. It stays in the handle, so that
// it can be changed and sent again, until the next obe_lv_command_new. A field that
// exists keeps its place and gets the new value.

// obe_lv_command_new begins a command with a name. Without a name, which is an empty
// text, it begins an object without a command, such as a server's answer.
//
//export obe_lv_command_new
func obe_lv_command_new(handle C.int, command inText) C.int {
	const op = "command"
	return onSession(op, handle, func(s *lvSession) error {
		name, err := lvText(op, "command", command)
		if err != nil {
			return err
		}
		return s.Begin(name)
	})
}

// setField guards a function that sets a field.
func setField(op string, handle C.int, key inText, body func(d *jsondoc.Document, key string) error) C.int {
	return onSession(op, handle, func(s *lvSession) error {
		k, err := lvText(op, "key", key)
		if err != nil {
			return err
		}
		return s.Write(op, k, body)
	})
}

// obe_lv_set_double sets the field key to a number. 25 is written 25.0, which a
// server can tell from the integer 25.
//
//export obe_lv_set_double
func obe_lv_set_double(handle C.int, key inText, value C.double) C.int {
	return setField("set_double", handle, key, func(d *jsondoc.Document, k string) error { return d.SetDouble(k, float64(value)) })
}

// obe_lv_set_int sets the field key to an integer.
//
//export obe_lv_set_int
func obe_lv_set_int(handle C.int, key inText, value C.int) C.int {
	return setField("set_int", handle, key, func(d *jsondoc.Document, k string) error { return d.SetInt(k, int64(value)) })
}

// obe_lv_set_bool sets the field key to true, or to false if value is 0.
//
//export obe_lv_set_bool
func obe_lv_set_bool(handle C.int, key inText, value C.int) C.int {
	return setField("set_bool", handle, key, func(d *jsondoc.Document, k string) error { return d.SetBool(k, value != 0) })
}

// setText guards a function that sets a field to a text.
func setText(op string, handle C.int, key inText, name string, text inText, body func(d *jsondoc.Document, key string, text []byte) error) C.int {
	return onSession(op, handle, func(s *lvSession) error {
		k, err := lvText(op, "key", key)
		if err != nil {
			return err
		}
		t, err := lvText(op, name, text)
		if err != nil {
			return err
		}
		return s.WriteText(op, k, name, t, body)
	})
}

// obe_lv_set_string sets the field key to a text.
//
//export obe_lv_set_string
func obe_lv_set_string(handle C.int, key, text inText) C.int {
	return setText("set_string", handle, key, "text", text, func(d *jsondoc.Document, k string, t []byte) error { return d.SetString(k, memory.String(t)) })
}

// obe_lv_set_doubles sets the field key to an array of numbers.
//
//export obe_lv_set_doubles
func obe_lv_set_doubles(handle C.int, key inText, values lvArray, values_count C.int) C.int {
	const op = "set_doubles"
	return setField(op, handle, key, func(d *jsondoc.Document, k string) error {
		v, err := lvNumbers(op, "values", values, values_count)
		if err != nil {
			return err
		}
		return d.SetDoubles(k, v)
	})
}

// obe_lv_set_matrix sets the field key to an array of rows, each an array of cols
// numbers; values is a 2-D array.
//
//export obe_lv_set_matrix
func obe_lv_set_matrix(handle C.int, key inText, values lvArray, rows, cols C.int) C.int {
	const op = "set_matrix"
	return setField(op, handle, key, func(d *jsondoc.Document, k string) error {
		v, err := matrixArg(op, inDoubles(values), C.int64_t(rows), C.int64_t(cols))
		if err != nil {
			return err
		}
		return d.SetMatrix(k, v, int(rows), int(cols))
	})
}

// obe_lv_set_json sets the field key to a JSON text as it is.
//
//export obe_lv_set_json
func obe_lv_set_json(handle C.int, key, json inText) C.int {
	return setText("set_json", handle, key, "json", json, func(d *jsondoc.Document, k string, t []byte) error { return d.SetJSON(k, t) })
}

// obe_lv_tcmd_message is obe_lv_tcmd with the command that was built.
//
//export obe_lv_tcmd_message
func obe_lv_tcmd_message(handle C.int, reply_size outInt, timeout_ms C.int) C.int {
	return lvTcmdBuilt(handle, reply_size, timeout_ms, 0)
}

func lvTcmdBuilt(handle C.int, reply_size outInt, timeout_ms C.int, instance lvSlot) C.int {
	const op = "tcmd_built"
	return receiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		n, err := s.TcmdBuilt(limit)
		if err != nil {
			return err
		}
		return put(op, "reply_size", reply_size, n+1)
	}, result{"reply_size", reply_size})
}

// obe_lv_send_message is obe_lv_send with the command that was built.
//
//export obe_lv_send_message
func obe_lv_send_message(handle, timeout_ms C.int) C.int {
	return lvSendBuilt(handle, timeout_ms, 0)
}

func lvSendBuilt(handle, timeout_ms C.int, instance lvSlot) C.int {
	return blocking("send_built", handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		return s.SendBuilt(limit)
	})
}
