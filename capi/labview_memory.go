package main

/*
#cgo linux LDFLAGS: -ldl
#include "capi.h"
#include "labview_memory.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"libobe/internal/jsondoc"
	"libobe/internal/memory"
	"libobe/internal/session"
	"libobe/internal/wire"
)

//obe:extra 2 LabVIEW's own memory
//
// The functions with an h at the end of their names put their result into a string
// or an array of LabVIEW itself, of whatever size it is: no room has to be made
// before. Configure the parameter as String Handle Pointer, or as an Array Handle
// Pointer of 8-byte doubles. After a failure it is untouched. Outside LabVIEW they
// return OBE_E_UNSUPPORTED, and OBE_E_MEMORY if LabVIEW has none left.

// toString puts a text into a string of LabVIEW.
func toString(op string, handle lvHandle, text []byte) error {
	if err := takes(op, "text", handle, len(text)); err != nil {
		return err
	}
	return withOp(op, memoryError(C.lv_put_string(C.uintptr_t(handle), unsafe.Pointer(unsafe.SliceData(text)), C.int32_t(len(text)))))
}

// takes reports what a handle of LabVIEW cannot take.
func takes(op, name string, handle lvHandle, sizes ...int) error {
	if err := checkPointer(op, name, handle); err != nil {
		return err
	}
	for _, n := range sizes {
		if n > math.MaxInt32 {
			return fmt.Errorf("%s: %w: LabVIEW counts to %d, and this is %d", op, wire.ErrTooLarge, math.MaxInt32, n)
		}
	}
	return nil
}

func memoryError(code C.int) error {
	switch code {
	case C.LV_OK:
		return nil
	case C.LV_OUTSIDE:
		return fmt.Errorf("%w, which has the memory asked for; the functions without an h at the end work everywhere", session.ErrOutside)
	}
	return fmt.Errorf("%w (its error %d)", session.ErrFull, int(code))
}

// obe_lv_get_text_h is obe_lv_get_text into a string of LabVIEW.
//
//export obe_lv_get_text_h
func obe_lv_get_text_h(handle C.int, text lvHandle) C.int {
	const op = "text_h"
	return onSession(op, handle, func(s *lvSession) error {
		message, err := s.Text()
		if err != nil {
			return err
		}
		return toString(op, text, message)
	})
}

// obe_lv_last_error_h is obe_lv_last_error into a string of LabVIEW.
//
//export obe_lv_last_error_h
func obe_lv_last_error_h(handle C.int, text lvHandle) C.int {
	const op = "last_error_h"
	return lastFailure(op, handle, func(said string, encode func(string) []byte) error { return toString(op, text, encode(said)) })
}

// obe_lv_get_string_h is obe_lv_get_string into a string of LabVIEW, which may hold
// NULs.
//
//export obe_lv_get_string_h
func obe_lv_get_string_h(handle C.int, pointer inText, text lvHandle) C.int {
	const op = "get_string_h"
	return onSession(op, handle, func(s *lvSession) error {
		found, err := stringAt(op, s, pointer)
		if err != nil {
			return err
		}
		return toString(op, text, found)
	})
}

// obe_lv_get_doubles_h is obe_lv_get_doubles into a 1-D array of LabVIEW.
//
//export obe_lv_get_doubles_h
func obe_lv_get_doubles_h(handle C.int, pointer inText, values lvHandle) C.int {
	const op = "get_doubles_h"
	return getField(op, handle, pointer, func(d *jsondoc.Document, p string) error {
		n, err := d.Count(p)
		if err == nil {
			err = takes(op, "values", values, n)
		}
		if err != nil {
			return err
		}
		numbers := memory.MustMake[float64](n, n)
		if _, err := d.Doubles(p, numbers); err != nil {
			return err
		}
		return memoryError(C.lv_put_list(C.uintptr_t(values), (*C.double)(unsafe.SliceData(numbers)), C.int32_t(n)))
	})
}

// obe_lv_get_matrix_h is obe_lv_get_matrix into a 2-D array of LabVIEW.
//
//export obe_lv_get_matrix_h
func obe_lv_get_matrix_h(handle C.int, pointer inText, values lvHandle) C.int {
	const op = "get_matrix_h"
	return getField(op, handle, pointer, func(d *jsondoc.Document, p string) error {
		rows, cols, err := d.Matrix(p, nil)
		var size *jsondoc.SizeError
		if err != nil && !errors.As(err, &size) {
			return err
		}
		if size != nil {
			rows, cols = size.Rows, size.Cols
		}
		if err := takes(op, "values", values, rows, cols); err != nil {
			return err
		}
		numbers := memory.MustMake[float64](rows*cols, rows*cols)
		if _, _, err := d.Matrix(p, numbers); err != nil {
			return err
		}
		return memoryError(C.lv_put_table(C.uintptr_t(values), (*C.double)(unsafe.SliceData(numbers)), C.int32_t(rows), C.int32_t(cols)))
	})
}
