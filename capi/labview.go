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

// lvSession is what a LabVIEW handle refers to.
type lvSession struct {
	*session.Session
	failure handleEntry    // the last error on the handle
	owner   session.Handle // the node that created it; 0 without instance data
}

var lvSessions session.Table[*lvSession]

// lvCall runs the body of a function on a LabVIEW handle. results are its numeric outputs,
// which are 0 if it fails.
func lvCall(op string, handle C.int, body func(s *lvSession) error, results ...lvResult) C.int {
	lvZeroResults(results)
	if code := admit(); code != status.OK {
		return C.int(code)
	}
	s, ok := lvSessions.Find(session.Handle(handle))
	if !ok {
		return C.int(noHandle.record(lvInvalidHandle(op, handle)))
	}
	return C.int(runOn(&s.failure, op, s, func(s *lvSession) error {
		if err := lvCheckResults(op, results); err != nil {
			return err
		}
		return body(s)
	}))
}

func lvInvalidHandle(op string, handle C.int) error {
	return fmt.Errorf("%s: %w: %d was freed, or is not a handle", op, errInvalidHandle, handle)
}

// lvCallBlocking is lvCall for a function that may block. An abort of the node that
// instance belongs to ends the call. If instance is 0, there is no node.
func lvCallBlocking(op string, handle, timeout_ms C.int, instance lvSlot, body func(s *lvSession, limit time.Duration) error) C.int {
	return lvCall(op, handle, func(s *lvSession) error {
		return s.runAbortable(op, timeout_ms, instance, body)
	})
}

// lvCallReceiving is lvCallBlocking for a function that receives. It drops the current
// message before anything can fail, so that an old message is never mistaken for a reply.
func lvCallReceiving(op string, handle, timeout_ms C.int, instance lvSlot, body func(s *lvSession, limit time.Duration) error, results ...lvResult) C.int {
	lvZeroResults(results)
	return lvCall(op, handle, func(s *lvSession) error {
		s.ClearMessage()
		if err := lvCheckResults(op, results); err != nil {
			return err
		}
		return s.runAbortable(op, timeout_ms, instance, body)
	})
}

func (s *lvSession) runAbortable(op string, timeout_ms C.int, instance lvSlot, body func(s *lvSession, limit time.Duration) error) error {
	limit, err := timeoutArg(op, C.int64_t(timeout_ms))
	if err != nil {
		return err
	}
	if instance == 0 {
		return body(s, limit)
	}
	_, i, err := lvEnsureInstance(op, instance)
	if err != nil {
		return err
	}
	return i.Do(s.Cancel, func() error { return body(s, limit) })
}

// lvTextArg returns the caller's text. NULL is an empty text, as LabVIEW passes an empty
// string.
func lvTextArg(op, name string, p inText) ([]byte, error) {
	if p == 0 {
		return nil, nil
	}
	return bytesArg(op, name, p, -1)
}

// lvResult is a numeric output: its name in the header, and its address, which may be 0.
type lvResult struct {
	name    string
	address outInt
}

func lvZeroResults(results []lvResult) {
	for _, r := range results {
		if usable(r.address) {
			r.address.put(0)
		}
	}
}

func lvCheckResults(op string, results []lvResult) error {
	for _, r := range results {
		if r.address == 0 {
			continue
		}
		if err := checkPointer(op, r.name, r.address); err != nil {
			return err
		}
	}
	return nil
}

// lvPutInt stores n at address, unless that is 0. name is the output's name in the header.
func lvPutInt(op, name string, address outInt, n int) error {
	if n > math.MaxInt32 {
		return fmt.Errorf("%s: %w: %s is %d, and the largest number in LabVIEW is %d", op, wire.ErrTooLarge, name, n, math.MaxInt32)
	}
	if address != 0 {
		address.put(int32(n))
	}
	return nil
}

// lvPutText stores the size of a text, including its NUL, and copies the text if it fits. A
// capacity of 0 queries the size. name is the buffer's name in the header.
func lvPutText(op, name string, text []byte, buffer lvBuffer, capacity C.int, size outInt) error {
	dst, err := lvTextBuffer(op, name, buffer, capacity)
	if err != nil {
		return err
	}
	need := len(text) + 1
	if err := lvPutInt(op, name+"_size", size, need); err != nil {
		return err
	}
	switch {
	case len(dst) == 0:
		return nil
	case need > len(dst):
		return fmt.Errorf("%s: %w: %s needs %d bytes, including its NUL, and %s_cap is %d",
			op, socket.ErrBuffer, name, need, name, capacity)
	}
	copy(dst, text)
	dst[len(text)] = 0
	return nil
}

// lvTextBuffer returns the caller's buffer as a slice.
func lvTextBuffer(op, name string, buffer lvBuffer, capacity C.int) ([]byte, error) {
	if err := lvCheckCapacity(op, name, buffer == 0, capacity); err != nil {
		return nil, err
	}
	return outBuffer(op, name, outText(buffer), C.int64_t(capacity))
}

// lvOutArray returns the caller's output array as a slice.
func lvOutArray(op, name string, values lvArray, capacity C.int) ([]float64, error) {
	if err := lvCheckCapacity(op, name, values == 0, capacity); err != nil {
		return nil, err
	}
	return outArray(op, name, outDoubles(values), C.int64_t(capacity))
}

func lvCheckCapacity(op, name string, isNull bool, capacity C.int) error {
	switch {
	case capacity < 0:
		return argError(op, name+"_cap", "is negative")
	case isNull && capacity > 0:
		return argError(op, name, fmt.Sprintf("is NULL, and %s_cap is %d", name, capacity))
	}
	return nil
}

// lvPutDoubles stores the list of numbers that read returns, and their count.
func lvPutDoubles(op, name string, values lvArray, capacity C.int, count outInt, read func(dst []float64) (int, error)) error {
	dst, err := lvOutArray(op, name, values, capacity)
	if err != nil {
		return err
	}
	n, err := read(dst)
	if size := (*jsondoc.SizeError)(nil); errors.As(err, &size) {
		n, err = size.Rows, lvUnlessSizeQuery(err, capacity)
	} else if err != nil {
		return err
	}
	return errors.Join(lvPutInt(op, name+"_count", count, n), err)
}

// lvPutMatrix stores the rows of numbers that read returns, and how many rows and columns
// they have.
func lvPutMatrix(op, name string, values lvArray, capacity C.int, rows, cols outInt, read func(dst []float64) (int, int, error)) error {
	dst, err := lvOutArray(op, name, values, capacity)
	if err != nil {
		return err
	}
	r, c, err := read(dst)
	if size := (*jsondoc.SizeError)(nil); errors.As(err, &size) {
		r, c, err = size.Rows, size.Cols, lvUnlessSizeQuery(err, capacity)
	} else if err != nil {
		return err
	}
	return errors.Join(lvPutInt(op, "rows", rows, r), lvPutInt(op, "cols", cols, c), err)
}

// lvUnlessSizeQuery returns err, the error of an array that is too small, unless the
// capacity is 0: then the caller queries the size, which is not an error.
func lvUnlessSizeQuery(err error, capacity C.int) error {
	if capacity == 0 {
		return nil
	}
	return err
}

// lvDoublesArg returns the caller's input array as a slice.
func lvDoublesArg(op, name string, values lvArray, count C.int) ([]float64, error) {
	return doublesArg(op, name, inDoubles(values), name+"_count", C.int64_t(count))
}
