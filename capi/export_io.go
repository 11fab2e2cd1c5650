package main

/*
#include "capi.h"
*/
import "C"

import (
	"errors"
	"time"

	"libobe/internal/socket"
)

//obe:group 2 Talk

// obe_send sends one message, the JSON text of length bytes (-1:
// NUL-terminated).
//
// The text is checked first: nothing is connected for what is not JSON. A
// client then opens a connection, closing the one that is open, and sends; with
// the option persistent it uses the one that is open. The call returns when the
// system has taken the whole message, and blocks until then, at most timeout_ms.
//
// A server answers the message that obe_receive returned last on this thread. If this
// thread has no message to answer, it answers the only unanswered one; where the
// message may be that of another loop, it returns OBE_E_STATE and sends nothing. So one
// loop may make its calls on any threads, and several loops may share a server if each
// stays on its thread. Several loops that change threads, as in a thread pool, use
// obe_receive_message with obe_reply, or obe_serve.
//
// A client that reads its reply slowly delays no other one. As soon as another
// client needs the server, or at once with timeout_ms 0, the call returns OBE_OK
// and leaves the rest to the library, within the option outgoing_limit: the
// calls that receive or serve send it on, in order, before the next message of
// that client is taken. So a program with several clients soon receives again.
// Only the counter dropped_unread then reports a reply that its client did not read.
//
// Returns OBE_OK; OBE_E_JSON with the byte offset in the text of the error;
// OBE_E_TOO_LARGE; OBE_E_STATE if a server has no message to answer,
// or it may be that of another loop;
// OBE_E_REFUSED, OBE_E_UNREACHABLE or OBE_E_TIMEOUT if no connection came about;
// OBE_E_RESET or OBE_E_PEER_CLOSED if the peer is gone; OBE_E_BUSY;
// OBE_E_CANCELLED; OBE_E_CLOSED; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_send
func obe_send(socket C.obe_socket, json inText, length, timeout_ms C.int64_t) C.obe_status {
	const op = "send"
	return C.obe_status(withHandle(op, uintptr(socket), kindSocket, func(s anySocket) error {
		body, err := bytesArg(op, "json", json, length)
		if err != nil {
			return err
		}
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		return s.Send(body, limit)
	}))
}

// obe_receive receives one message into buffer, which has room for capacity
// bytes, and gives its size in *length.
//
// A client reads from the connection that its last obe_send opened. A server
// takes the next complete message of any of its clients, which obe_send on this
// thread answers. A client that stalls, sends garbage or disappears never makes it
// fail. The message that this thread received before, or one of a thread that has
// ended, is dropped if it was not answered: its connection is closed, unless this
// message comes from the same connection (option one_way). Once a loop was seen to
// change threads, this applies to the messages of all threads. The next message of a
// connection is received when the one before is answered or dropped, so that replies
// leave in the order of their commands; the system's buffers hold it until then.
//
// A message that does not fit is kept: the return is OBE_E_BUFFER, *length the
// needed size, and the next obe_receive gives it again; capacity 0 (buffer may
// then be NULL) asks for the size. Where there is room, a NUL follows the
// message. After any other failure *length is untouched and the contents of
// buffer are undefined. A timeout or cancel loses nothing: a message that has
// begun goes on at the next obe_receive.
//
// Blocks at most timeout_ms. Returns OBE_OK; OBE_E_BUFFER; OBE_E_TIMEOUT;
// OBE_E_CANCELLED; OBE_E_CLOSED; OBE_E_BUSY; OBE_E_ARGUMENT; OBE_E_HANDLE; for a
// client also OBE_E_STATE (no connection is open), OBE_E_PEER_CLOSED,
// OBE_E_RESET, OBE_E_FRAME, OBE_E_TOO_LARGE and OBE_E_JSON, after which the
// connection is closed.
//
//export obe_receive
func obe_receive(socket C.obe_socket, buffer outText, capacity C.int64_t, length outInt64, timeout_ms C.int64_t) C.obe_status {
	const op = "receive"
	return C.obe_status(withHandle(op, uintptr(socket), kindSocket, func(s anySocket) error {
		return receiveInto(op, "buffer", buffer, capacity, "length", length, timeout_ms, s.Receive)
	}))
}

// receiveInto checks the arguments of a call that receives into a buffer, makes
// the call and gives its result.
func receiveInto(op, bufferName string, buffer outText, capacity C.int64_t, lengthName string, length outInt64, timeout_ms C.int64_t,
	receive func([]byte, time.Duration) (int, error)) error {
	if err := checkPointer(op, lengthName, length); err != nil {
		return err
	}
	dst, err := outBuffer(op, bufferName, buffer, capacity)
	if err != nil {
		return err
	}
	limit, err := timeoutArg(op, timeout_ms)
	if err != nil {
		return err
	}
	n, err := receive(dst, limit)
	if err != nil {
		var small *socket.BufferError
		if errors.As(err, &small) {
			length.put(int64(small.Need))
		}
		return err
	}
	length.put(int64(n))
	putNUL(dst, n)
	return nil
}

