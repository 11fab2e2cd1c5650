package main

// #include "capi.h"
import "C"

//obe:group 9 Settings and facts

// obe_set_option sets an option by its name; the list of options is at the end
// of obe.h and in libobe(7). value is a text: a whole number, or 1 and 0 for on
// and off.
//
// It holds for calls and connections that begin later.
//
// Returns OBE_OK; OBE_E_ARGUMENT for an unknown name or a value that the option
// cannot have, such as a file that cannot be read; OBE_E_STATE for an option of
// TLS, or allow, once the socket was used; OBE_E_PERMISSION or OBE_E_IO for a trace
// that cannot be opened, and the one before stays; OBE_E_HANDLE.
//
//export obe_set_option
func obe_set_option(socket C.obe_socket, name, value inText) C.obe_status {
	const op = "set_option"
	return C.obe_status(withHandle(op, uintptr(socket), kindSocket, func(s anySocket) error {
		n, err := stringArg(op, "name", name)
		if err != nil {
			return err
		}
		v, err := stringArg(op, "value", value)
		if err != nil {
			return err
		}
		return withOp(op, s.SetOption(n, v))
	}))
}

// obe_get_option gives the value of an option, or a fact, as text in buffer, and
// its length in *length. See obe_receive for buffer and capacity.
//
// Returns OBE_OK; OBE_E_BUFFER with the needed size in *length; OBE_E_ARGUMENT;
// OBE_E_HANDLE.
//
//export obe_get_option
func obe_get_option(socket C.obe_socket, name inText, buffer outText, capacity C.int64_t, length outInt64) C.obe_status {
	const op = "get_option"
	return C.obe_status(withHandle(op, uintptr(socket), kindSocket, func(s anySocket) error {
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
	}))
}

// obe_get_stat gives one of the handle's counters in *value, by its name; the list
// of counters is at the end of obe.h and in libobe(7).
//
// Returns OBE_OK; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_get_stat
func obe_get_stat(socket C.obe_socket, name inText, value outInt64) C.obe_status {
	const op = "get_stat"
	return C.obe_status(withHandle(op, uintptr(socket), kindSocket, func(s anySocket) error {
		n, err := stringArg(op, "name", name)
		if err != nil {
			return err
		}
		if err := checkPointer(op, "value", value); err != nil {
			return err
		}
		v, err := s.Stat(n)
		if err != nil {
			return withOp(op, err)
		}
		value.put(v)
		return nil
	}))
}
