package main

// #include "capi.h"
import "C"

import "libobe/capi/status"

//obe:group 10 Errors and version

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
	e := noHandle
	if handle != 0 {
		if e = handles.findAny(uintptr(handle)); e == nil {
			return C.obe_status(status.Handle)
		}
	}
	text := e.lastError()
	// The errors of this call are not kept on the handle, where they would replace the
	// message that it is to return.
	return C.obe_status(runOn(&handleEntry{}, op, text, func(text string) error {
		dst, err := outBuffer(op, "buffer", buffer, capacity)
		if err == nil && length != 0 {
			err = checkPointer(op, "length", length)
		}
		if err != nil {
			noHandle.setError(err.Error())
			return err
		}
		if length == 0 {
			return putTruncated(text, dst, len(text)+1) // only the NUL shows where the text ends
		}
		length.put(int64(len(text)))
		return putTruncated(text, dst, len(text))
	}))
}

// obe_strerror returns a sentence for a status; never NULL. The text is the
// library's and stays valid.
//
//export obe_strerror
func obe_strerror(status C.obe_status) *C.obe_cchar {
	staticTextsOnce.Do(initStaticTexts)
	if text, ok := statusTexts[status]; ok {
		return text
	}
	return unknownStatusText
}

// obe_version returns the version of the library, such as "0.1.0". The text is
// the library's and stays valid. OBE_VERSION is that of the header.
//
//export obe_version
func obe_version() *C.obe_cchar {
	staticTextsOnce.Do(initStaticTexts)
	return versionText
}
