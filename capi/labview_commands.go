package main

// #include "capi.h"
import "C"

import (
	"time"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
)

//obe:labview 5 Commands
//
// The commands of the protocol, one function each, for clients. They do not need JSON.
// Each sends its command and receives the reply under one timeout. An unexpected reply is
// OBE_E_REPLY, and the error message quotes it. Nothing is sent twice: in any case the
// handle holds the reply as its last message.

// lvCommandOK runs a command whose reply is "OK".
func lvCommandOK(op string, handle, timeout_ms C.int, instance lvSlot, request func() (*jsondoc.Document, error)) C.int {
	return lvCallReceiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		r, err := request()
		if err != nil {
			return err
		}
		return s.ExpectOK(r, limit)
	})
}

// lvCommandDoubles runs a command whose reply is a list of numbers. name is the array's
// name in the header.
func lvCommandDoubles(op, name string, handle C.int, values lvArray, capacity C.int, count outInt, timeout_ms C.int,
	instance lvSlot, request func() (*jsondoc.Document, error)) C.int {
	return lvCallReceiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		r, err := request()
		if err != nil {
			return err
		}
		return lvPutDoubles(op, name, values, capacity, count, func(dst []float64) (int, error) { return s.Doubles(r, dst, limit) })
	}, lvResult{name + "_count", count})
}

// lvCommandDouble runs a command whose reply is a list of one number, which it stores in
// *x.
func lvCommandDouble(op string, handle C.int, x outDouble, timeout_ms C.int, instance lvSlot, request func() (*jsondoc.Document, error)) C.int {
	if usable(x) {
		x.put(0)
	}
	return lvCallReceiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		if x != 0 {
			if err := checkPointer(op, "x", x); err != nil {
				return err
			}
		}
		r, err := request()
		if err != nil {
			return err
		}
		v, err := s.Double(r, limit)
		if err == nil && x != 0 {
			x.put(v)
		}
		return err
	})
}

// lvCommandMatrix runs a command whose reply is a list of rows of numbers. name is the
// array's name in the header.
func lvCommandMatrix(op, name string, handle C.int, values lvArray, capacity C.int, rows, cols outInt, timeout_ms C.int,
	instance lvSlot) C.int {
	return lvCallReceiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		r, err := command.Request(op, nil)
		if err != nil {
			return err
		}
		return lvPutMatrix(op, name, values, capacity, rows, cols, func(dst []float64) (int, int, error) { return s.Matrix(r, dst, limit) })
	}, lvResult{"rows", rows}, lvResult{"cols", cols})
}

// obe_lv_newrun starts a new run. fields is the JSON text of an object whose members are
// sent with the command, or an empty text. The server defines which members it needs.
//
//export obe_lv_newrun
func obe_lv_newrun(handle C.int, fields inText, timeout_ms C.int) C.int {
	return obe_lv_newrun_i(handle, fields, timeout_ms, 0)
}

// obe_lv_newrun_i is obe_lv_newrun. The node's Abort callback ends it.
//
//export obe_lv_newrun_i
func obe_lv_newrun_i(handle C.int, fields inText, timeout_ms C.int, instance lvSlot) C.int {
	const op = "newrun"
	return lvCallReceiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		text, err := lvTextArg(op, "fields", fields)
		if err != nil {
			return err
		}
		return s.NewRun(text, limit)
	})
}

// obe_lv_goodset requests a good setting, drawn at random: the larger pickiness is, the
// closer the setting is to the best one. With a negative pickiness the server uses its
// own. See obe_lv_optset.
//
//export obe_lv_goodset
func obe_lv_goodset(handle C.int, pickiness C.double, setting lvArray, setting_cap C.int, setting_count outInt, timeout_ms C.int) C.int {
	return obe_lv_goodset_i(handle, pickiness, setting, setting_cap, setting_count, timeout_ms, 0)
}

// obe_lv_goodset_i is obe_lv_goodset. The node's Abort callback ends it.
//
//export obe_lv_goodset_i
func obe_lv_goodset_i(handle C.int, pickiness C.double, setting lvArray, setting_cap C.int, setting_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandDoubles("goodset", "setting", handle, setting, setting_cap, setting_count, timeout_ms, instance, func() (*jsondoc.Document, error) {
		return command.GoodSet(float64(pickiness))
	})
}

// obe_lv_goodset1 is obe_lv_goodset for one knob: the setting is the number *x. If the
// server's setting has another count of numbers, the status is OBE_E_REPLY.
//
//export obe_lv_goodset1
func obe_lv_goodset1(handle C.int, pickiness C.double, x outDouble, timeout_ms C.int) C.int {
	return obe_lv_goodset1_i(handle, pickiness, x, timeout_ms, 0)
}

// obe_lv_goodset1_i is obe_lv_goodset1. The node's Abort callback ends it.
//
//export obe_lv_goodset1_i
func obe_lv_goodset1_i(handle C.int, pickiness C.double, x outDouble, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandDouble("goodset1", handle, x, timeout_ms, instance, func() (*jsondoc.Document, error) { return command.GoodSet(float64(pickiness)) })
}

