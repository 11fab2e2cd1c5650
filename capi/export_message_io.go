package main

// #include "capi.h"
import "C"

import (
	"fmt"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

//obe:group 5 Send and receive messages

// obe_send_message sends a message; see obe_send. The caller keeps the message and still
// frees it.
//
//export obe_send_message
func obe_send_message(socket C.obe_socket, message C.obe_message, timeout_ms C.int64_t) C.obe_status {
	const op = "send_message"
	return withSocket(op, socket, func(s anySocket) error {
		m, err := messageArg(op, "message", message)
		if err != nil {
			return err
		}
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		return s.Send(m.Text(), limit)
	})
}

// obe_receive_message receives one message and stores its handle in *message; free it
// with obe_message_free. See obe_receive.
//
// A message that a server received refers to its client, whose address obe_message_peer
// returns. obe_reply answers it, at any time and from any thread, even while other
// messages are not answered yet. obe_send does not answer it. If it is freed without an
// answer, the connection of its client is closed when a message of another client is
// received, unless the option one_way is set, so that no client waits for a reply that
// will not come. The next message of the same connection is received when this one is
// answered or freed, so that replies leave in the order of their commands (or at once,
// with the option one_way).
//
//export obe_receive_message
func obe_receive_message(socket C.obe_socket, message outMessage, timeout_ms C.int64_t) C.obe_status {
	const op = "receive_message"
	return withSocket(op, socket, func(s anySocket) error {
		if err := checkPointer(op, "message", message); err != nil {
			return err
		}
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		m, err := receiveMessage(s, limit)
		if err != nil {
			return err
		}
		message.put(handles.add(kindMessage, m))
		return nil
	})
}

func receiveMessage(s anySocket, limit time.Duration) (*messageObject, error) {
	switch s := s.(type) {
	case *socket.Server:
		request, err := s.ReceiveMessage(limit)
		if err != nil {
			return nil, err
		}
		return &messageObject{jsondoc.FromValid(request.Body), request}, nil
	case *socket.Client:
		body, err := s.ReceiveBody(limit)
		if err != nil {
			return nil, err
		}
		return &messageObject{jsondoc.FromValid(body), nil}, nil
	}
	return nil, socket.ErrState
}

// obe_tcmd_message sends the message command, receives the reply and stores its handle
// in *reply; free it with obe_message_free. See obe_tcmd.
//
//export obe_tcmd_message
func obe_tcmd_message(client C.obe_socket, command C.obe_message, reply outMessage, timeout_ms C.int64_t) C.obe_status {
	const op = "tcmd_message"
	return withSocket(op, client, func(c *socket.Client) error {
		if err := checkPointer(op, "reply", reply); err != nil {
			return err
		}
		m, err := messageArg(op, "command", command)
		if err != nil {
			return err
		}
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		body, err := c.TcmdBody(m.Text(), limit)
		if err != nil {
			return err
		}
		reply.put(newMessageHandle(jsondoc.FromValid(body)))
		return nil
	})
}

// obe_reply answers the client that sent request, a message that a server received, with
// the JSON text of length bytes (-1: NUL-terminated). A message is answered once. The
// caller still frees it. OBE_OK means that the system has accepted the whole reply, or
// that the library will send it; see obe_send.
//
// Blocks for at most timeout_ms; OBE_DEFAULT_TIMEOUT is the server's default. Returns
// OBE_OK; OBE_E_PEER_CLOSED or OBE_E_RESET if the client has closed the connection;
// OBE_E_CLOSED if this side closed it, or the server was freed; OBE_E_STATE if request
// was already answered, or was not received by a server; OBE_E_JSON; OBE_E_TOO_LARGE;
// OBE_E_TIMEOUT; OBE_E_CANCELLED; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_reply
func obe_reply(request C.obe_message, json inText, length, timeout_ms C.int64_t) C.obe_status {
	const op = "reply"
	return withMessage(op, request, func(m *messageObject) error {
		if err := checkRequest(op, m); err != nil {
			return err
		}
		text, err := bytesArg(op, "json", json, length)
		if err != nil {
			return err
		}
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		return m.request.Reply(text, limit)
	})
}

// obe_reply_message answers the client that sent request with a message; see obe_reply.
//
//export obe_reply_message
func obe_reply_message(request, message C.obe_message, timeout_ms C.int64_t) C.obe_status {
	const op = "reply_message"
	return withMessage(op, request, func(m *messageObject) error {
		if err := checkRequest(op, m); err != nil {
			return err
		}
		answer, err := messageArg(op, "message", message)
		if err != nil {
			return err
		}
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		return m.request.Reply(answer.Text(), limit)
	})
}

// obe_message_peer copies the address of the client that sent message, one that a server
// received, into buffer, and stores its length in *length: "127.0.0.1:50312", or
// "[::1]:50312". The clients of a Unix-domain socket have no addresses, so the text is then
// that of the socket. The address is valid as long as the message, even after the
// client has disconnected or the server was freed. See obe_get_string for buffer and
// capacity; 80 bytes are enough for an IP address and its port.
//
// Returns OBE_OK; OBE_E_STATE if message was not received by a server; OBE_E_BUFFER, with
// the needed size in *length; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_message_peer
func obe_message_peer(message C.obe_message, buffer outText, capacity C.int64_t, length outInt64) C.obe_status {
	const op = "message_peer"
	return withMessage(op, message, func(m *messageObject) error {
		if m.request == nil {
			return fmt.Errorf("%s: %w: the message was not received by a server, so no client sent it", op, socket.ErrState)
		}
		if err := checkPointer(op, "length", length); err != nil {
			return err
		}
		dst, err := outBuffer(op, "buffer", buffer, capacity)
		if err != nil {
			return err
		}
		return withOp(op, putString(m.request.Peer(), dst, length))
	})
}

// checkRequest returns an error if m is not a message that a server received.
func checkRequest(op string, m *messageObject) error {
	if m.request != nil {
		return nil
	}
	return fmt.Errorf("%s: %w: the message was not received by a server, so no client waits for a reply", op, socket.ErrState)
}

// obe_serve receives messages and calls handler with each message and with user, until
// *stop is not 0, or until obe_cancel, obe_close or obe_free.
//
// handler runs on the calling thread, with no lock held, and may call any function. It
// answers with obe_reply. The request is freed when handler returns, and one that was not
// answered is then dropped. Several threads may serve one server, with the same stop too.
// handler must not leave by longjmp or by a C++ exception.
//
// stop may be NULL. Otherwise *stop is read every 100 ms and after each message, so that
// it must exist until obe_serve returns. It may be a volatile sig_atomic_t that a signal
// handler sets; handler itself and other threads may set it, too. A message that was
// not received stays for the next call.
//
// Blocks until *stop is not 0, or until obe_cancel, obe_close or obe_free, and while
// handler runs. Returns OBE_OK because of *stop; OBE_E_CANCELLED after obe_cancel, also
// if handler called it; OBE_E_CLOSED after obe_close or obe_free; OBE_E_STATE for a
// client; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_serve
func obe_serve(server C.obe_socket, handler handlerFunc, user opaque, stop stopFlag) C.obe_status {
	const op = "serve"
	return withSocket(op, server, func(s *socket.Server) error {
		if err := checkPointer(op, "handler", handler); err != nil {
			return err
		}
		flag, err := flagArg(op, "stop", stop)
		if err != nil {
			return err
		}
		var served servedMessage
		return s.Serve(func(request *socket.Message) { served.handle(handler, request, user) }, flag)
	})
}
