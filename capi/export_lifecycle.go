package main

/*
#cgo CFLAGS: -I${SRCDIR}/../include
#include "capi.h"
*/
import "C"

import (
	"libobe/internal/socket"
)

//obe:group 1 Create and free

// obe_client_new creates a client for the server at address and port, and stores its
// handle in *client. Free the handle with obe_free.
//
// It performs no I/O: the client connects when it first sends. address is an IPv4 or
// IPv6 literal or a host name. NULL or "" is the loopback address 127.0.0.1. An IPv6
// link-local address needs its network interface: "fe80::1%eth0", on Windows
// "fe80::1%12". port is 1 to 65535; OBE_DEFAULT_PORT is the port of the protocol.
// "unix:/path" is the Unix-domain socket at an absolute path. port is then ignored.
// Windows does not support it.
//
// A name may resolve to several addresses. A call tries them in turn, IPv4 first: it
// tries the next one after 250 ms without an answer (sooner if timeout_ms is short),
// and starts again with the first, with twice the time in each round. The error message
// lists the outcome for each address.
//
// Returns OBE_OK; OBE_E_ARGUMENT for an invalid address or port, or if client is NULL.
//
//obe:optional address
//export obe_client_new
func obe_client_new(address inText, port C.int32_t, client outSocket) C.obe_status {
	return newSocket("client_new", address, port, "client", client, socket.NewClient)
}

// obe_server_new creates a server that listens on address and port, and stores its handle
// in *server. Free the handle with obe_free.
//
// Clients can connect as soon as it returns. Their messages wait until the first
// obe_receive. address is as in obe_client_new: NULL or "" is the loopback address.
// "0.0.0.0" or "::" listens on all interfaces, so that the server is reachable from the
// network; the options tls_cert, tls_key, tls_ca and allow restrict access. With port 0
// the system chooses a port, which obe_port returns.
//
// "unix:/path" listens on a Unix-domain socket with an absolute path, which only this
// user can connect to (mode 0600). port is ignored, and obe_port stores 0. The stale
// socket file of a server that crashed is replaced. obe_free removes the file.
//
// Resolving a host name blocks for at most 10 s. Otherwise the function does not block.
//
// Returns OBE_OK; OBE_E_ARGUMENT; OBE_E_IN_USE if another server uses the port (the
// error message states it if that is a server of this program); OBE_E_PERMISSION;
// OBE_E_UNREACHABLE if the address is not one of this machine or the name is unknown;
// OBE_E_TIMEOUT if the name could not be resolved in time; OBE_E_UNSUPPORTED for
// "unix:/path" on Windows; OBE_E_IO.
//
//obe:optional address
//export obe_server_new
func obe_server_new(address inText, port C.int32_t, server outSocket) C.obe_status {
	return newSocket("server_new", address, port, "server", server, socket.NewServer)
}

// newSocket creates a client or a server, and stores its handle in *out, which the
// header calls name.
func newSocket[S anySocket](op string, address inText, port C.int32_t, name string, out outSocket,
	create func(host string, port int) (S, error)) C.obe_status {
	return C.obe_status(withoutHandle(op, func() error {
		if err := checkPointer(op, name, out); err != nil {
			return err
		}
		host, err := addressArg(op, address)
		if err != nil {
			return err
		}
		s, err := create(host, int(port))
		if err != nil {
			return withOp(op, err)
		}
		out.put(handles.add(kindSocket, s))
		return nil
	}))
}

// obe_free closes and frees a client or a server. Freeing NULL is a no-op.
//
// Calls that are blocked on the handle return OBE_E_CLOSED at once. obe_free does not
// wait for the network. The unsent rest of a server's replies is sent in the background,
// for at most 30 s, or message_timeout_ms if that is shorter. If the program ends
// earlier, the rest is lost. The value of a handle is not reused soon, so that a second
// obe_free, or another use of a freed handle, is detected.
//
// Returns OBE_OK; OBE_E_HANDLE if socket was already freed or is not a socket.
//
//export obe_free
func obe_free(socket C.obe_socket) C.obe_status {
	return freeHandle("free", uintptr(socket), kindSocket)
}

// freeHandle closes and frees the object behind a handle of one kind.
func freeHandle(op string, h uintptr, k handleKind) C.obe_status {
	return C.obe_status(withoutHandle(op, func() error {
		if h == 0 {
			return nil
		}
		object, ok := handles.remove(h, k).(interface{ Free() })
		if !ok {
			return invalidHandle(op, "", h, k)
		}
		object.Free()
		return nil
	}))
}
