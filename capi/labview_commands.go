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

// obe_lv_ready asks once whether the server is ready. obe_lv_wait_ready waits until it is.
//
//export obe_lv_ready
func obe_lv_ready(handle, timeout_ms C.int) C.int {
	return obe_lv_ready_i(handle, timeout_ms, 0)
}

// obe_lv_ready_i is obe_lv_ready. The node's Abort callback ends it.
//
//export obe_lv_ready_i
func obe_lv_ready_i(handle, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandOK("ready", handle, timeout_ms, instance, bareCommand("ready"))
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

// obe_lv_optset requests the best setting for the next measurement, one number for each
// knob. See "Arrays" above for setting_cap and setting_count.
//
//export obe_lv_optset
func obe_lv_optset(handle C.int, setting lvArray, setting_cap C.int, setting_count outInt, timeout_ms C.int) C.int {
	return obe_lv_optset_i(handle, setting, setting_cap, setting_count, timeout_ms, 0)
}

// obe_lv_optset_i is obe_lv_optset. The node's Abort callback ends it.
//
//export obe_lv_optset_i
func obe_lv_optset_i(handle C.int, setting lvArray, setting_cap C.int, setting_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandDoubles("optset", "setting", handle, setting, setting_cap, setting_count, timeout_ms, instance, bareCommand("optset"))
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

// obe_lv_getmean requests the mean of each parameter. See obe_lv_optset.
//
//export obe_lv_getmean
func obe_lv_getmean(handle C.int, mean lvArray, mean_cap C.int, mean_count outInt, timeout_ms C.int) C.int {
	return obe_lv_getmean_i(handle, mean, mean_cap, mean_count, timeout_ms, 0)
}

// obe_lv_getmean_i is obe_lv_getmean. The node's Abort callback ends it.
//
//export obe_lv_getmean_i
func obe_lv_getmean_i(handle C.int, mean lvArray, mean_cap C.int, mean_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandDoubles("getmean", "mean", handle, mean, mean_cap, mean_count, timeout_ms, instance, bareCommand("getmean"))
}

// obe_lv_getstd requests the standard deviation of each parameter. See obe_lv_optset.
//
//export obe_lv_getstd
func obe_lv_getstd(handle C.int, deviation lvArray, deviation_cap C.int, deviation_count outInt, timeout_ms C.int) C.int {
	return obe_lv_getstd_i(handle, deviation, deviation_cap, deviation_count, timeout_ms, 0)
}

// obe_lv_getstd_i is obe_lv_getstd. The node's Abort callback ends it.
//
//export obe_lv_getstd_i
func obe_lv_getstd_i(handle C.int, deviation lvArray, deviation_cap C.int, deviation_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandDoubles("getstd", "deviation", handle, deviation, deviation_cap, deviation_count, timeout_ms, instance, bareCommand("getstd"))
}

// obe_lv_getcov requests the covariance matrix of the parameters, row by row. *rows and
// *cols are both the number of parameters. See "Arrays" above for covariance_cap.
//
//export obe_lv_getcov
func obe_lv_getcov(handle C.int, covariance lvArray, covariance_cap C.int, rows, cols outInt, timeout_ms C.int) C.int {
	return obe_lv_getcov_i(handle, covariance, covariance_cap, rows, cols, timeout_ms, 0)
}

// obe_lv_getcov_i is obe_lv_getcov. The node's Abort callback ends it.
//
//export obe_lv_getcov_i
func obe_lv_getcov_i(handle C.int, covariance lvArray, covariance_cap C.int, rows, cols outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandMatrix("getcov", "covariance", handle, covariance, covariance_cap, rows, cols, timeout_ms, instance)
}

// obe_lv_getpar requests the samples of the parameters' distribution: a row for each
// parameter, a column for each sample. See obe_lv_getcov.
//
//export obe_lv_getpar
func obe_lv_getpar(handle C.int, parameters lvArray, parameters_cap C.int, rows, cols outInt, timeout_ms C.int) C.int {
	return obe_lv_getpar_i(handle, parameters, parameters_cap, rows, cols, timeout_ms, 0)
}

// obe_lv_getpar_i is obe_lv_getpar. The node's Abort callback ends it.
//
//export obe_lv_getpar_i
func obe_lv_getpar_i(handle C.int, parameters lvArray, parameters_cap C.int, rows, cols outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandMatrix("getpar", "parameters", handle, parameters, parameters_cap, rows, cols, timeout_ms, instance)
}

// obe_lv_getwgt requests the weight of each sample of obe_lv_getpar. See obe_lv_optset.
//
//export obe_lv_getwgt
func obe_lv_getwgt(handle C.int, weights lvArray, weights_cap C.int, weights_count outInt, timeout_ms C.int) C.int {
	return obe_lv_getwgt_i(handle, weights, weights_cap, weights_count, timeout_ms, 0)
}

// obe_lv_getwgt_i is obe_lv_getwgt. The node's Abort callback ends it.
//
//export obe_lv_getwgt_i
func obe_lv_getwgt_i(handle C.int, weights lvArray, weights_cap C.int, weights_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandDoubles("getwgt", "weights", handle, weights, weights_cap, weights_count, timeout_ms, instance, bareCommand("getwgt"))
}

// obe_lv_getset requests all possible settings: a row for each knob, a column for each
// setting. See obe_lv_getcov.
//
//export obe_lv_getset
func obe_lv_getset(handle C.int, settings lvArray, settings_cap C.int, rows, cols outInt, timeout_ms C.int) C.int {
	return obe_lv_getset_i(handle, settings, settings_cap, rows, cols, timeout_ms, 0)
}

// obe_lv_getset_i is obe_lv_getset. The node's Abort callback ends it.
//
//export obe_lv_getset_i
func obe_lv_getset_i(handle C.int, settings lvArray, settings_cap C.int, rows, cols outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandMatrix("getset", "settings", handle, settings, settings_cap, rows, cols, timeout_ms, instance)
}

// obe_lv_getcon requests the constants of the model. See obe_lv_optset.
//
//export obe_lv_getcon
func obe_lv_getcon(handle C.int, constants lvArray, constants_cap C.int, constants_count outInt, timeout_ms C.int) C.int {
	return obe_lv_getcon_i(handle, constants, constants_cap, constants_count, timeout_ms, 0)
}

// obe_lv_getcon_i is obe_lv_getcon. The node's Abort callback ends it.
//
//export obe_lv_getcon_i
func obe_lv_getcon_i(handle C.int, constants lvArray, constants_cap C.int, constants_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandDoubles("getcon", "constants", handle, constants, constants_cap, constants_count, timeout_ms, instance, bareCommand("getcon"))
}

// obe_lv_done asks the server to exit.
//
//export obe_lv_done
func obe_lv_done(handle, timeout_ms C.int) C.int {
	return obe_lv_done_i(handle, timeout_ms, 0)
}

// obe_lv_done_i is obe_lv_done. The node's Abort callback ends it.
//
//export obe_lv_done_i
func obe_lv_done_i(handle, timeout_ms C.int, instance lvSlot) C.int {
	return lvCommandOK("done", handle, timeout_ms, instance, bareCommand("done"))
}
