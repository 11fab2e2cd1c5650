package main

/*
#include <stdlib.h>
#include "capi.h"
#include "kept.h"
*/
import "C"

import (
	"fmt"
	"sync"
	"unsafe"

	"libobe/capi/status"
)

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
	return C.obe_status(on(op, uintptr(socket), kindSocket, func(s anySocket) error {
		n, err := word(op, "name", name)
		if err != nil {
			return err
		}
		v, err := word(op, "value", value)
		if err != nil {
			return err
		}
		return prefix(op, s.SetOption(n, v))
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
	return C.obe_status(on(op, uintptr(socket), kindSocket, func(s anySocket) error {
		n, err := word(op, "name", name)
		if err != nil {
			return err
		}
		if err := place(op, "length", length); err != nil {
			return err
		}
		dst, err := room(op, "buffer", buffer, capacity)
		if err != nil {
			return err
		}
		v, err := s.Option(n)
		if err != nil {
			return prefix(op, err)
		}
		return prefix(op, output(v, dst, length))
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
	return C.obe_status(on(op, uintptr(socket), kindSocket, func(s anySocket) error {
		n, err := word(op, "name", name)
		if err != nil {
			return err
		}
		if err := place(op, "value", value); err != nil {
			return err
		}
		v, err := s.Stat(n)
		if err != nil {
			return prefix(op, err)
		}
		value.put(v)
		return nil
	}))
}

// obe_last_error gives the sentence of the last failure on handle, for instance
// "tcmd 127.0.0.1:61981: connect: connection refused", and its length in
// *length. Handle 0 has the last failure that had no handle, such as that of
// obe_client_new, or of a handle that was freed. It is empty if there was none;
// a success does not clear it.
//
// buffer has room for capacity bytes. Of a sentence that does not fit, buffer holds
// as much as there is room for, in whole characters and with a NUL at its end; the
// return is OBE_E_BUFFER and *length the needed size. capacity 0 (buffer may then
// be NULL) asks for it. Where there is room, a NUL follows a sentence that fits.
// length may be NULL; then the NUL must fit too.
//
// The sentence belongs to the handle and not to the thread, so that a program
// whose calls run on changing threads can read it.
//
// Returns OBE_OK; OBE_E_BUFFER; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_last_error
func obe_last_error(handle anyHandle, buffer outText, capacity C.int64_t, length outInt64) C.obe_status {
	const op = "last_error"
	if forked() {
		return C.obe_status(status.Forked)
	}
	e := unowned
	if handle != 0 {
		if e = handles.any(uintptr(handle)); e == nil {
			return C.obe_status(status.Handle)
		}
	}
	// A failure of this very function must not replace the sentence asked for.
	said := e.said()
	return C.obe_status(protect(op, func(owner **entry) error {
		if length != 0 {
			if err := place(op, "length", length); err != nil {
				return err
			}
		}
		dst, err := room(op, "buffer", buffer, capacity)
		if err != nil {
			return err
		}
		*owner = &entry{}
		if length == 0 {
			return leadingText(said, dst, len(said)+1) // the NUL alone says where it ends
		}
		length.put(int64(len(said)))
		return leadingText(said, dst, len(said))
	}))
}

// obe_strerror returns a sentence for a status; never NULL. The text is the
// library's and stays valid.
//
//export obe_strerror
func obe_strerror(status C.obe_status) *C.obe_cchar {
	fixedOnce.Do(makeFixed)
	if text, ok := fixed[status]; ok {
		return text
	}
	return unknown
}

// obe_version returns the version of the library, such as "0.1.0". The text is
// the library's and stays valid. OBE_VERSION is that of the header.
//
//export obe_version
func obe_version() *C.obe_cchar {
	fixedOnce.Do(makeFixed)
	return versionText
}

// The texts that C gets to keep, made once and never freed.
var (
	fixedOnce            sync.Once
	fixed                map[C.obe_status]*C.obe_cchar
	unknown, versionText *C.obe_cchar
)

func makeFixed() {
	forever := func(i int, s string) *C.obe_cchar {
		C.capi_texts[i] = C.CString(s)
		return (*C.obe_cchar)(unsafe.Pointer(C.capi_texts[i]))
	}
	fixed = map[C.obe_status]*C.obe_cchar{}
	for i, s := range status.Table {
		fixed[C.obe_status(s.Code)] = forever(i, s.Text)
	}
	n := len(status.Table)
	unknown = forever(n, "Not a status of this library.")
	versionText = forever(n+1, fmt.Sprintf("%d.%d.%d", versionMajor, versionMinor, versionPatch))
}
