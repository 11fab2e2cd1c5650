package main

// #include "capi.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"libobe/capi/status"
	"libobe/internal/memory"
	"libobe/internal/netpoll"
	"libobe/internal/socket"
)

// anySocket is a client or a server. In the exported functions a parameter hides the
// package's name.
type anySocket = socket.Socket

// errInvalidHandle is a value that is not a live handle of the kind that a function
// expects.
var errInvalidHandle = errors.New("invalid handle")

// noHandle holds the last error of the calls that have no valid handle.
var noHandle = &handleEntry{}

// withHandle runs the body of an exported function on the object behind a live handle
// of one kind. T is the object's type, or an interface that it implements.
func withHandle[T any](op string, h uintptr, k handleKind, body func(T) error) status.Code {
	if code := admit(); code != status.OK {
		return code
	}
	e, object := handles.find(h, k)
	if e == nil {
		return noHandle.record(invalidHandle(op, "", h, k))
	}
	target, ok := object.(T)
	if !ok {
		return e.record(fmt.Errorf("%s: %w: this function is not for %s", op, socket.ErrState, describe(object)))
	}
	code := runOn(e, op, target, body)
	e.release()
	return code
}

// withSocket is withHandle for clients (*socket.Client), servers (*socket.Server), or both
// (anySocket).
func withSocket[T any](op string, h C.obe_socket, body func(T) error) C.obe_status {
	return C.obe_status(withHandle(op, uintptr(h), kindSocket, body))
}

// withMessage is withHandle for messages.
func withMessage(op string, h C.obe_message, body func(*messageObject) error) C.obe_status {
	return C.obe_status(withHandle(op, uintptr(h), kindMessage, body))
}

// withoutHandle runs the body of an exported function that has no handle yet.
func withoutHandle(op string, body func() error) status.Code {
	if code := admit(); code != status.OK {
		return code
	}
	return runOn(noHandle, op, body, invoke)
}

// withoutNetwork is withoutHandle for functions that need no file descriptor, so that
// they also work where the process has none left.
func withoutNetwork(op string, body func() error) status.Code {
	if forked() {
		return status.Forked
	}
	return runOn(noHandle, op, body, invoke)
}

func invoke(body func() error) error { return body() }

// admitted is whether a call was possible once, and thus always, unless forked.
var admitted atomic.Bool

// admit returns why no call is possible in this process, and OK otherwise. A forked
// child has none of the runtime's threads, so it is refused before the call acquires a
// lock that one of them may hold. A second copy of the library is refused too.
func admit() status.Code {
	if forked() {
		return status.Forked
	}
	if admitted.Load() {
		return status.OK
	}
	if err := claim(); err != nil {
		return noHandle.record(err)
	}
	if err := netpoll.Start(); err != nil {
		noHandle.setError(err.Error())
		return status.IO
	}
	admitted.Store(true)
	return status.OK
}

// runOn runs the body of an exported function, records its error on e, and returns its
// status. All exported functions with a status come through here, since no Go panic may
// reach the caller. A panic becomes OBE_E_INTERNAL, and its stack trace is in the error
// message. Other handles and later calls are not affected.
//
// The body gets its object as an argument, so that the compiler can keep the closure on
// the stack.
func runOn[T any](e *handleEntry, op string, object T, body func(T) error) (code status.Code) {
	defer func() {
		if p := recover(); p != nil {
			code = e.recordPanic(op, p)
		}
	}()
	return e.record(body(object))
}

// record keeps the message of err, if that is not nil, and returns its status.
func (e *handleEntry) record(err error) status.Code {
	if err == nil {
		return status.OK
	}
	e.setError(err.Error())
	if errors.Is(err, errInvalidHandle) {
		return status.Handle
	}
	return status.Of(err)
}

func (e *handleEntry) recordPanic(op string, p any) status.Code {
	if err, ok := p.(error); ok && errors.Is(err, memory.ErrMemory) {
		return e.record(withOp(op, err))
	}
	e.setError(fmt.Sprintf("%s: internal error: %v; please report it with this stack trace\n%s", op, p, debug.Stack()))
	return status.Internal
}

// setError keeps an error message for obe_last_error. If the handle was freed during the
// call, the message is kept as one without a handle.
func (e *handleEntry) setError(message string) {
	if !e.trySetError(message) {
		noHandle.trySetError(message)
	}
}

// trySetError keeps an error message unless the handle was freed. It reports whether it
// did.
func (e *handleEntry) trySetError(message string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.freed {
		e.last = message
	}
	return !e.freed
}

// lastError returns the message of the last error, "" if there was none.
func (e *handleEntry) lastError() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}

// invalidHandle returns the error of a function whose argument h is not a live handle of
// kind k. The parameter's name is empty for the first argument. The message for a
// handle of the other kind is kept on that handle too, where its owner looks for it.
func invalidHandle(op, name string, h uintptr, k handleKind) error {
	if name != "" {
		op += ": " + name
	}
	if h == 0 {
		return fmt.Errorf("%s: %w: the handle is NULL", op, errInvalidHandle)
	}
	e := handles.findAny(h)
	if e == nil || e.kind == k {
		// A live handle of kind k is a new one, created after the check failed.
		return fmt.Errorf("%s: %w: %#x was freed, or is not a handle", op, errInvalidHandle, h)
	}
	err := fmt.Errorf("%s: %w: this is %s, not %s", op, errInvalidHandle, describe(e.current()), k)
	e.trySetError(err.Error())
	return err
}

// describe names what an object behind a handle is, for an error message.
func describe(object any) string {
	switch object.(type) {
	case *socket.Client:
		return "a client"
	case *socket.Server:
		return "a server"
	case *messageObject:
		return "a message"
	}
	return "a freed handle"
}

// withOp puts the name of the function before an error message that lacks it.
func withOp(op string, err error) error {
	if err == nil || strings.HasPrefix(err.Error(), op+": ") {
		return err
	}
	return fmt.Errorf("%s: %w", op, err)
}
