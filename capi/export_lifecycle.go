package main

/*
#cgo CFLAGS: -I${SRCDIR}/../include
#include "capi.h"
*/
import "C"

import (
	"libobe/internal/socket"
)

//obe:group 1 Make and free

// obe_client_new makes a client of the server at address and port, and gives
// its handle in *client.
//
// There is no I/O: nothing is connected until something is sent. address is an
// IPv4 or IPv6 literal or a host name; NULL or "" is the loopback address
// 127.0.0.1. port is 1 to 65535; servers listen at OBE_DEFAULT_PORT unless told
// otherwise. "unix:/path" is the Unix-domain socket at an absolute path, and port
// then means nothing; Windows has none. An IPv6 link-local address needs its
// network interface: "fe80::1%eth0", on Windows "fe80::1%12". Free the handle with
// obe_free.
//
// A name may stand for several addresses. A call tries them in turn, IPv4 first and
// one at a time: the next one after 250 ms without an answer (sooner if timeout_ms is
// short), then again from the first, for twice as long each round. The error lists the
// outcome for each address.
//
// Returns OBE_OK; OBE_E_ARGUMENT for an address or port that cannot be one, or
// a NULL client.
//
//export obe_client_new
func obe_client_new(address inText, port C.int32_t, client outSocket) C.obe_status {
	const op = "client_new"
	return C.obe_status(withoutHandle(op, func() error {
		if err := checkPointer(op, "client", client); err != nil {
			return err
		}
		text, err := addressArg(op, address)
		if err != nil {
			return err
		}
		c, err := socket.NewClient(text, int(port))
		if err != nil {
			return withOp(op, err)
		}
		client.put(handles.add(kindSocket, c))
		return nil
	}))
}

// obe_server_new makes a server that listens at address and port, and gives its
// handle in *server.
//
// Clients can connect from then on; their messages wait until the first
// obe_receive. address is as in obe_client_new: NULL or "" is the loopback
// address, and "0.0.0.0" or "::" every interface, where strangers can reach the
// server: the options tls_cert, tls_key, tls_ca and allow say who may. port 0 lets
// the system choose one, which obe_port tells. Free the handle with obe_free.
//
// "unix:/path" listens at a Unix-domain socket with an absolute path, for this
// user alone (mode 0600); port means nothing, and obe_port gives 0. The file of a
// server that did not end in order is replaced, and obe_free removes its own.
//
// A host name is looked up, for at most 10 s; otherwise it does not block.
//
// Returns OBE_OK; OBE_E_ARGUMENT; OBE_E_IN_USE if another server uses the port (the
// error message says so if it is a server of this program);
// OBE_E_PERMISSION; OBE_E_UNREACHABLE if the address is not one of this machine
// or its name unknown; OBE_E_TIMEOUT if it was not found in time;
// OBE_E_UNSUPPORTED for "unix:/path" on Windows; OBE_E_IO.
//
//export obe_server_new
func obe_server_new(address inText, port C.int32_t, server outSocket) C.obe_status {
	const op = "server_new"
	return C.obe_status(withoutHandle(op, func() error {
		if err := checkPointer(op, "server", server); err != nil {
			return err
		}
		text, err := addressArg(op, address)
		if err != nil {
			return err
		}
		s, err := socket.NewServer(text, int(port))
		if err != nil {
			return withOp(op, err)
		}
		server.put(handles.add(kindSocket, s))
		return nil
	}))
}

// obe_free closes and frees a client or a server; freeing NULL does nothing.
//
// Calls that are blocked on the handle return OBE_E_CLOSED at once. obe_free
// does not wait for the network. What is left of a server's replies is sent in the
// background, for message_timeout_ms and 30 s at most; a program that ends before
// loses it. The handle's value is not used again soon, so
// that a second obe_free, or another use of it, is an error and not an accident.
//
// Returns OBE_OK; OBE_E_HANDLE if socket was freed already or is not a socket.
//
//export obe_free
func obe_free(socket C.obe_socket) C.obe_status {
	return freeHandle("free", uintptr(socket), kindSocket)
}

// free frees a handle of one kind.
func freeHandle(op string, h uintptr, k handleKind) C.obe_status {
	return C.obe_status(withoutHandle(op, func() error {
		if h == 0 {
			return nil
		}
		switch object := handles.remove(h, k).(type) {
		case interface{ Free() }:
			object.Free()
			return nil
		default:
			return invalidHandle(op, "", h, k)
		}
	}))
}