// obe_lv_optset1 is obe_lv_optset for one knob: the setting is the number *x. If the
// server's setting has another count of numbers, the status is OBE_E_REPLY.
//
//export obe_lv_optset1
func obe_lv_optset1(handle C.int, x outDouble, timeout_ms C.int) C.int {
	return obe_lv_optset1_i(handle, x, timeout_ms, 0)
}

// obe_lv_optset1_i is obe_lv_optset1. The node's Abort callback ends it.
//
//export obe_lv_optset1_i
func obe_lv_optset1_i(handle C.int, x outDouble, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandDouble("optset1", handle, x, timeout_ms, instance, bareCommand("optset"))
}

// obe_lv_goodset_ask asks for a good setting and returns as soon as the question is sent,
// so that the server chooses the next setting while the instrument moves and measures.
// obe_lv_goodset_fetch returns the setting. Other commands may be sent in between, and the
// handle continues to hold its last message.
//
// The reply is never given to another call. With the option persistent, the next command
// first waits for it. The server answers from what it knows when it gets the question: from
// the data before the measurement in progress. If the last question was not fetched, the
// status is OBE_E_STATE, and nothing is sent. obe_lv_free discards the question.
//
//export obe_lv_goodset_ask
func obe_lv_goodset_ask(handle C.int, pickiness C.double, timeout_ms C.int) C.int {
	return obe_lv_goodset_ask_i(handle, pickiness, timeout_ms, 0)
}

// obe_lv_goodset_ask_i is obe_lv_goodset_ask. The node's Abort callback ends it.
//
//export obe_lv_goodset_ask_i
func obe_lv_goodset_ask_i(handle C.int, pickiness C.double, timeout_ms C.int, instance lvSlot) C.int {
	return lvCallBlocking("goodset_ask", handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		r, err := command.GoodSet(float64(pickiness))
		if err != nil {
			return err
		}
		return s.AskFor(r, limit)
	})
}

// obe_lv_goodset_fetch waits for the setting that obe_lv_goodset_ask asked for. See
// "Arrays" above for x_cap and x_count.
//
// A timeout or a cancel loses nothing: the next call continues. After any other result the
// question is over, and the handle holds the reply, if there is one, as its last message.
// obe_lv_get_doubles with an empty pointer reads a setting that did not fit. If nothing was
// asked, the status is OBE_E_STATE.
//
//export obe_lv_goodset_fetch
func obe_lv_goodset_fetch(handle C.int, x lvArray, x_cap C.int, x_count outInt, timeout_ms C.int) C.int {
	return obe_lv_goodset_fetch_i(handle, x, x_cap, x_count, timeout_ms, 0)
}

// obe_lv_goodset_fetch_i is obe_lv_goodset_fetch. The node's Abort callback ends it.
//
//export obe_lv_goodset_fetch_i
func obe_lv_goodset_fetch_i(handle C.int, x lvArray, x_cap C.int, x_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	const op = "goodset_fetch"
	return lvCallReceiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		return lvPutDoubles(op, "x", x, x_cap, x_count, func(dst []float64) (int, error) { return s.FetchDoubles("goodset", dst, limit) })
	}, lvResult{"x_count", x_count})
}

// obe_lv_newdat reports a measurement: the setting x, the values y that were measured
// there, and their uncertainties s, one standard deviation each. A single number is an
// array of one element.
//
//export obe_lv_newdat
func obe_lv_newdat(handle C.int, x lvArray, x_count C.int, y lvArray, y_count C.int, s lvArray, s_count, timeout_ms C.int) C.int {
	return obe_lv_newdat_i(handle, x, x_count, y, y_count, s, s_count, timeout_ms, 0)
}

// obe_lv_newdat_i is obe_lv_newdat. The node's Abort callback ends it.
//
//export obe_lv_newdat_i
func obe_lv_newdat_i(handle C.int, x lvArray, x_count C.int, y lvArray, y_count C.int, s lvArray, s_count, timeout_ms C.int, instance lvSlot) C.int {
	const op = "newdat"
	return lvCommandOK(op, handle, timeout_ms, instance, func() (*jsondoc.Document, error) {
		return newdatRequest(op, inDoubles(x), C.int64_t(x_count), inDoubles(y), C.int64_t(y_count), inDoubles(s), C.int64_t(s_count))
	})
}

// obe_lv_newdat1 is obe_lv_newdat for one knob and one measured value: the setting x, the
// value y and its uncertainty s are sent as lists of one number, as a server expects them.
//
//export obe_lv_newdat1
func obe_lv_newdat1(handle C.int, x, y, s C.double, timeout_ms C.int) C.int {
	return obe_lv_newdat1_i(handle, x, y, s, timeout_ms, 0)
}

// obe_lv_newdat1_i is obe_lv_newdat1. The node's Abort callback ends it.
//
//export obe_lv_newdat1_i
func obe_lv_newdat1_i(handle C.int, x, y, s C.double, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandOK("newdat1", handle, timeout_ms, instance, func() (*jsondoc.Document, error) {
		return command.NewData([]float64{float64(x)}, []float64{float64(y)}, []float64{float64(s)})
	})
}
