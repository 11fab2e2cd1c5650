package main

// #include "capi.h"
import "C"

import "libobe/capi/status"

//obe:group 8 Errors and version

// obe_last_error copies the message of the last error on handle, a socket or a message,
// into buffer, for instance "tcmd 127.0.0.1:61981: connect: connection refused", and
// stores its length in *length. handle NULL is for the last error without a valid handle,
// such as one of obe_client_new, or of a freed handle. The message is empty if there was
// no error. A success does not clear it.
//
// buffer has room for capacity bytes. If the message does not fit, buffer gets as many
// whole characters of it as fit, followed by a NUL. The call then returns OBE_E_BUFFER
// and stores the needed size in *length. capacity 0 (buffer may then be NULL) queries the
// size. If there is room, a NUL follows a message that fits. length may be NULL; then the
// NUL has to fit too.
//
// The message belongs to the handle and not to the thread, so that a program whose calls
// run on changing threads can read it.
//
// Returns OBE_OK; OBE_E_BUFFER; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//obe:optional length
//obe:status ignorable
//export obe_last_error
func obe_last_error(handle anyHandle, buffer outText, capacity C.int64_t, length outInt64) C.obe_status {
	const op = "last_error"
	if forked() {
		return C.obe_status(status.Forked)
	}
	e := noHandle
	if handle != 0 {
		if e = handles.findAny(uintptr(handle)); e == nil {
			return C.obe_status(status.Handle)
		}
	}
	// The errors of this call go to a separate entry. On the handle they would replace the
	// message that it is to return.
	return C.obe_status(runOn(&handleEntry{}, op, e.lastError(), func(message string) error {
		dst, err := lastErrorArgs(op, buffer, capacity, length)
		if err != nil {
			noHandle.setError(err.Error())
			return err
		}
		if length == 0 {
			return putTruncated(message, dst, len(message)+1) // only a NUL shows where it ends
		}
		length.put(int64(len(message)))
		return putTruncated(message, dst, len(message))
	}))
}

func lastErrorArgs(op string, buffer outText, capacity C.int64_t, length outInt64) ([]byte, error) {
	if length != 0 {
		if err := checkPointer(op, "length", length); err != nil {
			return nil, err
		}
	}
	return outBuffer(op, "buffer", buffer, capacity)
}

// obe_strerror returns the general text for a status, never NULL. The text belongs to the
// library and stays valid.
//
//export obe_strerror
func obe_strerror(status C.obe_status) *C.obe_cchar {
	staticTextsOnce.Do(initStaticTexts)
	if text, ok := statusTexts[status]; ok {
		return text
	}
	return unknownStatusText
}

// obe_version returns the version of the library, such as "0.1.0". The text belongs to
// the library and stays valid. OBE_VERSION is the version of the header.
//
//export obe_version
func obe_version() *C.obe_cchar {
	staticTextsOnce.Do(initStaticTexts)
	return versionText
}
