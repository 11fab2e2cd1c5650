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
// node's configuration. LabVIEW gives a node, and each clone of it, a slot for
// instance data, and passes the slot to the callbacks; with a parameter of the
// type Instance Data Pointer it passes it to the node's function too. So a node
// that calls one of the functions with an i at the end of their names is ended by
// the Abort button, while it blocks; and what it opened is closed when its
// program stops. The slot holds a number, which this library checks.

// instances are the nodes; the number of each lies in its slot.
var instances session.Table[*session.Instance]

// node returns the instance whose number lies in a slot. A node that has no
// Reserve callback gets its number at the first call.
func node(op string, slot lvSlot) (session.Handle, *session.Instance, error) {
	if err := checkPointer(op, "instance", slot); err != nil {
		return 0, nil, err
	}
	for {
		content := atomic.LoadUintptr(number(slot))
		if h, i := numbered(content); i != nil {
			return h, i, nil
		}
		i := &session.Instance{}
		h, err := instances.Add(i)
		if err != nil {
			return 0, nil, withOp(op, err)
		}
		if atomic.CompareAndSwapUintptr(number(slot), content, uintptr(h)) {
			return h, i, nil
		}
		instances.Remove(h) // another call of the node was first
	}
}

// known returns the instance whose number lies in a slot, nil if none does.
func known(slot lvSlot) (session.Handle, *session.Instance) {
	return numbered(atomic.LoadUintptr(number(slot)))
}

func numbered(content uintptr) (session.Handle, *session.Instance) {
	h := session.Handle(content)
	if i, ok := instances.Find(h); ok && uintptr(h) == content {
		return h, i
	}
	return 0, nil
}

// number is what lies in a slot, for Go: what was there before may look like an
// address of its own, which a pointer must not hold.
func number(slot lvSlot) *uintptr { return pointerTo[uintptr](slot) }

// callback guards a callback of a node.
func callback(op string, slot lvSlot, body func() error) C.int {
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
	return callback(op, instance, func() error {
		_, _, err := node(op, instance)
		return err
	})
}

// obe_lv_unreserve is the Unreserve callback: it closes the handles that the node
// opened and that are still open, with obe_lv_client_new_i and obe_lv_server_new_i.
//
//export obe_lv_unreserve
func obe_lv_unreserve(instance lvSlot) C.int {
	return callback("unreserve", instance, func() error {
		h, i := known(instance)
		if i == nil {
			return nil
		}
		instances.Remove(h)
		atomic.CompareAndSwapUintptr(number(instance), uintptr(h), 0) // unless a call has begun anew
		i.Abort()
		closeAll(func(s *lvSession) bool { return s.owner == h })
		return nil
	})
}

// obe_lv_abort is the Abort callback: it ends the call that the node is blocked in
// and returns without waiting for that. The call returns OBE_E_CANCELLED. Other
// calls on the same handle may be ended as by obe_lv_cancel.
//
//export obe_lv_abort
func obe_lv_abort(instance lvSlot) C.int {
	return callback("abort", instance, func() error {
		if _, i := known(instance); i != nil {
			i.Abort()
		}
		return nil
	})
}

// obe_lv_client_new_i is obe_lv_client_new; the handle belongs to the node.
//
//export obe_lv_client_new_i
func obe_lv_client_new_i(address inText, port C.int, handle outInt, instance lvSlot) C.int {
	return open("client", address, port, handle, instance, session.NewClient)
}

// obe_lv_server_new_i is obe_lv_server_new; the handle belongs to the node.
//
//export obe_lv_server_new_i
func obe_lv_server_new_i(address inText, port C.int, handle outInt, instance lvSlot) C.int {
	return open("server", address, port, handle, instance, session.NewServer)
}

// obe_lv_send_i is obe_lv_send; the node's Abort ends it.
//
//export obe_lv_send_i
func obe_lv_send_i(handle C.int, json inText, timeout_ms C.int, instance lvSlot) C.int {
	return lvSend(handle, json, timeout_ms, instance)
}

// obe_lv_receive_i is obe_lv_receive; the node's Abort ends it.
//
//export obe_lv_receive_i
func obe_lv_receive_i(handle C.int, message_size outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvReceive(handle, message_size, timeout_ms, instance)
}

// obe_lv_tcmd_i is obe_lv_tcmd; the node's Abort ends it.
//
//export obe_lv_tcmd_i
func obe_lv_tcmd_i(handle C.int, json inText, reply_size outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvTcmd(handle, json, reply_size, timeout_ms, instance)
}

// obe_lv_wait_ready_i is obe_lv_wait_ready; the node's Abort ends it.
//
//export obe_lv_wait_ready_i
func obe_lv_wait_ready_i(handle, timeout_ms C.int, instance lvSlot) C.int {
	return lvWaitReady(handle, timeout_ms, instance)
}

