package main

// #include "capi.h"
import "C"

import (
	"fmt"

	"libobe/internal/excerpt"
)

//obe:group 7 Options and counters

// obe_set_option sets an option by its name. The list of options is at the end of obe.h
// and in libobe(7). value is a text: a whole number, 1 or 0 for on and off, or what the
// list describes.
//
// It applies to calls and connections that start later.
//
// Returns OBE_OK; OBE_E_ARGUMENT for an unknown name or an invalid value, such as a file
// that cannot be read; OBE_E_STATE for an option of TLS or allow, after the socket was
// first used; OBE_E_PERMISSION or OBE_E_IO for a trace file that cannot be opened, and
// the previous one stays; OBE_E_HANDLE.
//
//export obe_set_option
func obe_set_option(socket C.obe_socket, name, value inText) C.obe_status {
	const op = "set_option"
	return withSocket(op, socket, func(s anySocket) error {
		n, err := stringArg(op, "name", name)
		if err != nil {
			return err
		}
		v, err := stringArg(op, "value", value)
		if err != nil {
			return err
		}
		return withOp(op, s.SetOption(n, v))
	})
}

// obe_get_option copies the value of an option or of a read-only property into buffer, as
// text, and stores its length in *length. See obe_get_string for buffer and capacity.
//
// Returns OBE_OK; OBE_E_BUFFER, with the needed size in *length; OBE_E_ARGUMENT;
// OBE_E_HANDLE.
//
//export obe_get_option
func obe_get_option(socket C.obe_socket, name inText, buffer outText, capacity C.int64_t, length outInt64) C.obe_status {
	const op = "get_option"
	return withSocket(op, socket, func(s anySocket) error {
		n, err := stringArg(op, "name", name)
		if err != nil {
			return err
		}
		if err := checkPointer(op, "length", length); err != nil {
			return err
		}
		dst, err := outBuffer(op, "buffer", buffer, capacity)
		if err != nil {
			return err
		}
		v, err := s.Option(n)
		if err != nil {
			return withOp(op, err)
		}
		return withOp(op, putString(v, dst, length))
	})
}

// obe_get_stat stores a counter of the handle in *value. The list of counters is at the
// end of obe.h and in libobe(7). For a counter of the process, socket may be NULL.
//
// Returns OBE_OK; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_get_stat
func obe_get_stat(socket C.obe_socket, name inText, value outInt64) C.obe_status {
	const op = "get_stat"
	if socket == 0 {
		return C.obe_status(withoutHandle(op, func() error { return processStat(op, name, value) }))
	}
	return withSocket(op, socket, func(s anySocket) error {
		n, err := statArgs(op, name, value)
		if err != nil {
			return err
		}
		v, ok := handles.stat(n)
		if !ok {
			if v, err = s.Stat(n); err != nil {
				return withOp(op, err)
			}
		}
		value.put(v)
		return nil
	})
}

// processStat stores a counter of the process.
func processStat(op string, name inText, value outInt64) error {
	n, err := statArgs(op, name, value)
	if err != nil {
		return err
	}
	v, ok := handles.stat(n)
	if !ok {
		return fmt.Errorf("%w, and the process has no counter %s", invalidHandle(op, "", 0, kindSocket), excerpt.Quote(n))
	}
	value.put(v)
	return nil
}

func statArgs(op string, name inText, value outInt64) (string, error) {
	n, err := stringArg(op, "name", name)
	if err != nil {
		return "", err
	}
	return n, checkPointer(op, "value", value)
}
