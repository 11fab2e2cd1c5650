package main

/*
#include "capi.h"
#include "labview_engine.h"
*/
import "C"

import (
	"fmt"

	"libobe/internal/transport"
)

//obe:extra 3 User events
//
// An event structure can wait for the messages of a server, beside its other events,
// instead of a loop that polls obe_lv_receive.

// obe_lv_notify posts a LabVIEW user event when a message is there for a server's handle.
// user_event is the reference of an event whose data is one I32; the data is the handle. 0
// ends it, and so does obe_lv_free: after they return, no event is posted. A program other
// than LabVIEW gets OBE_E_UNSUPPORTED.
//
// The event says that obe_lv_receive will return a message at once, with timeout 0. It is
// posted once for each message: the next one after obe_lv_receive was called, if another
// message is there. A message of a client whose last message is not answered is there when
// the reply is sent. If LabVIEW refuses the event, because it was destroyed, no other one is
// posted, and obe_lv_last_error says so. Set options before: the server begins to work.
//
//export obe_lv_notify
func obe_lv_notify(handle, user_event C.int) C.int {
	const op = "notify"
	return lvCall(op, handle, func(s *lvSession) error {
		if user_event == 0 {
			return withOp(op, s.Notify(nil))
		}
		var post C.uintptr_t
		if err := lvPostError(C.lv_find_post(&post)); err != nil {
			return withOp(op, err)
		}
		return withOp(op, s.Notify(func() bool {
			code := C.lv_post(post, C.uint32_t(user_event), C.int32_t(handle))
			if code != 0 {
				s.failure.setError(fmt.Sprintf("%s: LabVIEW refused the user event (its error %d); was it destroyed? No other event is posted", op, int(code)))
			}
			return code == 0
		}))
	})
}

func lvPostError(code C.int) error {
	switch code {
	case C.LV_NOT_LABVIEW:
		return fmt.Errorf("%w: this program is not LabVIEW; use obe_lv_receive with a timeout", transport.ErrUnsupported)
	case C.LV_SEVERAL:
		return fmt.Errorf("%w: this process has several run-time engines of LabVIEW, and it is unclear whose user event this is; use obe_lv_receive with a timeout", transport.ErrUnsupported)
	}
	return nil
}
