package main

// #include "capi.h"
import "C"

import (
	"sync/atomic"

	"libobe/internal/session"
)

//obe:extra 1 Abort
//
// obe_lv_reserve, obe_lv_unreserve and obe_lv_abort are for the page Callbacks of a
// node's configuration. LabVIEW keeps a slot for instance data for each node, and for
// each clone of it, and passes the slot to the callbacks. If the last parameter of the
// node has the type Instance Data Pointer, LabVIEW passes the slot to the node's function
// too. The Abort button then ends a blocked call of a function whose name ends with _i,
// and the handles that the node created are freed when its program stops. The slot
// contains a number, which the library checks.

// lvInstances are the nodes. The handle of each is in its slot.
var lvInstances session.Table[*session.Instance]

// lvEnsureInstance returns the instance of a slot. A node without a Reserve callback gets
// its instance at its first call.
func lvEnsureInstance(op string, slot lvSlot) (session.Handle, *session.Instance, error) {
	if err := checkPointer(op, "instance", slot); err != nil {
		return 0, nil, err
	}
	for {
		token := atomic.LoadUintptr(lvToken(slot))
		if h, i := lvInstanceByToken(token); i != nil {
			return h, i, nil
		}
		i := &session.Instance{}
		h, err := lvInstances.Add(i)
		if err != nil {
			return 0, nil, withOp(op, err)
		}
		if atomic.CompareAndSwapUintptr(lvToken(slot), token, uintptr(h)) {
			return h, i, nil
		}
		lvInstances.Remove(h) // another call of the node was first
	}
}

// lvFindInstance returns the instance of a slot, nil if the slot does not have one.
func lvFindInstance(slot lvSlot) (session.Handle, *session.Instance) {
	return lvInstanceByToken(atomic.LoadUintptr(lvToken(slot)))
}

func lvInstanceByToken(token uintptr) (session.Handle, *session.Instance) {
	h := session.Handle(token)
	if i, ok := lvInstances.Find(h); ok && uintptr(h) == token {
		return h, i
	}
	return 0, nil
}

// lvToken returns a pointer to the content of a slot. The content is an integer and not a
// pointer, because it may initially be any number, which a Go pointer must not hold.
func lvToken(slot lvSlot) *uintptr { return pointerTo[uintptr](slot) }

// lvCallback runs the body of a callback.
func lvCallback(op string, slot lvSlot, body func() error) C.int {
	return C.int(withoutHandle(op, func() error {
		if err := checkPointer(op, "instance", slot); err != nil {
			return err
		}
		return body()
	}))
}

// obe_lv_reserve is the Reserve callback.
//
//export obe_lv_reserve
func obe_lv_reserve(instance lvSlot) C.int {
	const op = "reserve"
	return lvCallback(op, instance, func() error {
		_, _, err := lvEnsureInstance(op, instance)
		return err
	})
}

// obe_lv_unreserve is the Unreserve callback. It frees the handles that the node created
// with obe_lv_client_new_i and obe_lv_server_new_i and that are still open.
//
//export obe_lv_unreserve
func obe_lv_unreserve(instance lvSlot) C.int {
	return lvCallback("unreserve", instance, func() error {
		h, i := lvFindInstance(instance)
		if i == nil {
			return nil
		}
		lvInstances.Remove(h)
		atomic.CompareAndSwapUintptr(lvToken(instance), uintptr(h), 0) // unless a call has stored a new one
		i.Abort()
		lvFreeSessions(func(s *lvSession) bool { return s.owner == h })
		return nil
	})
}

// obe_lv_abort is the Abort callback. It ends the call in which the node is blocked, and
// returns without waiting for it. The call returns OBE_E_CANCELLED. Other calls on the
// same handle may be cancelled too, as by obe_lv_cancel.
//
//export obe_lv_abort
func obe_lv_abort(instance lvSlot) C.int {
	return lvCallback("abort", instance, func() error {
		if _, i := lvFindInstance(instance); i != nil {
			i.Abort()
		}
		return nil
	})
}
