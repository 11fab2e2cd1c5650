package main

// #include "capi.h"
import "C"

import (
	"errors"
	"time"

	"libobe/internal/socket"
)

//obe:group 2 Send and receive

// obe_send sends one message, the JSON text of length bytes (-1: NUL-terminated).
//
// The text is validated before any connection is made. A client then closes the
// connection that is open and opens a new one. With the option persistent it uses the
// one that is open. The call returns when the system has accepted the whole message.
//
// A server answers the message that obe_receive last returned on this thread. If this
// thread has no message to answer, it answers the only unanswered one. If that message
// may belong to another loop, it returns OBE_E_STATE and sends nothing. So one loop may
// make its calls on any threads, and several loops may share a server if each stays on
// its thread. Several loops that change threads, as in a thread pool, use
// obe_receive_message with obe_reply, or obe_serve.
//
// A client that reads its reply slowly does not delay the other clients. As soon as
// another client needs the server, or at once with timeout_ms 0, the call returns OBE_OK
// and leaves the rest to the library, up to the option outgoing_limit. Calls that
// receive or serve send the rest, in order, before they receive the next message of that
// client. Only the counter dropped_unread then reports a reply that its client did not
// read.
//
// Blocks for at most timeout_ms. Returns OBE_OK; OBE_E_JSON, with the byte offset in the
// error message; OBE_E_TOO_LARGE; OBE_E_STATE if a server has no message to answer, or
// the only one may belong to another loop; OBE_E_REFUSED, OBE_E_UNREACHABLE or
// OBE_E_TIMEOUT if no connection could be established; OBE_E_TLS; OBE_E_RESET or
// OBE_E_PEER_CLOSED if the peer has closed the connection; OBE_E_BUSY; OBE_E_CANCELLED;
// OBE_E_CLOSED; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_send
func obe_send(socket C.obe_socket, json inText, length, timeout_ms C.int64_t) C.obe_status {
	const op = "send"
	return withSocket(op, socket, func(s anySocket) error {
		body, err := bytesArg(op, "json", json, length)
		if err != nil {
			return err
		}
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		return s.Send(body, limit)
	})
}

// obe_receive receives one message into buffer, which has room for capacity bytes, and
// stores its size in *length.
//
// A client reads from the connection that its last obe_send opened. A server returns the
// next complete message of any client, which obe_send on this thread answers. A client
// that stalls, sends malformed data or disappears does not make the call fail.
//
// The message that this thread received before, or one of a thread that has ended, is
// dropped if it was not answered: its connection is closed, unless this message comes
// from the same connection or the option one_way is set. Once a loop has been seen to
// change threads, this applies to the messages of all threads. The next message of a
// connection is received when the previous one is answered or dropped, so that replies
// leave in the order of their commands. Until then it stays in the system's buffers.
//
// If the message does not fit, the call returns OBE_E_BUFFER, stores the needed size in
// *length and keeps the message for the next obe_receive. capacity 0 (buffer may then be
// NULL) queries the size. If there is room, a NUL follows the message. After any other
// error *length is unchanged and the contents of buffer are undefined. A timeout or
// cancel loses nothing: the next obe_receive continues a partially received message.
//
// Blocks for at most timeout_ms. Returns OBE_OK; OBE_E_BUFFER; OBE_E_TIMEOUT;
// OBE_E_CANCELLED; OBE_E_CLOSED; OBE_E_BUSY; OBE_E_ARGUMENT; OBE_E_HANDLE; for a client
// also OBE_E_STATE (not connected), and OBE_E_PEER_CLOSED, OBE_E_RESET, OBE_E_FRAME,
// OBE_E_TOO_LARGE and OBE_E_JSON, after which the connection is closed.
//
//export obe_receive
func obe_receive(socket C.obe_socket, buffer outText, capacity C.int64_t, length outInt64, timeout_ms C.int64_t) C.obe_status {
	const op = "receive"
	return withSocket(op, socket, func(s anySocket) error {
		dst, limit, err := receiveArgs(op, "buffer", buffer, capacity, "length", length, timeout_ms)
		if err != nil {
			return err
		}
		n, err := s.Receive(dst, limit)
		return putReceived(n, err, dst, length)
	})
}

// receiveArgs converts the arguments of a call that receives into a buffer.
func receiveArgs(op, bufferName string, buffer outText, capacity C.int64_t, lengthName string, length outInt64,
	timeout_ms C.int64_t) (dst []byte, limit time.Duration, err error) {
	if err = checkPointer(op, lengthName, length); err != nil {
		return
	}
	if dst, err = outBuffer(op, bufferName, buffer, capacity); err != nil {
		return
	}
	limit, err = timeoutArg(op, timeout_ms)
	return
}

