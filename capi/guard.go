package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"libobe/capi/status"
	"libobe/internal/memory"
	"libobe/internal/netpoll"
	"libobe/internal/socket"
)

// anySocket is a client or a server. In the exported functions a parameter hides the
// package's name.
type anySocket = socket.Socket

// errHandle is a value that is no live handle of the kind a function takes.
var errHandle = errors.New("not a live handle")

// unowned is the last failure that had no handle.
var unowned = &entry{}

// say records a failure. If the handle was freed during the call, it is recorded as a
// failure without a handle.
func (e *entry) say(text string) {
	if !e.keep(text) {
		unowned.keep(text)
	}
}

// keep records a failure, unless the handle was freed.
func (e *entry) keep(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.freed {
		e.last = text
	}
	return !e.freed
}

// retire marks the handle as freed.
func (e *entry) retire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.freed, e.object = true, nil
}

// current returns the object, nil if the handle was freed.
func (e *entry) current() any {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.object
}

func (e *entry) said() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}

// guard runs the body of an exported function. Nothing of Go crosses the
// boundary: a panic becomes OBE_E_INTERNAL, and a forked child, in which the
// runtime has lost its threads, gets OBE_E_FORKED before any lock is taken that
// a lost thread may hold. A panic leaves the other handles and later calls as
// they are; the sentence of the last failure says where it happened.
//
// body may say whose failure it is; without that it is one without a handle.
func guard(op string, body func(owner **entry) error) status.Code {
	if code := admit(); code != status.OK {
		return code
	}
	return protect(op, body)
}

// admit returns why no call may do anything in this process, as a status.
func admit() status.Code {
	if forked() {
		return status.Forked
	}
	if err := netpoll.Start(); err != nil {
		unowned.say(err.Error())
		return status.IO
	}
	return status.OK
}

// protect is guard for functions that only tell facts: a process without descriptors
// can call them too.
func protect(op string, body func(owner **entry) error) (code status.Code) {
	if forked() {
		return status.Forked
	}
	owner := unowned
	defer func() {
		if p := recover(); p != nil {
			code = owner.panicked(op, p)
		}
	}()
	err := body(&owner)
	return owner.failed(err)
}

// on guards a function on a live handle of one kind; T is the object behind it,
// or an interface that it has. It does what guard does, without a closure that
// would put the owner on the heap in every call.
func on[T any](op string, h uintptr, k kind, body func(T) error) (code status.Code) {
	if code = admit(); code != status.OK {
		return code
	}
	owner := unowned
	defer func() {
		if p := recover(); p != nil {
			code = owner.panicked(op, p)
		}
	}()
	e, object := handles.find(h, k)
	if e == nil {
		return owner.failed(notLive(op, "", h, k))
	}
	owner = e
	target, ok := object.(T)
	if !ok {
		return owner.failed(fmt.Errorf("%s: %w: this function is not for %s", op, socket.ErrState, role(object)))
	}
	return owner.failed(body(target))
}

// failed notes a failure, if err is one, and returns its status.
func (e *entry) failed(err error) status.Code {
	if err == nil {
		return status.OK
	}
	e.say(err.Error())
	if errors.Is(err, errHandle) {
		return status.Handle
	}
	return status.Of(err)
}

func (e *entry) panicked(op string, p any) status.Code {
	if err, ok := p.(error); ok && errors.Is(err, memory.ErrMemory) {
		return e.failed(prefix(op, err))
	}
	e.say(fmt.Sprintf("%s: a fault inside the library: %v; please report it with what follows\n%s", op, p, debug.Stack()))
	return status.Internal
}

// role names what an object behind a handle is, for the text of an error.
func role(object any) string {
	switch object.(type) {
	case *socket.Client:
		return "a client"
	case *socket.Server:
		return "a server"
	case *document:
		return "a message"
	}
	return "a freed handle"
}

// prefix puts the name of the function before an error that lacks it.
func prefix(op string, err error) error {
	if err == nil || strings.HasPrefix(err.Error(), op+": ") {
		return err
	}
	return fmt.Errorf("%s: %w", op, err)
}

// notLive is the failure of a function whose handle is not a live one of kind k; name
// is the parameter's, or "" for the first one. The text for a handle of the other kind
// is kept on that handle too.
func notLive(op, name string, h uintptr, k kind) error {
	if name != "" {
		op += ": " + name
	}
	e := handles.any(h)
	if e == nil {
		return fmt.Errorf("%s: %w: %#x is not a handle, or was freed", op, errHandle, h)
	}
	err := fmt.Errorf("%s: %w: this is %s, not %s", op, errHandle, role(e.current()), k)
	e.keep(err.Error())
	return err
}