// obe_lv_tcmd_message_i is obe_lv_tcmd_message; the node's Abort ends it.
//
//export obe_lv_tcmd_message_i
func obe_lv_tcmd_message_i(handle C.int, reply_size outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvTcmdBuilt(handle, reply_size, timeout_ms, instance)
}

// obe_lv_send_message_i is obe_lv_send_message; the node's Abort ends it.
//
//export obe_lv_send_message_i
func obe_lv_send_message_i(handle, timeout_ms C.int, instance lvSlot) C.int {
	return lvSendBuilt(handle, timeout_ms, instance)
}

// obe_lv_ready_i is obe_lv_ready; the node's Abort ends it.
//
//export obe_lv_ready_i
func obe_lv_ready_i(handle, timeout_ms C.int, instance lvSlot) C.int {
	return lvReady(handle, timeout_ms, instance)
}

// obe_lv_newrun_i is obe_lv_newrun; the node's Abort ends it.
//
//export obe_lv_newrun_i
func obe_lv_newrun_i(handle C.int, fields inText, timeout_ms C.int, instance lvSlot) C.int {
	return lvNewrun(handle, fields, timeout_ms, instance)
}

// obe_lv_optset_i is obe_lv_optset; the node's Abort ends it.
//
//export obe_lv_optset_i
func obe_lv_optset_i(handle C.int, setting lvArray, setting_cap C.int, setting_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvOptset(handle, setting, setting_cap, setting_count, timeout_ms, instance)
}

// obe_lv_goodset_i is obe_lv_goodset; the node's Abort ends it.
//
//export obe_lv_goodset_i
func obe_lv_goodset_i(handle C.int, pickiness C.double, setting lvArray, setting_cap C.int, setting_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvGoodset(handle, pickiness, setting, setting_cap, setting_count, timeout_ms, instance)
}

// obe_lv_newdat_i is obe_lv_newdat; the node's Abort ends it.
//
//export obe_lv_newdat_i
func obe_lv_newdat_i(handle C.int, x lvArray, x_count C.int, y lvArray, y_count C.int, s lvArray, s_count, timeout_ms C.int, instance lvSlot) C.int {
	return lvNewdat(handle, x, x_count, y, y_count, s, s_count, timeout_ms, instance)
}

// obe_lv_getmean_i is obe_lv_getmean; the node's Abort ends it.
//
//export obe_lv_getmean_i
func obe_lv_getmean_i(handle C.int, mean lvArray, mean_cap C.int, mean_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvGetmean(handle, mean, mean_cap, mean_count, timeout_ms, instance)
}

// obe_lv_getstd_i is obe_lv_getstd; the node's Abort ends it.
//
//export obe_lv_getstd_i
func obe_lv_getstd_i(handle C.int, deviation lvArray, deviation_cap C.int, deviation_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvGetstd(handle, deviation, deviation_cap, deviation_count, timeout_ms, instance)
}

// obe_lv_getcov_i is obe_lv_getcov; the node's Abort ends it.
//
//export obe_lv_getcov_i
func obe_lv_getcov_i(handle C.int, covariance lvArray, covariance_cap C.int, rows, cols outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvGetcov(handle, covariance, covariance_cap, rows, cols, timeout_ms, instance)
}

// obe_lv_getpar_i is obe_lv_getpar; the node's Abort ends it.
//
//export obe_lv_getpar_i
func obe_lv_getpar_i(handle C.int, parameters lvArray, parameters_cap C.int, rows, cols outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvGetpar(handle, parameters, parameters_cap, rows, cols, timeout_ms, instance)
}

// obe_lv_getwgt_i is obe_lv_getwgt; the node's Abort ends it.
//
//export obe_lv_getwgt_i
func obe_lv_getwgt_i(handle C.int, weights lvArray, weights_cap C.int, weights_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvGetwgt(handle, weights, weights_cap, weights_count, timeout_ms, instance)
}

// obe_lv_getset_i is obe_lv_getset; the node's Abort ends it.
//
//export obe_lv_getset_i
func obe_lv_getset_i(handle C.int, settings lvArray, settings_cap C.int, rows, cols outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvGetset(handle, settings, settings_cap, rows, cols, timeout_ms, instance)
}

// obe_lv_getcon_i is obe_lv_getcon; the node's Abort ends it.
//
//export obe_lv_getcon_i
func obe_lv_getcon_i(handle C.int, constants lvArray, constants_cap C.int, constants_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvGetcon(handle, constants, constants_cap, constants_count, timeout_ms, instance)
}

// obe_lv_done_i is obe_lv_done; the node's Abort ends it.
//
//export obe_lv_done_i
func obe_lv_done_i(handle, timeout_ms C.int, instance lvSlot) C.int {
	return lvDone(handle, timeout_ms, instance)
}
