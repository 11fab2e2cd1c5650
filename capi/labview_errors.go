package main

// #include "capi.h"
import "C"

import (
	"sort"
	"unsafe"

	"libobe/capi/status"
	"libobe/internal/session"
)

//obe:labview 6 Errors and version

// obe_lv_strerror copies the general text of a status to text. obe_lv_last_error has the
// error message of a particular failure. See "Texts" above for text_cap and text_size.
//
//export obe_lv_strerror
func obe_lv_strerror(code C.int, text lvBuffer, text_cap C.int, text_size outInt) C.int {
	const op = "strerror"
	results := []lvResult{{"text_size", text_size}}
	lvZeroResults(results)
	return C.int(withoutNetwork(op, func() error {
		if err := lvCheckResults(op, results); err != nil {
			return err
		}
		message := status.Unknown
		if s, ok := status.Find(status.Code(code)); ok {
			message = s.Name + ": " + s.Text
		}
		return lvPutText(op, "text", []byte(message), text, text_cap, text_size)
	}))
}

// obe_lv_last_error copies the error message of the last failure on the handle to text,
// for instance "tcmd 127.0.0.1:61981: connect: connection refused". With handle 0 it
// copies that of the last failure without a valid handle, such as one of
// obe_lv_client_new or of a call on a freed handle. The text is empty if no call has
// failed. A call that succeeds does not clear it. See "Texts" above for text_cap and
// text_size. If the message does not fit, text contains as much of it as fits, with a
// NUL.
//
//export obe_lv_last_error
func obe_lv_last_error(handle C.int, text lvBuffer, text_cap C.int, text_size outInt) C.int {
	const op = "last_error"
	results := []lvResult{{"text_size", text_size}}
	lvZeroResults(results)
	return lvLastError(op, handle, func(message string, encode func(string) []byte) error {
		if err := lvCheckResults(op, results); err != nil {
			return err
		}
		encoded := encode(message)
		err := lvPutText(op, "text", encoded, text, text_cap, text_size)
		if dst, wrong := lvTextBuffer(op, "text", text, text_cap); wrong == nil && 0 < len(dst) && len(dst) <= len(encoded) {
			encodePrefix := func(n int) []byte { return encode(message[:truncatedLength(message, n)]) }
			n := sort.Search(len(message), func(n int) bool { return len(encodePrefix(n+1)) >= len(dst) })
			dst[copy(dst, encodePrefix(n))] = 0
		}
		return err
	})
}

// lvLastError calls body with the last error message on a handle, and with a function that
// converts it to the handle's code page. An error of this call does not replace that
// message.
func lvLastError(op string, handle C.int, body func(message string, encode func(string) []byte) error) C.int {
	if forked() {
		return C.int(status.Forked)
	}
	return C.int(runOn(&handleEntry{}, op, handle, func(handle C.int) error {
		if handle == 0 {
			return body(noHandle.lastError(), func(text string) []byte { return []byte(text) })
		}
		s, ok := lvSessions.Find(session.Handle(handle))
		if !ok {
			return errInvalidHandle
		}
		return body(s.failure.lastError(), s.EncodeLossy)
	}))
}

// obe_lv_version stores the version of the library, such as 1, 4 and 2 for 1.4.2, in
// *major, *minor and *patch.
//
//export obe_lv_version
func obe_lv_version(major, minor, patch outInt) C.int {
	const op = "version"
	return C.int(withoutNetwork(op, func() error {
		results := []lvResult{{"major", major}, {"minor", minor}, {"patch", patch}}
		if err := lvCheckResults(op, results); err != nil {
			return err
		}
		for i, n := range []int{versionMajor, versionMinor, versionPatch} {
			if err := lvPutInt(op, results[i].name, results[i].address, n); err != nil {
				return err
			}
		}
		return nil
	}))
}

// obe_lv_pointer_size stores 4 or 8, for the 32-bit or the 64-bit library, in *size.
//
//export obe_lv_pointer_size
func obe_lv_pointer_size(size outInt) C.int {
	const op = "pointer_size"
	return C.int(withoutNetwork(op, func() error {
		if err := lvCheckResults(op, []lvResult{{"size", size}}); err != nil {
			return err
		}
		return lvPutInt(op, "size", size, int(unsafe.Sizeof(uintptr(0))))
	}))
}
