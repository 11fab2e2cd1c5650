package main

// #include "capi.h"
import "C"

import (
	"errors"
	"time"

	"libobe/internal/command"
	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

//obe:group 6 Commands
//
// The commands that servers of the protocol understand, for clients. A program that uses
// them needs no JSON. Each function sends its command and reads the reply within
// timeout_ms, as obe_tcmd does, and returns the same statuses. In addition it returns
// OBE_E_REPLY if the reply is not one that the command expects. The error message quotes
// the reply.
//
// The functions with an array return OBE_E_BUFFER if the numbers do not fit, and store
// the needed size. The command is not sent twice: the client keeps the reply, for
// obe_receive or obe_receive_message with OBE_NO_WAIT, until its next command. If several
// threads send commands on one client, another thread's command may discard the reply.
// Such threads use obe_query, which returns the reply as a message.
//
// What the commands send in addition to "command" and to the members of the option fields,
// and the expected reply (K knobs, P parameters, N samples of their distribution, M
// settings):
//
//	{{commands}}

// requestFunc builds the request of a command from the arguments of an exported function.
type requestFunc func() (*jsondoc.Document, error)

// bareCommand is the request of a command without members.
func bareCommand(name string) requestFunc {
	return func() (*jsondoc.Document, error) { return command.Request(name, nil) }
}

// commandArgs converts the arguments that all commands have.
func commandArgs(op string, timeout_ms C.int64_t, request requestFunc) (r *jsondoc.Document, limit time.Duration, err error) {
	if limit, err = timeoutArg(op, timeout_ms); err == nil {
		r, err = request()
	}
	return
}

// commandOK runs a command whose reply is "OK".
func commandOK(op string, client C.obe_socket, timeout_ms C.int64_t, request requestFunc) C.obe_status {
	return withSocket(op, client, func(c *socket.Client) error {
		r, limit, err := commandArgs(op, timeout_ms, request)
		if err != nil {
			return err
		}
		return command.ExpectOK(c, r, limit)
	})
}

// commandDoubles runs a command whose reply is a list of numbers. The header calls the
// array name. All arguments are checked before anything is sent.
func commandDoubles(op, name string, client C.obe_socket, values outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t,
	request requestFunc) C.obe_status {
	return withSocket(op, client, func(c *socket.Client) error {
		if err := checkPointer(op, "count", count); err != nil {
			return err
		}
		r, limit, err := commandArgs(op, timeout_ms, request)
		if err != nil {
			return err
		}
		dst, err := outArray(op, name, values, capacity)
		if err != nil {
			return err
		}
		n, err := command.Doubles(c, r, dst, limit)
		return putCount(n, err, count)
	})
}

// commandMatrix runs a command without members whose reply is rows of numbers.
func commandMatrix(op, name string, client C.obe_socket, values outDoubles, capacity C.int64_t, rows, cols outInt64, timeout_ms C.int64_t) C.obe_status {
	return withSocket(op, client, func(c *socket.Client) error {
		if err := checkPointer(op, "rows or cols", unusableOf(rows, cols)); err != nil {
			return err
		}
		r, limit, err := commandArgs(op, timeout_ms, bareCommand(op))
		if err != nil {
			return err
		}
		dst, err := outArray(op, name, values, capacity)
		if err != nil {
			return err
		}
		nRows, nCols, err := command.Matrix(c, r, dst, limit)
		return putShape(nRows, nCols, err, rows, cols)
	})
}

// fieldsRequest is the request of a command with the members of fields, which may be 0.
func fieldsRequest(op, name string, fields C.obe_message) (*jsondoc.Document, error) {
	var members *jsondoc.Document
	if fields != 0 {
		m, err := messageArg(op, "fields", fields)
		if err != nil {
			return nil, err
		}
		members = m.Document
	}
	r, err := command.Request(name, members)
	return r, withOp(op, err)
}

// obe_query sends the command of that name, one of the list above, and stores its reply
// as a message in *reply; free it with obe_message_free. It is for replies whose size is
// not known in advance, and for several threads that use one client. fields is an object
// whose members are sent too, or NULL.
//
// The reply has to be "OK" or an array, as the command expects. Otherwise the call
// returns OBE_E_REPLY, and the error message quotes the reply. The elements of an array
// are not checked: obe_get_doubles and obe_get_matrix return OBE_E_TYPE if one is not a
// number, and obe_check_reply then explains what the command expects.
//
// Blocks for at most timeout_ms. Returns OBE_OK; OBE_E_REPLY; OBE_E_ARGUMENT, also for an
// unknown command; OBE_E_TYPE if fields is not an object; and the errors of obe_tcmd
// except OBE_E_BUFFER.
//
//export obe_query
func obe_query(client C.obe_socket, _command inText, fields C.obe_message, reply outMessage, timeout_ms C.int64_t) C.obe_status {
	const op = "query"
	return withSocket(op, client, func(c *socket.Client) error {
		if err := checkPointer(op, "reply", reply); err != nil {
			return err
		}
		name, err := stringArg(op, "command", _command)
		if err != nil {
			return err
		}
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		request, err := fieldsRequest(op, name, fields)
		if err != nil {
			return err
		}
		d, err := command.Query(c, name, request, limit)
		if err != nil {
			return err
		}
		reply.put(newMessageHandle(d))
		return nil
	})
}

// obe_check_reply checks whether the message reply is one that the command of that name
// expects, including its numbers. It is for programs that send the command with obe_send
// and wait for the reply in their own way, and for the error message if a reply of
// obe_query cannot be read as numbers.
//
// Returns OBE_OK; OBE_E_REPLY, and the error message quotes the reply; OBE_E_ARGUMENT,
// also for an unknown command; OBE_E_MEMORY; OBE_E_HANDLE.
//
//obe:status answer
//export obe_check_reply
func obe_check_reply(reply C.obe_message, _command inText) C.obe_status {
	const op = "check_reply"
	return withMessage(op, reply, func(m *messageObject) error {
		name, err := stringArg(op, "command", _command)
		if err != nil {
			return err
		}
		err = command.Check(name, m.Document)
		if errors.Is(err, command.ErrReply) {
			return err // it begins with the command, as for the function of that command
		}
		return withOp(op, err)
	})
}

// obe_newrun starts a new run. fields is an object whose members are sent too, or NULL.
// Which members are needed depends on the server.
//
//export obe_newrun
func obe_newrun(client C.obe_socket, fields C.obe_message, timeout_ms C.int64_t) C.obe_status {
	const op = "newrun"
	return commandOK(op, client, timeout_ms, func() (*jsondoc.Document, error) { return fieldsRequest(op, op, fields) })
}

// obe_goodset asks for a good setting, which the server draws at random: the larger
// pickiness is, the closer to the best setting. With a negative pickiness the server uses
// its own. See obe_optset.
//
//export obe_goodset
func obe_goodset(client C.obe_socket, pickiness C.double, setting outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t) C.obe_status {
	return commandDoubles("goodset", "setting", client, setting, capacity, count, timeout_ms, func() (*jsondoc.Document, error) {
		return command.GoodSet(float64(pickiness))
	})
}

// obe_goodset_ask asks for a good setting and returns as soon as the question is sent, so
// that the server chooses the next setting while the instrument moves and measures.
// obe_goodset_fetch returns the setting. Other commands may be sent in between. pickiness is
// that of obe_goodset.
//
// The reply is never given to another call. Without the option persistent, the question
// has its own connection until it is fetched. On a kept connection, the next command first
// waits for the reply, which is stored for obe_goodset_fetch, and sends nothing if that
// takes longer than its timeout_ms. The server answers the question from what it knows when
// it gets it: from the data before the measurement in progress.
//
// obe_close and obe_free discard the question. Blocks for at most timeout_ms. Returns
// OBE_OK; OBE_E_STATE if the last question was not fetched, then nothing is sent; and the
// errors of obe_send, after which there is no question.
//
//export obe_goodset_ask
func obe_goodset_ask(client C.obe_socket, pickiness C.double, timeout_ms C.int64_t) C.obe_status {
	const op = "goodset_ask"
	return withSocket(op, client, func(c *socket.Client) error {
		r, limit, err := commandArgs(op, timeout_ms, func() (*jsondoc.Document, error) { return command.GoodSet(float64(pickiness)) })
		if err != nil {
			return err
		}
		return command.Ask(c, r, limit)
	})
}

// obe_goodset_fetch waits for the setting that obe_goodset_ask asked for.
//
// OBE_E_TIMEOUT and OBE_E_CANCELLED lose nothing: the next call continues, and with
// OBE_NO_WAIT a loop can look whether the setting is there. Nor does OBE_E_BUFFER: *count
// is the needed capacity, and the next call returns the same setting. After any other error
// the question is over: the server has closed the connection (OBE_E_PEER_CLOSED,
// OBE_E_RESET), or replied something else (OBE_E_REPLY). Returns OBE_E_STATE if nothing was
// asked.
//
//export obe_goodset_fetch
func obe_goodset_fetch(client C.obe_socket, setting outDoubles, capacity C.int64_t, count outInt64, timeout_ms C.int64_t) C.obe_status {
	const op = "goodset_fetch"
	return withSocket(op, client, func(c *socket.Client) error {
		if err := checkPointer(op, "count", count); err != nil {
			return err
		}
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		dst, err := outArray(op, "setting", setting, capacity)
		if err != nil {
			return err
		}
		n, err := command.FetchDoubles(c, "goodset", dst, limit)
		return putCount(n, err, count)
	})
}

// obe_newdat reports a measurement: the setting x of x_count knobs, the y_count values y
// that were measured at it, and their s_count uncertainties s (standard deviations).
//
//export obe_newdat
func obe_newdat(client C.obe_socket, x inDoubles, x_count C.int64_t, y inDoubles, y_count C.int64_t, s inDoubles, s_count C.int64_t, timeout_ms C.int64_t) C.obe_status {
	const op = "newdat"
	return commandOK(op, client, timeout_ms, func() (*jsondoc.Document, error) {
		return newdatRequest(op, x, x_count, y, y_count, s, s_count)
	})
}

// newdatRequest is the request of newdat. Its lists must not be empty.
func newdatRequest(op string, x inDoubles, x_count C.int64_t, y inDoubles, y_count C.int64_t, s inDoubles, s_count C.int64_t) (*jsondoc.Document, error) {
	var lists [3][]float64
	for i, a := range []struct {
		values inDoubles
		count  C.int64_t
		name   string
	}{{x, x_count, "x"}, {y, y_count, "y"}, {s, s_count, "s"}} {
		v, err := doublesArg(op, a.name, a.values, a.name+"_count", a.count)
		if err != nil {
			return nil, err
		}
		if len(v) == 0 {
			return nil, argError(op, a.name+"_count", "is 0")
		}
		lists[i] = v
	}
	return command.NewData(lists[0], lists[1], lists[2])
}