// obe_tcmd sends a command and receives its reply: obe_send, obe_receive and
// obe_close under one timeout. For clients.
//
// The reply goes into reply, which has room for capacity bytes, and its size
// into *reply_length. If it does not fit, the return is OBE_E_BUFFER,
// *reply_length the needed size, and the reply is kept: read it with obe_receive
// and timeout 0. The command is never sent twice. After any other failure with the
// command sent the connection is closed, so that a late reply cannot answer a
// later command. With the option persistent the connection otherwise stays open. With the option
// late_reply it also stays open after a timeout in which the command was sent, and
// obe_receive goes on waiting for the reply; it returns OBE_E_STATE if nothing was
// sent.
//
// Blocks at most timeout_ms. Returns OBE_OK, and what obe_send and obe_receive
// return. OBE_E_TIMEOUT leaves open whether the server carries the command out;
// a Python optbayesexpt server never answers a command that it does not know.
//
//export obe_tcmd
func obe_tcmd(client C.obe_socket, json inText, length C.int64_t, reply outText, capacity C.int64_t, reply_length outInt64, timeout_ms C.int64_t) C.obe_status {
	const op = "tcmd"
	return C.obe_status(withHandle(op, uintptr(client), kindSocket, func(c *socket.Client) error {
		body, err := bytesArg(op, "json", json, length)
		if err != nil {
			return err
		}
		return receiveInto(op, "reply", reply, capacity, "reply_length", reply_length, timeout_ms, func(dst []byte, limit time.Duration) (int, error) {
			return c.Tcmd(body, dst, limit)
		})
	}))
}

// obe_close closes the connection, not the handle: a client's, or that of a
// server's last message, which is the one that obe_send would answer. A server keeps
// listening, and its other connections stay. What is left of a server's reply is sent
// before its connection closes; see obe_send.
//
// Calls that are blocked on the handle return OBE_E_CLOSED at once. A reply that
// was kept for a larger buffer is gone. To close where nothing is open is no
// error.
//
// Returns OBE_OK; OBE_E_HANDLE.
//
//export obe_close
func obe_close(socket C.obe_socket) C.obe_status {
	return C.obe_status(withHandle("close", uintptr(socket), kindSocket, func(s anySocket) error {
		return s.Close()
	}))
}

// obe_cancel wakes the calls that are in flight on the handle; they return
// OBE_E_CANCELLED. Calls that begin later are not affected, and without a call
// in flight it does nothing.
//
// Nothing is lost by it, and the connection stays, unless half of a frame was
// sent, or obe_tcmd was waiting for its reply. To be called from any thread, and as
// every function not in a signal handler.
//
// Returns OBE_OK; OBE_E_HANDLE.
//
//export obe_cancel
func obe_cancel(socket C.obe_socket) C.obe_status {
	return C.obe_status(withHandle("cancel", uintptr(socket), kindSocket, func(s anySocket) error {
		s.Cancel()
		return nil
	}))
}

// obe_wait_ready sends {"command": "ready"} until the server answers, whatever
// it says. While nobody listens it tries again, with a pause that grows to 0.1 s,
// so that a program can start its server and go on as soon as that is up.
//
// Blocks at most timeout_ms. Returns OBE_OK; OBE_E_TIMEOUT, with the last
// attempt's failure in the text of the error; OBE_E_CANCELLED; OBE_E_CLOSED;
// OBE_E_STATE for a server; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_wait_ready
func obe_wait_ready(client C.obe_socket, timeout_ms C.int64_t) C.obe_status {
	const op = "wait_ready"
	return C.obe_status(withHandle(op, uintptr(client), kindSocket, func(c *socket.Client) error {
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		return c.WaitReady(limit)
	}))
}

// obe_port gives the port that a server listens at in *port; for port 0 at
// obe_server_new it is the one that the system chose.
//
// Returns OBE_OK; OBE_E_STATE for a client; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_port
func obe_port(server C.obe_socket, port outInt32) C.obe_status {
	const op = "port"
	return C.obe_status(withHandle(op, uintptr(server), kindSocket, func(s *socket.Server) error {
		if err := checkPointer(op, "port", port); err != nil {
			return err
		}
		port.put(int32(s.Addr().Port()))
		return nil
	}))
}
