package main

// #include "capi.h"
import "C"

import (
	"time"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

//obe:group 5 Commands
//
// The commands of the protocol's servers, one call each, for clients: no JSON is
// needed. Each sends its command and reads the reply, within timeout_ms, as
// obe_tcmd does, and returns what that returns. A reply that is not the command's
// answer is OBE_E_REPLY, and the text of the error carries it. Numbers that do
// not fit into the caller's array are OBE_E_BUFFER, with the count needed, and
// nothing is sent twice: the reply is kept, for obe_receive_message with
// OBE_NO_WAIT.
//
// What they send besides "command", and what a server has to answer (K knobs, P
// parameters, N samples of their distribution, M settings):
//
//	ready, done                  "OK"
//	newrun     what it needs     "OK"
//	newdat     x, y, s: lists    "OK"
//	optset                       [K numbers], the best setting
//	goodset    pickiness         [K numbers], a good one
//	getmean, getstd              [P numbers]
//	getcov                       [P rows of P numbers]
//	getpar                       [P rows of N numbers]
//	getwgt                       [N numbers]
//	getset                       [K rows of M numbers]
//	getcon                       [numbers], the model's constants

// order guards a command whose answer is "OK".
func order(op string, client C.obe_socket, timeout_ms C.int64_t, request func() (*jsondoc.Document, error)) C.obe_status {
	return query(op, client, timeout_ms, "", 0, request, func(c *socket.Client, r *jsondoc.Document, limit time.Duration) error {
		return command.ExpectOK(c, r, limit)
	})
}

// fetch guards a command whose answer is a list of numbers; name is what the
// header calls the array.
func fetch(op, name string, client C.obe_socket, values outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t,
	request func() (*jsondoc.Document, error)) C.obe_status {
	return query(op, client, timeout_ms, "count", uintptr(count), request, func(c *socket.Client, r *jsondoc.Document, limit time.Duration) error {
		return list(op, name, values, capacity, count, func(dst []float64) (int, error) { return command.Doubles(c, r, dst, limit) })
	})
}

// fetchTable guards a command whose answer is rows of numbers.
func fetchTable(op, name string, client C.obe_socket, values outDoubles, capacity C.int64_t, rows, cols outInt64, timeout_ms C.int64_t) C.obe_status {
	return query(op, client, timeout_ms, "rows or cols", weaker(rows, cols), plain(op), func(c *socket.Client, r *jsondoc.Document, limit time.Duration) error {
		return grid(op, name, values, capacity, rows, cols, func(dst []float64) (int, int, error) { return command.Matrix(c, r, dst, limit) })
	})
}

// query checks what the commands have in common; result is the place for a result,
// and name what that argument is called, "" if there is none. Everything is checked
// before anything is sent.
func query(op string, client C.obe_socket, timeout_ms C.int64_t, name string, result uintptr, request func() (*jsondoc.Document, error),
	body func(*socket.Client, *jsondoc.Document, time.Duration) error) C.obe_status {
	return C.obe_status(on(op, uintptr(client), kindSocket, func(c *socket.Client) error {
		if name != "" {
			if err := place(op, name, result); err != nil {
				return err
			}
		}
		limit, err := timeout(op, timeout_ms)
		if err != nil {
			return err
		}
		r, err := request()
		if err != nil {
			return err
		}
		return body(c, r, limit)
	}))
}

// plain is the request of a command without fields.
func plain(name string) func() (*jsondoc.Document, error) {
	return func() (*jsondoc.Document, error) { return command.Request(name, nil) }
}

// obe_query sends the command with that name, one of those above, and stores its
// reply as a message in *reply, for numbers whose count is not known beforehand; free it
// with obe_message_free. The reply belongs to the caller, so several threads may query
// one client. fields is an object whose members are sent along, or NULL.
//
// The reply is checked as far as that needs no numbers: OBE_E_REPLY for an error, or
// anything else than "OK" or an array. A function that reads its numbers returns
// OBE_E_TYPE for other elements; see obe_check_reply.
//
//export obe_query
func obe_query(client C.obe_socket, _command inText, fields C.obe_message, reply outMessage, timeout_ms C.int64_t) C.obe_status {
	const op = "query"
	return C.obe_status(on(op, uintptr(client), kindSocket, func(c *socket.Client) error {
		if err := place(op, "reply", reply); err != nil {
			return err
		}
		name, err := word(op, "command", _command)
		if err != nil {
			return err
		}
		limit, err := timeout(op, timeout_ms)
		if err != nil {
			return err
		}
		var members *jsondoc.Document
		if fields != 0 {
			d, err := asDocument(op, "fields", fields)
			if err != nil {
				return err
			}
			members = d.Document
		}
		request, err := command.Request(name, members)
		if err != nil {
			return prefix(op, err)
		}
		body, err := c.TcmdBody(request.Text(), limit)
		if err != nil {
			return err
		}
		d := jsondoc.FromValid(body)
		if err = command.CheckKind(name, d); err != nil {
			return err
		}
		reply.put(uintptr(newMessage(d, nil)))
		return nil
	}))
}

// obe_check_reply reports whether reply, a message, is the answer to the command with
// that name, one of those above. It reads the whole reply, for a program that sent
// the command with obe_send and waited in its own way. Use it too for the reason when a number
// of a reply of obe_query cannot be read.
//
// Returns OBE_OK; OBE_E_REPLY, with the reply in the text of the error; OBE_E_ARGUMENT;
// OBE_E_MEMORY; OBE_E_HANDLE.
//
//export obe_check_reply
func obe_check_reply(reply C.obe_message, _command inText) C.obe_status {
	const op = "check_reply"
	return C.obe_status(on(op, uintptr(reply), kindMessage, func(d *document) error {
		name, err := word(op, "command", _command)
		if err != nil {
			return err
		}
		return prefix(op, command.Check(name, d.Document))
	}))
}

// obe_ready asks whether the server is there, once; obe_wait_ready waits for it.
//
//export obe_ready
func obe_ready(client C.obe_socket, timeout_ms C.int64_t) C.obe_status {
	return order("ready", client, timeout_ms, plain("ready"))
}

// obe_newrun begins a new run. What it needs is up to the server: fields is an
// object whose members are sent along, or 0.
//
//export obe_newrun
func obe_newrun(client C.obe_socket, fields C.obe_message, timeout_ms C.int64_t) C.obe_status {
	const op = "newrun"
	return order(op, client, timeout_ms, func() (*jsondoc.Document, error) {
		if fields == 0 {
			return command.Request(op, nil)
		}
		d, err := asDocument(op, "fields", fields)
		if err != nil {
			return nil, err
		}
		r, err := command.Request(op, d.Document)
		return r, prefix(op, err)
	})
}

// obe_optset asks for the best setting to measure at next, a number for each
// knob, in setting, which has room for capacity numbers; *count is how many there
// are.
//
//export obe_optset
func obe_optset(client C.obe_socket, setting outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t) C.obe_status {
	return fetch("optset", "setting", client, setting, capacity, count, timeout_ms, plain("optset"))
}

// obe_goodset asks for a good setting, drawn by chance: the larger pickiness, the
// nearer to the best one. A negative pickiness is left to the server. See
// obe_optset.
//
//export obe_goodset
func obe_goodset(client C.obe_socket, pickiness C.double, setting outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t) C.obe_status {
	return fetch("goodset", "setting", client, setting, capacity, count, timeout_ms, func() (*jsondoc.Document, error) {
		return command.GoodSet(float64(pickiness))
	})
}

// obe_newdat reports a measurement: the setting x, of x_count knobs, the y_count
// values y that were measured there, and their s_count uncertainties s (one
// standard deviation each).
//
//export obe_newdat
func obe_newdat(client C.obe_socket, x inDoubles, x_count C.int64_t, y inDoubles, y_count C.int64_t, s inDoubles, s_count C.int64_t, timeout_ms C.int64_t) C.obe_status {
	const op = "newdat"
	return order(op, client, timeout_ms, func() (*jsondoc.Document, error) {
		return measurement(op, x, x_count, y, y_count, s, s_count)
	})
}

// measurement is the request of newdat.
func measurement(op string, x inDoubles, x_count C.int64_t, y inDoubles, y_count C.int64_t, s inDoubles, s_count C.int64_t) (*jsondoc.Document, error) {
	var lists [3][]float64
	for i, a := range []struct {
		values inDoubles
		count  C.int64_t
		name   string
	}{{x, x_count, "x"}, {y, y_count, "y"}, {s, s_count, "s"}} {
		v, err := numbers(op, a.name, a.values, a.name+"_count", a.count)
		if err != nil {
			return nil, err
		}
		if len(v) == 0 {
			return nil, invalid(op, a.name+"_count", "is 0")
		}
		lists[i] = v
	}
	return command.NewData(lists[0], lists[1], lists[2])
}

// obe_getmean asks for the mean of each parameter, into mean; see obe_optset.
//
//export obe_getmean
func obe_getmean(client C.obe_socket, mean outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t) C.obe_status {
	return fetch("getmean", "mean", client, mean, capacity, count, timeout_ms, plain("getmean"))
}

// obe_getstd asks for the standard deviation of each parameter, into deviation;
// see obe_optset.
//
//export obe_getstd
func obe_getstd(client C.obe_socket, deviation outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t) C.obe_status {
	return fetch("getstd", "deviation", client, deviation, capacity, count, timeout_ms, plain("getstd"))
}

// obe_getcov asks for the covariance matrix of the parameters, into covariance,
// row by row; *rows and *cols are both the number of parameters.
//
//export obe_getcov
func obe_getcov(client C.obe_socket, covariance outDoubles, capacity C.int64_t, rows, cols outInt64, timeout_ms C.int64_t) C.obe_status {
	return fetchTable("getcov", "covariance", client, covariance, capacity, rows, cols, timeout_ms)
}

// obe_getpar asks for the samples of the parameters' distribution, into
// parameters: a row for each parameter, a column for each sample.
//
//export obe_getpar
func obe_getpar(client C.obe_socket, parameters outDoubles, capacity C.int64_t, rows, cols outInt64, timeout_ms C.int64_t) C.obe_status {
	return fetchTable("getpar", "parameters", client, parameters, capacity, rows, cols, timeout_ms)
}

// obe_getset asks for all possible settings, into settings: a row for each knob,
// a column for each setting.
//
//export obe_getset
func obe_getset(client C.obe_socket, settings outDoubles, capacity C.int64_t, rows, cols outInt64, timeout_ms C.int64_t) C.obe_status {
	return fetchTable("getset", "settings", client, settings, capacity, rows, cols, timeout_ms)
}

// obe_getwgt asks for the weight of each sample of obe_getpar, into weights; see
// obe_optset.
//
//export obe_getwgt
func obe_getwgt(client C.obe_socket, weights outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t) C.obe_status {
	return fetch("getwgt", "weights", client, weights, capacity, count, timeout_ms, plain("getwgt"))
}

// obe_getcon asks for the constants of the model, into constants; see obe_optset.
//
//export obe_getcon
func obe_getcon(client C.obe_socket, constants outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t) C.obe_status {
	return fetch("getcon", "constants", client, constants, capacity, count, timeout_ms, plain("getcon"))
}

// obe_done asks the server to end.
//
//export obe_done
func obe_done(client C.obe_socket, timeout_ms C.int64_t) C.obe_status {
	return order("done", client, timeout_ms, plain("done"))
}
