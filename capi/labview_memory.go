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
	"libobe/internal/transport"
	"libobe/internal/wire"
)

//obe:extra 2 LabVIEW's own memory
//
// The functions whose names end with _h store their result in a LabVIEW string or array,
// which they resize, so that the diagram does not have to allocate it in advance.
// Configure the parameter as String Handle Pointer, or as an Array Handle Pointer of
// 8-byte doubles. After a failure the string or array is unchanged. In a program other
// than LabVIEW they return OBE_E_UNSUPPORTED, and also where the process has several
// run-time engines of LabVIEW and the string or array does not show to which one it belongs.
// If LabVIEW is out of memory, they return OBE_E_MEMORY.

// lvPutString stores a text in a LabVIEW string.
func lvPutString(op string, handle lvHandle, text []byte) error {
	if err := lvCheckMemory(op, "text", handle, len(text)); err != nil {
		return err
	}
	return withOp(op, lvMemoryError(C.lv_put_string(C.uintptr_t(handle), unsafe.Pointer(unsafe.SliceData(text)), C.int32_t(len(text)))))
}

// lvCheckMemory checks the address of a LabVIEW handle, and that LabVIEW can count the
// elements in each dimension.
func lvCheckMemory(op, name string, handle lvHandle, dimensions ...int) error {
	if err := checkPointer(op, name, handle); err != nil {
		return err
	}
	for _, n := range dimensions {
		if n > math.MaxInt32 {
			return fmt.Errorf("%s: %w: %s has %d elements, and the largest number in LabVIEW is %d", op, wire.ErrTooLarge, name, n, math.MaxInt32)
		}
	}
	return nil
}

func lvMemoryError(code C.int) error {
	switch code {
	case C.LV_OK:
		return nil
	case C.LV_NOT_LABVIEW:
		return fmt.Errorf("%w: this program is not LabVIEW; use the function without _h", transport.ErrUnsupported)
	case C.LV_SEVERAL:
		return fmt.Errorf("%w: this process has several run-time engines of LabVIEW, and it is unclear to which one the string or array belongs, in particular if it is empty; use the function without _h", transport.ErrUnsupported)
	}
	return fmt.Errorf("%w: LabVIEW has no memory left (its error %d)", memory.ErrMemory, int(code))
}

// obe_lv_get_text_h is obe_lv_get_text with a LabVIEW string.
//
//export obe_lv_get_text_h
func obe_lv_get_text_h(handle C.int, text lvHandle) C.int {
	const op = "get_text_h"
	return lvCall(op, handle, func(s *lvSession) error {
		message, err := s.Text(op)
		if err != nil {
			return err
		}
		return lvPutString(op, text, message)
	})
}

// obe_lv_last_error_h is obe_lv_last_error with a LabVIEW string.
//
//export obe_lv_last_error_h
func obe_lv_last_error_h(handle C.int, text lvHandle) C.int {
	const op = "last_error_h"
	return lvLastError(op, handle, func(message string, encode func(string) []byte) error {
		return lvPutString(op, text, encode(message))
	})
}

// obe_lv_get_string_h is obe_lv_get_string with a LabVIEW string, which may contain NULs.
//
//export obe_lv_get_string_h
func obe_lv_get_string_h(handle C.int, pointer inText, text lvHandle) C.int {
	const op = "get_string_h"
	return lvCall(op, handle, func(s *lvSession) error {
		found, err := s.stringAt(op, pointer)
		if err != nil {
			return err
		}
		return lvPutString(op, text, found)
	})
}

// obe_lv_get_json_h is obe_lv_get_json with a LabVIEW string.
//
//export obe_lv_get_json_h
func obe_lv_get_json_h(handle C.int, pointer inText, text lvHandle) C.int {
	const op = "get_json_h"
	return lvCall(op, handle, func(s *lvSession) error {
		found, err := s.jsonAt(op, pointer)
		if err != nil {
			return err
		}
		return lvPutString(op, text, found)
	})
}

// obe_lv_get_key_h is obe_lv_get_key with a LabVIEW string.
//
//export obe_lv_get_key_h
func obe_lv_get_key_h(handle C.int, pointer inText, index C.int, text lvHandle) C.int {
	const op = "get_key_h"
	return lvCall(op, handle, func(s *lvSession) error {
		found, err := s.keyAt(op, pointer, index)
		if err != nil {
			return err
		}
		return lvPutString(op, text, found)
	})
}

// obe_lv_get_doubles_h is obe_lv_get_doubles with a 1-D LabVIEW array.
//
//export obe_lv_get_doubles_h
func obe_lv_get_doubles_h(handle C.int, pointer inText, values lvHandle) C.int {
	const op = "get_doubles_h"
	return lvReadValue(op, handle, pointer, func(d *jsondoc.Document, p string) error {
		n, err := d.Count(p)
		if err == nil {
			err = lvCheckMemory(op, "values", values, n)
		}
		if err != nil {
			return err
		}
		numbers := memory.MustMake[float64](n, n)
		if _, err := d.Doubles(p, numbers); err != nil {
			return err
		}
		return lvMemoryError(C.lv_put_doubles(C.uintptr_t(values), (*C.double)(unsafe.SliceData(numbers)), C.int32_t(n)))
	})
}

// obe_lv_get_matrix_h is obe_lv_get_matrix with a 2-D LabVIEW array.
//
//export obe_lv_get_matrix_h
func obe_lv_get_matrix_h(handle C.int, pointer inText, values lvHandle) C.int {
	const op = "get_matrix_h"
	return lvReadValue(op, handle, pointer, func(d *jsondoc.Document, p string) error {
		rows, cols, err := d.Matrix(p, nil)
		var size *jsondoc.SizeError
		if err != nil && !errors.As(err, &size) {
			return err
		}
		if size != nil {
			rows, cols = size.Rows, size.Cols
		}
		if err := lvCheckMemory(op, "values", values, rows, cols); err != nil {
			return err
		}
		numbers := memory.MustMake[float64](rows*cols, rows*cols)
		if _, _, err := d.Matrix(p, numbers); err != nil {
			return err
		}
		return lvMemoryError(C.lv_put_matrix(C.uintptr_t(values), (*C.double)(unsafe.SliceData(numbers)), C.int32_t(rows), C.int32_t(cols)))
	})
}
