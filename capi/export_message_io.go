package main

// #include "capi.h"
import "C"

import (
	"fmt"
	"time"

	"libobe/internal/jsondoc"
	"libobe/internal/socket"
)

//obe:group 4 Talk in documents

// obe_send_message sends a document; see obe_send. The document stays the
// caller's.
//
//export obe_send_message
func obe_send_message(socket C.obe_socket, message C.obe_message, timeout_ms C.int64_t) C.obe_status {
	const op = "send_message"
	return C.obe_status(withHandle(op, uintptr(socket), kindSocket, func(s anySocket) error {
		d, err := messageArg(op, "message", message)
		if err != nil {
			return err
		}
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		return s.Send(d.Text(), limit)
	}))
}

// obe_receive_message receives one message as a document, whose handle it gives
// in *message; free it with obe_free. See obe_receive.
//
// A document that a server received carries its client: it is answered with
// obe_reply, at any time and from any thread, also while other documents are
// outstanding. If it is freed without an answer, its client's connection is
// closed when a message of another one is received (option one_way), so that no
// client waits for an answer that will not come. obe_send does not answer it. The
// next message of the same connection is received when this one is answered or freed,
// so that replies leave in the order of their commands (option one_way: at once).
//
//export obe_receive_message
func obe_receive_message(socket C.obe_socket, message outMessage, timeout_ms C.int64_t) C.obe_status {
	const op = "receive_message"
	return C.obe_status(withHandle(op, uintptr(socket), kindSocket, func(s anySocket) error {
		if err := checkPointer(op, "message", message); err != nil {
			return err
		}
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		d, request, err := receiveMessage(s, limit)
		if err != nil {
			return err
		}
		message.put(uintptr(newMessageHandle(d, request)))
		return nil
	}))
}

func receiveMessage(s anySocket, limit time.Duration) (*jsondoc.Document, *socket.Message, error) {
	switch s := s.(type) {
	case *socket.Server:
		m, err := s.ReceiveMessage(limit)
		if err != nil {
			return nil, nil, err
		}
		return jsondoc.FromValid(m.Body), m, nil
	case *socket.Client:
		body, err := s.ReceiveBody(limit)
		return jsondoc.FromValid(body), nil, err
	}
	return nil, nil, socket.ErrState
}

// obe_tcmd_message sends the document command and receives the reply as a
// document, whose handle it gives in *reply; free it with obe_free. See obe_tcmd.
//
//export obe_tcmd_message
func obe_tcmd_message(client C.obe_socket, command C.obe_message, reply outMessage, timeout_ms C.int64_t) C.obe_status {
	const op = "tcmd_message"
	return C.obe_status(withHandle(op, uintptr(client), kindSocket, func(c *socket.Client) error {
		if err := checkPointer(op, "reply", reply); err != nil {
			return err
		}
		d, err := messageArg(op, "command", command)
		if err != nil {
			return err
		}
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		body, err := c.TcmdBody(d.Text(), limit)
		if err != nil {
			return err
		}
		reply.put(uintptr(newMessageHandle(jsondoc.FromValid(body), nil)))
		return nil
	}))
}

// obe_reply answers the client that sent request, a document that a server
// received, with the JSON text of length bytes (-1: NUL-terminated). A document
// is answered once; the caller still frees it. OBE_OK means that the system has the
// whole reply, or the library; see obe_send.
//
// Blocks at most timeout_ms, -2 being the server's default. Returns OBE_OK;
// OBE_E_PEER_CLOSED or OBE_E_RESET if the client is gone; OBE_E_CLOSED if this
// side closed its connection, or the server was freed; OBE_E_STATE if the
// document was answered, or came from no server; OBE_E_JSON; OBE_E_TOO_LARGE;
// OBE_E_TIMEOUT; OBE_E_CANCELLED; OBE_E_ARGUMENT; OBE_E_HANDLE.
//
//export obe_reply
func obe_reply(request C.obe_message, json inText, length, timeout_ms C.int64_t) C.obe_status {
	const op = "reply"
	return replyWith(op, request, timeout_ms, func() ([]byte, error) { return bytesArg(op, "json", json, length) })
}

// obe_reply_message answers the client that sent request with a document; see
// obe_reply.
//
//export obe_reply_message
func obe_reply_message(request, message C.obe_message, timeout_ms C.int64_t) C.obe_status {
	const op = "reply_message"
	return replyWith(op, request, timeout_ms, func() ([]byte, error) {
		d, err := messageArg(op, "message", message)
		if err != nil {
			return nil, err
		}
		return d.Text(), nil
	})
}

func replyWith(op string, request C.obe_message, timeout_ms C.int64_t, body func() ([]byte, error)) C.obe_status {
	return C.obe_status(withHandle(op, uintptr(request), kindMessage, func(d *messageObject) error {
		if d.request == nil {
			return fmt.Errorf("%s: %w: the document was not received by a server, so there is nobody to answer", op, socket.ErrState)
		}
		text, err := body()
		if err != nil {
			return err
		}
		limit, err := timeoutArg(op, timeout_ms)
		if err != nil {
			return err
		}
		return d.request.Reply(text, limit)
	}))
}

// obe_serve receives messages and calls handler with each, as a document and
// with user, until handler returns something else than OBE_OK, which obe_serve
// then returns.
//
// handler runs on the calling thread, with no lock held: it may call any
// function. It answers with obe_reply; a request that it leaves unanswered is
// treated as one that is freed. What obe_reply returned is not to be returned: a
// client that has left would end the server. The request is freed when handler
// returns. Several threads may serve one server. handler must not leave by longjmp or
// by a C++ exception.
//
// Returns what handler returned; OBE_E_CANCELLED after obe_cancel; OBE_E_CLOSED
// after obe_free or obe_close; OBE_E_STATE for a client; OBE_E_ARGUMENT;
// OBE_E_HANDLE.
//
//export obe_serve
func obe_serve(server C.obe_socket, handler handlerFunc, user opaque) C.obe_status {
	const op = "serve"
	returned := C.obe_status(0)
	code := withHandle(op, uintptr(server), kindSocket, func(s *socket.Server) error {
		if err := checkPointer(op, "handler", handler); err != nil {
			return err
		}
		err := s.Serve(func(m *socket.Message) error {
			d := &messageObject{jsondoc.FromValid(m.Body), m}
			request := handles.add(kindMessage, d)
			defer handles.removeObject(request, d) // the handler may have freed it
			if returned = C.capi_call(C.uintptr_t(handler), C.obe_message(request), C.uintptr_t(user)); returned != 0 {
				return errStopServing
			}
			return nil
		})
		if err == errStopServing {
			return nil
		}
		return err
	})
	if code == 0 {
		return returned
	}
	return C.obe_status(code)
}

// errStopServing ends Serve when the handler has returned a status of its own.
var errStopServing = fmt.Errorf("the handler ended the serving")
