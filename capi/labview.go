package main

// #include "capi.h"
import "C"

import (
	"errors"
	"fmt"
	"math"
	"time"

	"libobe/capi/status"
	"libobe/internal/jsondoc"
	"libobe/internal/session"
	"libobe/internal/socket"
	"libobe/internal/wire"
)

// lvSession is what a LabVIEW handle stands for.
type lvSession struct {
	*session.Session
	failure handleEntry    // of the last call on the handle
	owner   session.Handle // the node that opened it, 0 if that said nothing of itself
}

// sessions are the LabVIEW handles.
var sessions session.Table[*lvSession]

// onSession guards a function on a LabVIEW handle, with the numbers that it returns.
func onSession(op string, handle C.int, body func(s *lvSession) error, results ...result) C.int {
	reset(results)
	if code := admit(); code != status.OK {
		return C.int(code)
	}
	s, ok := sessions.Find(session.Handle(handle))
	if !ok {
		return C.int(noHandle.record(fmt.Errorf("%s: %w: %d was closed, or never was one", op, errInvalidHandle, handle)))
	}
	return C.int(runOn(&s.failure, op, s, func(s *lvSession) error {
		if err := refuse(op, results); err != nil {
			return err
		}
		return body(s)
	}))
}

// blocking is onSession for a function that may block. An abort of the node that
// instance belongs to ends it; 0 is a call without a node.
func blocking(op string, handle, timeout_ms C.int, instance lvSlot, body func(s *lvSession, limit time.Duration) error) C.int {
	return onSession(op, handle, func(s *lvSession) error {
		return s.within(op, timeout_ms, instance, body)
	})
}

// receiving is blocking for a function that receives: it gives up the kept message
// before anything can fail, so that nothing old is taken for an answer.
func receiving(op string, handle, timeout_ms C.int, instance lvSlot, body func(s *lvSession, limit time.Duration) error, results ...result) C.int {
	reset(results)
	return onSession(op, handle, func(s *lvSession) error {
		s.Forget()
		if err := refuse(op, results); err != nil {
			return err
		}
		return s.within(op, timeout_ms, instance, body)
	})
}

func (s *lvSession) within(op string, timeout_ms C.int, instance lvSlot, body func(s *lvSession, limit time.Duration) error) error {
	limit, err := timeoutArg(op, C.int64_t(timeout_ms))
	if err != nil {
		return err
	}
	if instance == 0 {
		return body(s, limit)
	}
	_, i, err := node(op, instance)
	if err != nil {
		return err
	}
	return i.Run(s.Cancel, func() error { return body(s, limit) })
}

// lvText returns a text of the caller's; NULL is an empty one, as a string of
// LabVIEW may be.
func lvText(op, name string, p inText) ([]byte, error) {
	if p == 0 {
		return nil, nil
	}
	return bytesArg(op, name, p, -1)
}

// result is the place for a number, which may be NULL, and its name in the header.
type result struct {
	name  string
	place outInt
}

// reset makes results 0, which is what they are if the call fails.
func reset(results []result) {
	for _, r := range results {
		if usable(r.place) {
			r.place.put(0)
		}
	}
}

// refuse reports a result that cannot be written.
func refuse(op string, results []result) error {
	for _, r := range results {
		if r.place == 0 {
			continue
		}
		if err := checkPointer(op, r.name, r.place); err != nil {
			return err
		}
	}
	return nil
}

// put gives a result; the place for it may be NULL.
func put(op, name string, result outInt, n int) error {
	if n > math.MaxInt32 {
		return fmt.Errorf("%s: %w: %s is %d, and LabVIEW counts to %d", op, wire.ErrTooLarge, name, n, math.MaxInt32)
	}
	if result != 0 {
		result.put(int32(n))
	}
	return nil
}

// putText gives a text, named in the header: its size with the NUL at its end, and
// all of it if there is room. No room at all is a question for the size.
func putText(op, name string, text []byte, buffer lvBuffer, capacity C.int, size outInt) error {
	dst, err := lvRoom(op, name, buffer, capacity)
	if err != nil {
		return err
	}
	need := len(text) + 1
	if err := put(op, name+"_size", size, need); err != nil {
		return err
	}
	switch {
	case len(dst) == 0:
		return nil
	case need > len(dst):
		return fmt.Errorf("%s: %w: %s needs %d bytes, the NUL at its end included, and %s_cap is %d",
			op, socket.ErrBuffer, name, need, name, capacity)
	}
	copy(dst, text)
	dst[len(text)] = 0
	return nil
}

// lvRoom returns the caller's buffer as a slice.
func lvRoom(op, name string, buffer lvBuffer, capacity C.int) ([]byte, error) {
	if err := lvCapacity(op, name, buffer == 0, capacity); err != nil {
		return nil, err
	}
	return outBuffer(op, name, outText(buffer), C.int64_t(capacity))
}

// lvNumberRoom returns the caller's output array as a slice.
func lvNumberRoom(op, name string, values lvArray, capacity C.int) ([]float64, error) {
	if err := lvCapacity(op, name, values == 0, capacity); err != nil {
		return nil, err
	}
	return outArray(op, name, outDoubles(values), C.int64_t(capacity))
}

func lvCapacity(op, name string, missing bool, capacity C.int) error {
	switch {
	case capacity < 0:
		return argError(op, name+"_cap", "is negative")
	case missing && capacity > 0:
		return argError(op, name, fmt.Sprintf("is NULL, and %s_cap is %d", name, capacity))
	}
	return nil
}

// putList gives the result of read, a list of numbers.
func putList(op, name string, values lvArray, capacity C.int, count outInt, read func(dst []float64) (int, error)) error {
	dst, err := lvNumberRoom(op, name, values, capacity)
	if err != nil {
		return err
	}
	n, err := read(dst)
	if size := (*jsondoc.SizeError)(nil); errors.As(err, &size) {
		n, err = size.Rows, asked(err, capacity)
	} else if err != nil {
		return err
	}
	return errors.Join(put(op, name+"_count", count, n), err)
}

// putTable gives the result of read, rows of numbers.
func putTable(op, name string, values lvArray, capacity C.int, rows, cols outInt, read func(dst []float64) (int, int, error)) error {
	dst, err := lvNumberRoom(op, name, values, capacity)
	if err != nil {
		return err
	}
	r, c, err := read(dst)
	if size := (*jsondoc.SizeError)(nil); errors.As(err, &size) {
		r, c, err = size.Rows, size.Cols, asked(err, capacity)
	} else if err != nil {
		return err
	}
	return errors.Join(put(op, "rows", rows, r), put(op, "cols", cols, c), err)
}

// asked is the failure of an array that does not fit: none if there was no room at
// all, which is a question for the size.
func asked(err error, capacity C.int) error {
	if capacity == 0 {
		return nil
	}
	return err
}

// lvNumbers returns the caller's input array as a slice.
func lvNumbers(op, name string, values lvArray, count C.int) ([]float64, error) {
	return doublesArg(op, name, inDoubles(values), name+"_count", C.int64_t(count))
}
