// Code generated from internal/command by "make generate"; DO NOT EDIT.

package main

// #include "capi.h"
import "C"

//obe:group 6 Commands

// obe_ready asks once whether the server is ready; obe_wait_ready waits until it is.
//
//obe:status answer
//export obe_ready
func obe_ready(client C.obe_socket, timeout_ms C.int64_t) C.obe_status {
	return commandOK("ready", client, timeout_ms, bareCommand("ready"))
}

// obe_optset asks for the best setting for the next measurement, one number for each
// knob, and stores the numbers in setting, which has room for capacity numbers, and their
// count in *count.
//
//export obe_optset
func obe_optset(client C.obe_socket, setting outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t) C.obe_status {
	return commandDoubles("optset", "setting", client, setting, capacity, count, timeout_ms, bareCommand("optset"))
}

// obe_getmean asks for the mean of each parameter, and stores the numbers in mean, which
// has room for capacity numbers, and their count in *count.
//
//export obe_getmean
func obe_getmean(client C.obe_socket, mean outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t) C.obe_status {
	return commandDoubles("getmean", "mean", client, mean, capacity, count, timeout_ms, bareCommand("getmean"))
}

// obe_getstd asks for the standard deviation of each parameter, and stores the numbers in
// deviation, which has room for capacity numbers, and their count in *count.
//
//export obe_getstd
func obe_getstd(client C.obe_socket, deviation outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t) C.obe_status {
	return commandDoubles("getstd", "deviation", client, deviation, capacity, count, timeout_ms, bareCommand("getstd"))
}

// obe_getcov asks for the covariance matrix of the parameters, and stores the rows one
// after the other in covariance, which has room for capacity numbers, and their sizes in
// *rows and *cols: one row and one column for each parameter.
//
//export obe_getcov
func obe_getcov(client C.obe_socket, covariance outDoubles, capacity C.int64_t, rows, cols outInt64, timeout_ms C.int64_t) C.obe_status {
	return commandMatrix("getcov", "covariance", client, covariance, capacity, rows, cols, timeout_ms)
}

// obe_getpar asks for the samples of the parameters' distribution, and stores the rows
// one after the other in parameters, which has room for capacity numbers, and their sizes
// in *rows and *cols: one row for each parameter and one column for each sample.
//
//export obe_getpar
func obe_getpar(client C.obe_socket, parameters outDoubles, capacity C.int64_t, rows, cols outInt64, timeout_ms C.int64_t) C.obe_status {
	return commandMatrix("getpar", "parameters", client, parameters, capacity, rows, cols, timeout_ms)
}

// obe_getwgt asks for the weight of each sample of obe_getpar, and stores the numbers in
// weights, which has room for capacity numbers, and their count in *count.
//
//export obe_getwgt
func obe_getwgt(client C.obe_socket, weights outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t) C.obe_status {
	return commandDoubles("getwgt", "weights", client, weights, capacity, count, timeout_ms, bareCommand("getwgt"))
}

// obe_getset asks for all possible settings, and stores the rows one after the other in
// settings, which has room for capacity numbers, and their sizes in *rows and *cols: one
// row for each knob and one column for each setting.
//
//export obe_getset
func obe_getset(client C.obe_socket, settings outDoubles, capacity C.int64_t, rows, cols outInt64, timeout_ms C.int64_t) C.obe_status {
	return commandMatrix("getset", "settings", client, settings, capacity, rows, cols, timeout_ms)
}

// obe_getcon asks for the constants of the model, and stores the numbers in constants,
// which has room for capacity numbers, and their count in *count.
//
//export obe_getcon
func obe_getcon(client C.obe_socket, constants outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t) C.obe_status {
	return commandDoubles("getcon", "constants", client, constants, capacity, count, timeout_ms, bareCommand("getcon"))
}

// obe_done asks the server to exit.
//
//export obe_done
func obe_done(client C.obe_socket, timeout_ms C.int64_t) C.obe_status {
	return commandOK("done", client, timeout_ms, bareCommand("done"))
}
