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
// The commands of the protocol's servers, one call each, for clients: no JSON is
// needed. Each sends its command and receives the reply under one timeout. A reply
// that is not the command's answer is OBE_E_REPLY, and the sentence of the failure
// carries it. Nothing is sent twice: the reply is kept, whatever came of it, and can
// be read as every kept message.

// lvOrder guards a command whose answer is "OK".
func lvOrder(op string, handle, timeout_ms C.int, instance lvSlot, request func() (*jsondoc.Document, error)) C.int {
	return receiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		r, err := request()
		if err != nil {
			return err
		}
		return s.Order(r, limit)
	})
}

// lvFetch guards a command whose answer is a list of numbers; name is what the
// header calls the array.
func lvFetch(op, name string, handle C.int, values lvArray, capacity C.int, count outInt, timeout_ms C.int,
	instance lvSlot, request func() (*jsondoc.Document, error)) C.int {
	return receiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		r, err := request()
		if err != nil {
			return err
		}
		return putList(op, name, values, capacity, count, func(dst []float64) (int, error) { return s.List(r, dst, limit) })
	}, result{name + "_count", count})
}

// lvFetchTable guards a command whose answer is rows of numbers.
func lvFetchTable(op, name string, handle C.int, values lvArray, capacity C.int, rows, cols outInt, timeout_ms C.int,
	instance lvSlot) C.int {
	return receiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		r, err := command.Request(op, nil)
		if err != nil {
			return err
		}
		return putTable(op, name, values, capacity, rows, cols, func(dst []float64) (int, int, error) { return s.Table(r, dst, limit) })
	}, result{"rows", rows}, result{"cols", cols})
}

// obe_lv_ready asks whether the server is there, once; obe_lv_wait_ready waits for
// it.
//
//export obe_lv_ready
func obe_lv_ready(handle, timeout_ms C.int) C.int { return lvReady(handle, timeout_ms, 0) }

func lvReady(handle, timeout_ms C.int, instance lvSlot) C.int {
	return lvOrder("ready", handle, timeout_ms, instance, plain("ready"))
}

// obe_lv_newrun begins a new run. What it needs is up to the server: fields is the
// JSON text of an object whose fields are sent along, or an empty text.
//
//export obe_lv_newrun
func obe_lv_newrun(handle C.int, fields inText, timeout_ms C.int) C.int {
	return lvNewrun(handle, fields, timeout_ms, 0)
}

func lvNewrun(handle C.int, fields inText, timeout_ms C.int, instance lvSlot) C.int {
	const op = "newrun"
	return receiving(op, handle, timeout_ms, instance, func(s *lvSession, limit time.Duration) error {
		text, err := lvText(op, "fields", fields)
		if err != nil {
			return err
		}
		return s.NewRun(text, limit)
	})
}

// obe_lv_optset asks for the best setting to measure at next, a number for each
// knob. See "Arrays" above for setting_cap and setting_count.
//
//export obe_lv_optset
func obe_lv_optset(handle C.int, setting lvArray, setting_cap C.int, setting_count outInt, timeout_ms C.int) C.int {
	return lvOptset(handle, setting, setting_cap, setting_count, timeout_ms, 0)
}

func lvOptset(handle C.int, setting lvArray, setting_cap C.int, setting_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvFetch("optset", "setting", handle, setting, setting_cap, setting_count, timeout_ms, instance, plain("optset"))
}

// obe_lv_goodset asks for a good setting, drawn by chance: the larger pickiness,
// the nearer to the best one. A negative pickiness is left to the server. See
// obe_lv_optset.
//
//export obe_lv_goodset
func obe_lv_goodset(handle C.int, pickiness C.double, setting lvArray, setting_cap C.int, setting_count outInt, timeout_ms C.int) C.int {
	return lvGoodset(handle, pickiness, setting, setting_cap, setting_count, timeout_ms, 0)
}

func lvGoodset(handle C.int, pickiness C.double, setting lvArray, setting_cap C.int, setting_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvFetch("goodset", "setting", handle, setting, setting_cap, setting_count, timeout_ms, instance, func() (*jsondoc.Document, error) {
		return command.GoodSet(float64(pickiness))
	})
}

// obe_lv_newdat reports a measurement: the setting x, the values y that were
// measured there, and their uncertainties s, one standard deviation each. A single
// number is an array of one.
//
//export obe_lv_newdat
func obe_lv_newdat(handle C.int, x lvArray, x_count C.int, y lvArray, y_count C.int, s lvArray, s_count, timeout_ms C.int) C.int {
	return lvNewdat(handle, x, x_count, y, y_count, s, s_count, timeout_ms, 0)
}

func lvNewdat(handle C.int, x lvArray, x_count C.int, y lvArray, y_count C.int, s lvArray, s_count, timeout_ms C.int, instance lvSlot) C.int {
	const op = "newdat"
	return lvOrder(op, handle, timeout_ms, instance, func() (*jsondoc.Document, error) {
		return measurement(op, inDoubles(x), C.int64_t(x_count), inDoubles(y), C.int64_t(y_count), inDoubles(s), C.int64_t(s_count))
	})
}

