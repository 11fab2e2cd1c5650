// Code generated from internal/command by "make generate"; DO NOT EDIT.

package main

// #include "capi.h"
import "C"

//obe:labview 5 Commands

// obe_lv_ready asks once whether the server is ready; obe_lv_wait_ready waits until it
// is.
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

// obe_lv_getmean requests the mean of each parameter. See "Arrays" above for mean_cap and
// mean_count.
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

// obe_lv_getstd requests the standard deviation of each parameter. See "Arrays" above for
// deviation_cap and deviation_count.
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

// obe_lv_getcov requests the covariance matrix of the parameters: one row and one column
// for each parameter. See "Arrays" above for covariance_cap.
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

// obe_lv_getpar requests the samples of the parameters' distribution: one row for each
// parameter and one column for each sample. See "Arrays" above for parameters_cap.
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

// obe_lv_getwgt requests the weight of each sample of obe_lv_getpar. See "Arrays" above
// for weights_cap and weights_count.
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

// obe_lv_getset requests all possible settings: one row for each knob and one column for
// each setting. See "Arrays" above for settings_cap.
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

// obe_lv_getcon requests the constants of the model. See "Arrays" above for constants_cap
// and constants_count.
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
