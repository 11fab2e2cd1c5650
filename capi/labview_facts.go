package main

// #include "labview.h"
import "C"

import (
	"unsafe"

	"libobe/capi/status"
	"libobe/internal/session"
)

//obe:labview 6 Facts

// obe_lv_error_text copies the general sentence for a status to text; for the
// particular one see obe_lv_last_error. See "Texts" above for text_cap and
// text_size.
//
//export obe_lv_error_text
func obe_lv_error_text(code C.int, text *C.obe_text, text_cap C.int, text_size *C.int) C.int {
	reset(text_size)
	const op = "error_text"
	return C.int(protect(op, func(**entry) error {
		said := "Not a status of this library."
		if s, ok := status.Find(status.Code(code)); ok {
			said = s.Name + ": " + s.Text
		}
		return putText(op, "text", []byte(said), text, text_cap, text_size)
	}))
}

// obe_lv_last_error copies the sentence of the last failure on the handle to
// text, for instance "tcmd 127.0.0.1:61981: connect: connection refused". Handle 0
// has the last failure that had no handle, such as that of obe_lv_client, or of a
// handle that was closed. It is empty if there was none; a success does not clear
// it. See "Texts" above for text_cap and text_size.
//
//export obe_lv_last_error
func obe_lv_last_error(handle C.int, text *C.obe_text, text_cap C.int, text_size *C.int) C.int {
	reset(text_size)
	const op = "last_error"
	return lastFailure(op, handle, func(said []byte) error { return putText(op, "text", said, text, text_cap, text_size) })
}

// lastFailure gives body the sentence of the last failure on a handle. A failure
// of its own does not take the place of that.
func lastFailure(op string, handle C.int, body func(said []byte) error) C.int {
	return C.int(protect(op, func(owner **entry) error {
		*owner = &entry{}
		if handle == 0 {
			return body([]byte(unowned.said()))
		}
		s, ok := sessions.Find(session.Handle(handle))
		if !ok {
			return errHandle
		}
		return body(s.EncodeLoosely(s.failure.said()))
	}))
}

// obe_lv_version gives the version of the library, such as 1, 4 and 2 for 1.4.2.
//
//export obe_lv_version
func obe_lv_version(major, minor, patch *C.int) C.int {
	return C.int(protect("version", func(**entry) error {
		for i, p := range []*C.int{major, minor, patch} {
			if p != nil {
				*p = [...]C.int{versionMajor, versionMinor, versionPatch}[i]
			}
		}
		return nil
	}))
}

// obe_lv_pointer_size gives 4 or 8, for the 32-bit and the 64-bit library.
//
//export obe_lv_pointer_size
func obe_lv_pointer_size(size *C.int) C.int {
	const op = "pointer_size"
	return C.int(protect(op, func(**entry) error { return put(op, "size", size, int(unsafe.Sizeof(uintptr(0)))) }))
}