// obe_lv_getmean asks for the mean of each parameter; see obe_lv_optset.
//
//export obe_lv_getmean
func obe_lv_getmean(handle C.int, mean lvArray, mean_cap C.int, mean_count outInt, timeout_ms C.int) C.int {
	return lvGetmean(handle, mean, mean_cap, mean_count, timeout_ms, 0)
}

func lvGetmean(handle C.int, mean lvArray, mean_cap C.int, mean_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvFetch("getmean", "mean", handle, mean, mean_cap, mean_count, timeout_ms, instance, plain("getmean"))
}

// obe_lv_getstd asks for the standard deviation of each parameter; see
// obe_lv_optset.
//
//export obe_lv_getstd
func obe_lv_getstd(handle C.int, deviation lvArray, deviation_cap C.int, deviation_count outInt, timeout_ms C.int) C.int {
	return lvGetstd(handle, deviation, deviation_cap, deviation_count, timeout_ms, 0)
}

func lvGetstd(handle C.int, deviation lvArray, deviation_cap C.int, deviation_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvFetch("getstd", "deviation", handle, deviation, deviation_cap, deviation_count, timeout_ms, instance, plain("getstd"))
}

// obe_lv_getcov asks for the covariance matrix of the parameters, row by row; rows
// and cols are both the number of parameters. See "Arrays" above for
// covariance_cap.
//
//export obe_lv_getcov
func obe_lv_getcov(handle C.int, covariance lvArray, covariance_cap C.int, rows, cols outInt, timeout_ms C.int) C.int {
	return lvGetcov(handle, covariance, covariance_cap, rows, cols, timeout_ms, 0)
}

func lvGetcov(handle C.int, covariance lvArray, covariance_cap C.int, rows, cols outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvFetchTable("getcov", "covariance", handle, covariance, covariance_cap, rows, cols, timeout_ms, instance)
}

// obe_lv_getpar asks for the samples of the parameters' distribution: a row for
// each parameter, a column for each sample. See obe_lv_getcov.
//
//export obe_lv_getpar
func obe_lv_getpar(handle C.int, parameters lvArray, parameters_cap C.int, rows, cols outInt, timeout_ms C.int) C.int {
	return lvGetpar(handle, parameters, parameters_cap, rows, cols, timeout_ms, 0)
}

func lvGetpar(handle C.int, parameters lvArray, parameters_cap C.int, rows, cols outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvFetchTable("getpar", "parameters", handle, parameters, parameters_cap, rows, cols, timeout_ms, instance)
}

// obe_lv_getwgt asks for the weight of each sample of obe_lv_getpar; see
// obe_lv_optset.
//
//export obe_lv_getwgt
func obe_lv_getwgt(handle C.int, weights lvArray, weights_cap C.int, weights_count outInt, timeout_ms C.int) C.int {
	return lvGetwgt(handle, weights, weights_cap, weights_count, timeout_ms, 0)
}

func lvGetwgt(handle C.int, weights lvArray, weights_cap C.int, weights_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvFetch("getwgt", "weights", handle, weights, weights_cap, weights_count, timeout_ms, instance, plain("getwgt"))
}

// obe_lv_getset asks for all possible settings: a row for each knob, a column for
// each setting. See obe_lv_getcov.
//
//export obe_lv_getset
func obe_lv_getset(handle C.int, settings lvArray, settings_cap C.int, rows, cols outInt, timeout_ms C.int) C.int {
	return lvGetset(handle, settings, settings_cap, rows, cols, timeout_ms, 0)
}

func lvGetset(handle C.int, settings lvArray, settings_cap C.int, rows, cols outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvFetchTable("getset", "settings", handle, settings, settings_cap, rows, cols, timeout_ms, instance)
}

// obe_lv_getcon asks for the constants of the model; see obe_lv_optset.
//
//export obe_lv_getcon
func obe_lv_getcon(handle C.int, constants lvArray, constants_cap C.int, constants_count outInt, timeout_ms C.int) C.int {
	return lvGetcon(handle, constants, constants_cap, constants_count, timeout_ms, 0)
}

func lvGetcon(handle C.int, constants lvArray, constants_cap C.int, constants_count outInt, timeout_ms C.int, instance lvSlot) C.int {
	return lvFetch("getcon", "constants", handle, constants, constants_cap, constants_count, timeout_ms, instance, plain("getcon"))
}

// obe_lv_done asks the server to end.
//
//export obe_lv_done
func obe_lv_done(handle, timeout_ms C.int) C.int { return lvDone(handle, timeout_ms, 0) }

func lvDone(handle, timeout_ms C.int, instance lvSlot) C.int {
	return lvOrder("done", handle, timeout_ms, instance, plain("done"))
}
