package main

// #include "capi.h"
import "C"

import (
	"sort"
	"unsafe"

	"libobe/capi/status"
	"libobe/internal/session"
)

//obe:labview 6 Facts

// obe_lv_strerror copies the general sentence for a status to text; for the
// particular one see obe_lv_last_error. See "Texts" above for text_cap and
// text_size.
//
//export obe_lv_strerror
func obe_lv_strerror(code C.int, text lvBuffer, text_cap C.int, text_size outInt) C.int {
	const op = "error_text"
	size := []result{{"text_size", text_size}}
	reset(size)
	return C.int(withoutNetwork(op, func() error {
		if err := refuse(op, size); err != nil {
			return err
		}
		said := status.Unknown
		if s, ok := status.Find(status.Code(code)); ok {
			said = s.Name + ": " + s.Text
		}
		return putText(op, "text", []byte(said), text, text_cap, text_size)
	}))
}

// obe_lv_last_error copies the sentence of the last failure on the handle to
// text, for instance "tcmd 127.0.0.1:61981: connect: connection refused". Handle 0
// has the last failure that had no handle, such as that of obe_lv_client_new, or of a
// handle that was closed. It is empty if there was none; a success does not clear
// it. See "Texts" above for text_cap and text_size; of a sentence that does not fit,
// text holds as much as there is room for, with a NUL at its end.
//
//export obe_lv_last_error
func obe_lv_last_error(handle C.int, text lvBuffer, text_cap C.int, text_size outInt) C.int {
	const op = "last_error"
	size := []result{{"text_size", text_size}}
	reset(size)
	return lastFailure(op, handle, func(said string, encode func(string) []byte) error {
		if err := refuse(op, size); err != nil {
			return err
		}
		encoded := encode(said)
		err := putText(op, "text", encoded, text, text_cap, text_size)
		if dst, wrong := lvRoom(op, "text", text, text_cap); wrong == nil && 0 < len(dst) && len(dst) <= len(encoded) {
			begin := func(n int) []byte { return encode(said[:truncatedLength(said, n)]) }
			n := sort.Search(len(said), func(n int) bool { return len(begin(n+1)) >= len(dst) })
			dst[copy(dst, begin(n))] = 0
		}
		return err
	})
}

// lastFailure gives body the sentence of the last failure on a handle, and what puts
// it into the handle's code page. A failure of this call does not replace that one.
func lastFailure(op string, handle C.int, body func(said string, encode func(string) []byte) error) C.int {
	if forked() {
		return C.int(status.Forked)
	}
	return C.int(runOn(&handleEntry{}, op, handle, func(handle C.int) error {
		if handle == 0 {
			return body(noHandle.lastError(), func(text string) []byte { return []byte(text) })
		}
		s, ok := sessions.Find(session.Handle(handle))
		if !ok {
			return errInvalidHandle
		}
		return body(s.failure.lastError(), s.EncodeLoosely)
	}))
}

// obe_lv_version gives the version of the library, such as 1, 4 and 2 for 1.4.2.
//
//export obe_lv_version
func obe_lv_version(major, minor, patch outInt) C.int {
	const op = "version"
	return C.int(withoutNetwork(op, func() error {
		parts := []result{{"major", major}, {"minor", minor}, {"patch", patch}}
		if err := refuse(op, parts); err != nil {
			return err
		}
		for i, n := range []int{versionMajor, versionMinor, versionPatch} {
			if err := put(op, parts[i].name, parts[i].place, n); err != nil {
				return err
			}
		}
		return nil
	}))
}

// obe_lv_pointer_size gives 4 or 8, for the 32-bit and the 64-bit library.
//
//export obe_lv_pointer_size
func obe_lv_pointer_size(size outInt) C.int {
	const op = "pointer_size"
	return C.int(withoutNetwork(op, func() error {
		if err := refuse(op, []result{{"size", size}}); err != nil {
			return err
		}
		return put(op, "size", size, int(unsafe.Sizeof(uintptr(0))))
	}))
}