// putReceived stores the size of a message that was received into dst, or the size that
// it needs.
func putReceived(n int, err error, dst []byte, length outInt64) error {
	if err == nil {
		length.put(int64(n))
		putNUL(dst, n)
		return nil
	}
	var small *socket.BufferError
	if errors.As(err, &small) {
		length.put(int64(small.Need))
	}
	return err
}

// obe_tcmd sends a command and receives its reply: obe_send, obe_receive and obe_close
// under one timeout. For clients.
//
// The reply is stored in reply, which has room for capacity bytes, and its size in
// *reply_length. If it does not fit, the call returns OBE_E_BUFFER, stores the needed
// size in *reply_length and keeps the reply: read it with obe_receive and OBE_NO_WAIT.
// The command is never sent twice. After any other error, if the command was sent, the
// connection is closed, so that a late reply is not mistaken for the reply to a later
// command. After a success it is closed unless the option persistent is set.
//
// Blocks for at most timeout_ms. Returns OBE_OK, and the errors of obe_send and
// obe_receive. After OBE_E_TIMEOUT the server may still execute the command. A Python
// optbayesexpt server never replies to a command that it does not know.
//
//export obe_tcmd
func obe_tcmd(client C.obe_socket, json inText, length C.int64_t, reply outText, capacity C.int64_t, reply_length outInt64, timeout_ms C.int64_t) C.obe_status {
	const op = "tcmd"
	return withSocket(op, client, func(c *socket.Client) error {
		body, err := bytesArg(op, "json", json, length)
		if err != nil {
			return err
		}
		dst, limit, err := receiveArgs(op, "reply", reply, capacity, "reply_length", reply_length, timeout_ms)
		if err != nil {
			return err
		}
		n, err := c.Tcmd(body, dst, limit)
		return putReceived(n, err, dst, reply_length)
	})
}

// obe_close closes a connection but keeps the handle: a client's connection, or that of
// the message that a server's obe_send would answer. A server keeps listening, and its
// other connections stay open. The unsent rest of a server's reply is sent before the
// connection closes; see obe_send.
//
// Calls that are blocked on the handle return OBE_E_CLOSED at once. A reply that was
// kept for a larger buffer is discarded. Closing with no open connection is a no-op.
//
// Returns OBE_OK; OBE_E_HANDLE.
//
//export obe_close
func obe_close(socket C.obe_socket) C.obe_status {
	return withSocket("close", socket, func(s anySocket) error { return s.Close() })
}

// obe_cancel wakes the calls that are in progress on the handle. They return
// OBE_E_CANCELLED. Later calls are not affected. With no call in progress it is a no-op.
//
// No message is lost, and the connection stays open, unless a frame was sent in part or
// obe_tcmd was waiting for its reply. Any thread may call it, but, as with every
// function, not a signal handler.
//
// Returns OBE_OK; OBE_E_HANDLE.
//
//export obe_cancel
func obe_cancel(socket C.obe_socket) C.obe_status {
	return withSocket("cancel", socket, func(s anySocket) error {
		s.Cancel()
		return nil
	})
}

// obe_wait_ready sends {"command": "ready"} until the server replies, whatever the
// reply is. While no server is listening it retries, with a pause that grows to 0.1 s, so
// that a program can start its server and continue as soon as the server is up. For
// clients.
//
// Blocks for at most timeout_ms. Returns OBE_OK; OBE_E_TIMEOUT, with the error of the
// last attempt in the error message; OBE_E_CANCELLED; OBE_E_CLOSED; OBE_E_STATE for a
// server; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_wait_ready
func obe_wait_ready(client C.obe_socket, timeout_ms C.int64_t) C.obe_status {
	const op = "wait_ready"
	return withSocket(op, client, func(c *socket.Client) error {
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		return c.WaitReady(limit)
	})
}

// obe_port stores the port that a server listens on in *port. If obe_server_new was
// called with port 0, it is the port that the system chose.
//
// Returns OBE_OK; OBE_E_STATE for a client; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_port
func obe_port(server C.obe_socket, port outInt32) C.obe_status {
	const op = "port"
	return withSocket(op, server, func(s *socket.Server) error {
		if err := checkPointer(op, "port", port); err != nil {
			return err
		}
		port.put(int32(s.Addr().Port()))
		return nil
	})
}
